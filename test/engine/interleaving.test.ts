import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { WriteProtocol } from "../../lib/api.ts";
import { httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import { openDescriptors } from "../support/leaks.ts";
import { describeLoops, type Hooks, startServer, temporaryFolder } from "../support/server.ts";

describeLoops("what is decided late or held back", (loop) => {
  const start = (on: Hooks) => startServer({ eventLoop: loop, on });

  it("an upgrade is decided by its own filter's promise, not by that of an earlier request", async () => {
    const server = await start({
      HTTP: (wsi) => {
        wsi.httpReply(200);
        return delay(20);
      },
      FILTER_PROTOCOL_CONNECTION: () => delay(100).then(() => 1),
    });
    const peer = await server.connect();
    peer.send(httpRequest(), upgradeRequest());
    expect((await peer.response()).status).toBe(200);
    expect((await peer.response()).status).toBe(403);
    expect(server.all("ESTABLISHED")).toHaveLength(0);
  });

  it("a promise that fails behind its reply does not answer the next request", async () => {
    let first = true;
    const server = await start({
      HTTP: (wsi) => {
        if (!first) return void setTimeout(() => wsi.httpReply(200, {}, "second"), 60);
        first = false;
        wsi.httpReply(200, {}, "first");
        return delay(20).then(() => Promise.reject(new Error("late")));
      },
    });
    const peer = await server.connect();
    peer.send(httpRequest(), httpRequest());
    expect(String((await peer.response()).body)).toBe("first");
    expect(String((await peer.response()).body)).toBe("second");
    await peer.closed();
  });

  it("what is written as the body for HEAD does not go into the next reply", async () => {
    const server = await start({
      HTTP: async (wsi) => {
        const name = wsi.method;
        wsi.writeHttpHeaders(200, { "content-length": 4 });
        await delay(10);
        wsi.write(name.slice(0, 2), WriteProtocol.HTTP);
        wsi.write(name.slice(0, 2), WriteProtocol.HTTP_FINAL);
      },
    });
    const peer = await server.connect();
    peer.send(httpRequest({ method: "HEAD" }), httpRequest({ method: "PUT" }));
    await peer.response("HEAD");
    expect(String((await peer.response()).body)).toBe("PUPU");
  });

  it.each(["FILTER_PROTOCOL_CONNECTION", "ESTABLISHED"] as const)(
    "what comes while receiving is held back since %s is delivered whole, in order",
    async (reason) => {
      const server = await start({
        FILTER_PROTOCOL_CONNECTION: async (wsi) => {
          if (reason === "FILTER_PROTOCOL_CONNECTION") wsi.rxFlowControl(false);
          await delay(10);
        },
        ESTABLISHED: (wsi) => {
          if (reason === "ESTABLISHED") wsi.rxFlowControl(false);
        },
      });
      const peer = await server.connect();
      peer.send(upgradeRequest(), textFrame("a"));
      expect((await peer.response()).status).toBe(101);
      const { wsi } = await server.nth("ESTABLISHED");
      for (const text of ["b", "c"]) {
        peer.send(textFrame(text));
        await delay(10);
      }
      expect(server.received()).toEqual([]);
      wsi.rxFlowControl(true);
      await server.nth("RECEIVE", 3);
      expect(server.received()).toEqual(["a", "b", "c"]);
    },
  );

  it("a timer that is set between two turns counts from then, not from the last turn", async () => {
    const server = await start({});
    const session = await server.open();
    const { wsi } = await server.nth("ESTABLISHED");
    await delay(120);
    const from = performance.now();
    wsi.setTimer(100);
    await server.nth("TIMER");
    // Timers are in whole milliseconds.
    expect(performance.now() - from).toBeGreaterThanOrEqual(98);
    session.destroy();
  });

  it("a reply with an interim status is refused, as the peer would wait for another", async () => {
    const thrown: unknown[] = [];
    const server = await start({
      HTTP: (wsi) => {
        try {
          wsi.httpReply(103);
        } catch (error) {
          thrown.push(error);
          wsi.httpReply(204);
        }
      },
    });
    expect((await server.ask(httpRequest())).status).toBe(204);
    expect(thrown[0]).toBeInstanceOf(RangeError);
  });

  it("a file for a client that has gone meanwhile is not even opened", async () => {
    const big = join(temporaryFolder(), "big.bin");
    writeFileSync(big, Buffer.alloc(3 << 20));
    const before = openDescriptors();
    const served: Promise<void>[] = [];
    const server = await start({
      HTTP: (wsi) => {
        const gone = server.nth("CLOSED_HTTP", served.length + 1);
        served.push(gone.then(() => wsi.serveHttpFile(big)));
      },
    });
    for (let i = 1; i <= 5; i++) {
      const peer = await server.connect();
      peer.send(httpRequest());
      await server.nth("HTTP", i);
      peer.abort();
      await server.nth("CLOSED_HTTP", i);
    }
    await Promise.allSettled(served);
    expect(openDescriptors().filter((target) => target.includes("big.bin"))).toEqual([]);
    expect(before.filter((target) => target.includes("big.bin"))).toEqual([]);
  });

  it("PROTOCOL_DESTROY comes behind the last CLOSED, also of a session that had to be dropped", async () => {
    const server = await startServer({ eventLoop: loop, timeouts: { drain: 30, close: 5000 } });
    await server.open();
    await server.nth("ESTABLISHED");
    await server.context.destroy();
    expect(server.notes.map((note) => note.reason).slice(-2)).toEqual(["CLOSED", "PROTOCOL_DESTROY"]);
  });

  it("a download at a steady pace may take longer than the time for a stalled one", async () => {
    const origin = temporaryFolder();
    const size = 24 << 20;
    writeFileSync(join(origin, "big.bin"), Buffer.alloc(size));
    const server = await startServer({
      eventLoop: loop,
      mounts: [{ mountpoint: "/", origin }],
      timeouts: { body: 150 },
    });
    const peer = await server.connect();
    peer.send(httpRequest({ target: "/big.bin", headers: { Connection: "close" } }));
    let received = 0;
    while (received < size) {
      received += (await peer.bytes(Math.min(1 << 20, size - received))).length;
      await delay(20);
    }
    expect(received).toBe(size);
  });
});
