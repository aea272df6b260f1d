import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import {
  closeFrame,
  httpRequest,
  OPCODE,
  pongFrame,
  readClose,
  textFrame,
  upgradeRequest,
} from "../support/frames.ts";
import { Peer } from "../support/node-client.ts";
import { rounds } from "../support/raw.ts";
import { certificate, describeLoops, type ServerOptions, speaksTls, startServer } from "../support/server.ts";

const hasPrlimit = spawnSync("prlimit", ["--version"]).status === 0;

describeLoops("exhaustion and long lives", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });
  const echo = {
    RECEIVE: (wsi: { write(data: never, mode: number): number }, input: never) => void wsi.write(input, 0),
  };

  describe("row 80: a peer that is slow", () => {
    it("and says nothing is closed without a word", async () => {
      const server = await start({ timeouts: { head: 50 } });
      const peer = await server.connect();
      expect(await peer.closed()).toHaveLength(0);
      await server.nth("CLOSED_HTTP");
    });

    it("with its head gets 408, however it drips", async () => {
      const server = await start({ timeouts: { head: 150 } });
      const peer = await server.connect();
      const request = `GET / HTTP/1.1\r\nX-Long: ${"x".repeat(10_000)}`;
      let at = 0;
      const drip = setInterval(() => peer.send(request.slice(at, ++at)), 10);
      const reply = await peer.response();
      clearInterval(drip);
      expect(reply.status).toBe(408);
      await peer.closed();
    });

    it("with its body gets 408", async () => {
      const server = await start({ timeouts: { body: 50 }, on: { HTTP: () => {} } });
      const peer = await server.connect();
      peer.send(httpRequest({ method: "POST", headers: { "Content-Length": "10" }, body: "half" }));
      expect((await peer.response()).status).toBe(408);
      await peer.closed();
      expect(server.names()).not.toContain("HTTP_BODY_COMPLETION");
    });

    it("to send a further request on a kept connection is closed without a word", async () => {
      const server = await start({ timeouts: { keepAlive: 50 } });
      const peer = await server.connect();
      peer.send(httpRequest());
      expect((await peer.response()).status).toBe(200);
      expect(await peer.closed()).toHaveLength(0);
    });

    it("to read a reply is closed", async () => {
      const body = Buffer.alloc(40 << 20);
      const server = await start({
        timeouts: { body: 100 },
        maxBufferedBytes: 64 << 20,
        on: { HTTP: (wsi) => wsi.httpReply(200, {}, body) },
      });
      const peer = await server.connect();
      peer.pause();
      peer.send(httpRequest());
      await server.nth("CLOSED_HTTP");
    });

    it("to answer a Close is dropped", async () => {
      const server = await start({ timeouts: { close: 50 } });
      const { peer, wsi } = await server.pair();
      wsi.close(1000);
      expect(readClose(await peer.frame())).toMatchObject({ code: 1000 });
      expect(await peer.closed()).toHaveLength(0);
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1006, wasClean: false });
    });
  });

  describe("row 81: an idle session", () => {
    it("is pinged, and dropped when nothing comes then", async () => {
      const server = await start({ timeouts: { ping: 40, pong: 40 } });
      const peer = await server.open();
      expect((await peer.frame()).opcode).toBe(OPCODE.ping);
      expect(await peer.closed()).toHaveLength(0);
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1006, wasClean: false });
    });

    it("that answers lives on and is pinged again", async () => {
      const server = await start({ on: echo, timeouts: { ping: 40, pong: 1000 } });
      const peer = await server.open();
      for (let i = 0; i < 3; i++) {
        const ping = await peer.frame();
        expect(ping.opcode).toBe(OPCODE.ping);
        peer.send(pongFrame(ping.payload));
      }
      expect(server.names()).not.toContain("CLOSED");
    });

    it("that has received rests: a message puts the ping off as well as a pong", async () => {
      const server = await start({ on: echo, timeouts: { ping: 40, pong: 1000 } });
      const peer = await server.open();
      for (let i = 0; i < 3; i++) {
        expect((await peer.frame()).opcode).toBe(OPCODE.ping);
        peer.send(textFrame("alive"));
        expect((await peer.frame()).opcode).toBe(OPCODE.text);
      }
      expect(server.names()).not.toContain("CLOSED");
    });
  });

  it.runIf(speaksTls(loop))("row 82: a TLS connection without a ClientHello is closed", async () => {
    const server = await start({ ssl: certificate, timeouts: { head: 1000 } });
    const peer = await server.connect({ tls: false });
    await peer.closed();
    expect((await server.open()).reply?.status).toBe(101);
  });

  it.runIf(speaksTls(loop))("row 82: plain bytes on a TLS port are no request", async () => {
    const server = await start({ ssl: certificate, timeouts: { head: 200 } });
    const peer = await server.connect({ tls: false });
    peer.send(upgradeRequest());
    expect((await peer.closed()).toString("latin1")).not.toContain("HTTP/1.1 101");
    expect(server.names()).not.toContain("HTTP");
  });

  it("row 83: a reader that stopped loses its session, and the others go on unharmed", async () => {
    const server = await start({ on: echo, maxBufferedBytes: 4 << 20 });
    const stopped = await server.pair();
    const other = await server.open();
    stopped.peer.pause();
    const megabyte = Buffer.alloc(1 << 20);
    let refused = 0;
    for (let i = 0; i < 200; i++) {
      if (stopped.wsi.write(megabyte, WriteProtocol.BINARY) === -1) refused++;
      if (i % 10 === 0) await rounds(2);
    }
    expect(refused).toBeGreaterThan(100);
    const closed = await server.nth("CLOSED");
    expect(closed.wsi).toBe(stopped.wsi);
    expect(closed.input).toMatchObject({ code: 1008, wasClean: false });
    other.send(textFrame("unharmed"));
    expect(await other.text()).toBe("unharmed");
  });

  it("row 84: one connection more than the limit is refused, and there is room again when one leaves", async () => {
    const server = await start({ maxConnections: 2 });
    const first = await server.open();
    await server.open();
    const third = await server.connect();
    expect(await third.closed()).toHaveLength(0);
    expect(server.context.connections).toBe(2);
    await first.drop();
    await server.nth("CLOSED");
    await server.open();
  });

  it("row 84: the limit for one address leaves other addresses alone", async () => {
    const server = await start({ maxConnectionsPerAddress: 1 });
    await server.open();
    const second = await server.connect();
    expect(await second.closed()).toHaveLength(0);
    const elsewhere = await server.connect({ localAddress: "127.0.0.2" });
    expect((await elsewhere.upgrade()).status).toBe(101);
  });

  describe("row 86: destroy", () => {
    it("answers upgrades with 503, sends 1001 to all, and waits for their answers", async () => {
      const server = await start();
      const session = await server.open();
      const halfway = await server.connect();
      const request = upgradeRequest();
      halfway.send(request.slice(0, 30));
      await rounds(10);
      let done = false;
      const destroyed = server.context.destroy().then(() => (done = true));
      expect(readClose(await session.frame())).toMatchObject({ code: 1001 });
      halfway.send(request.slice(30));
      expect((await halfway.response()).status).toBe(503);
      await expect(Peer.open({ port: server.port })).rejects.toMatchObject({ code: "ECONNREFUSED" });
      expect(done).toBe(false);
      session.send(closeFrame(1001));
      await destroyed;
      expect(server.all("CLOSED").map((note) => note.input)).toMatchObject([{ code: 1001, wasClean: true }]);
    });

    it("drops what does not answer within its limit", async () => {
      const server = await start({ timeouts: { drain: 50 } });
      const silent = await server.open();
      const started = await server.connect();
      started.send("GET / HT");
      await rounds(5);
      await server.context.destroy();
      expect(server.all("CLOSED")).toHaveLength(1);
      expect(server.all("CLOSED")[0].input).toMatchObject({ code: 1006, wasClean: false });
      expect(server.context.connections).toBe(0);
      await Promise.all([silent.closed(), started.closed()]);
    });

    it("finishes while nobody services the context", async () => {
      const server = await start({ run: false, timeouts: { drain: 50 } });
      const peer = await server.connect();
      await server.context.destroy();
      await peer.closed();
      expect(server.all("PROTOCOL_DESTROY")).toHaveLength(1);
    });

    it("may be called from within a callback", async () => {
      const server = await start({
        on: { RECEIVE: (wsi) => void wsi.context.destroy() },
      });
      const peer = await server.open();
      peer.send(textFrame("stop"));
      expect(await peer.close()).toMatchObject({ code: 1001 });
      peer.send(closeFrame(1001));
      await server.nth("PROTOCOL_DESTROY");
      expect(server.names().at(-1)).toBe("CLOSED");
    });
  });

  it.skipIf(!hasPrlimit)(
    `row 88: without descriptors it does not spin, and accepts again with them${hasPrlimit ? "" : " (no prlimit here)"}`,
    async () => {
      const server = await start({ on: echo });
      const before = await server.open();
      const limit = (soft: string) =>
        expect(spawnSync("prlimit", ["--pid", String(process.pid), `--nofile=${soft}:`]).status).toBe(0);
      const full: number[] = [];
      const first = openSync("/dev/null", "r");
      limit(String(first + 50));
      let peer: Peer | undefined;
      try {
        for (;;) full.push(openSync("/dev/null", "r"));
      } catch (error) {
        expect(error).toMatchObject({ code: "EMFILE" });
        closeSync(full.pop()!);
        peer = await server.connect();
        const logged = server.log.length;
        before.send(textFrame("still served"));
        expect(await before.text()).toBe("still served");
        await rounds(500);
        expect(server.log.length - logged).toBeLessThan(20);
      } finally {
        for (const fd of full) closeSync(fd);
        closeSync(first);
        limit("20000");
      }
      await peer?.drop();
      const after = await server.open();
      after.send(textFrame("room again"));
      expect(await after.text()).toBe("room again");
    },
  );
});
