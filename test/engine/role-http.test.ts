import { expect, it } from "vitest";
import { WriteProtocol, type Wsi } from "../../lib/api.ts";
import { httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import { describeLoops, startServer } from "../support/server.ts";

// Replies are in reply.test.ts, requests and their bodies in http.test.ts and http-body.test.ts, limits in life.test.ts;
// here is how one connection goes from one request to the next, to a session, and to its end.

describeLoops("a connection that speaks HTTP", (loop) => {
  const echo = (wsi: Wsi) => wsi.httpReply(200, {}, wsi.uri);
  const start = (on: Parameters<typeof startServer>[0]["on"] = { HTTP: echo }) =>
    startServer({ eventLoop: loop, on: on ?? {} });

  it("serves requests that are cut at every offset as those that come at once", async () => {
    const server = await start();
    const bytes = Buffer.from(httpRequest({ target: "/one" }) + httpRequest({ target: "/two" }));
    const peer = await server.connect();
    for (let cut = 1; cut < bytes.length; cut += 7) {
      await peer.send(bytes.subarray(0, cut));
      await peer.send(bytes.subarray(cut));
      expect(String((await peer.response()).body)).toBe("/one");
      expect(String((await peer.response()).body)).toBe("/two");
    }
  });

  it("becomes a session after any number of requests, with frames glued to the upgrade", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(
      httpRequest({ target: "/a" }),
      httpRequest({ target: "/b" }),
      upgradeRequest(),
      textFrame("hi"),
    );
    expect(String((await peer.response()).body)).toBe("/a");
    expect(String((await peer.response()).body)).toBe("/b");
    expect((await peer.response()).status).toBe(101);
    expect(String((await server.nth("RECEIVE")).input)).toBe("hi");
  });

  it("tells its state: HTTP, CLOSING behind its last reply, CLOSED", async () => {
    const states: string[] = [];
    const server = await start({
      HTTP: (wsi) => {
        states.push(wsi.state);
        wsi.httpReply(200, { connection: "close" }, "x");
        states.push(wsi.state);
      },
    });
    await server.ask(httpRequest());
    states.push((await server.nth("CLOSED_HTTP")).wsi.state);
    expect(states).toEqual(["HTTP", "CLOSING", "CLOSED"]);
  });

  it("forgets the request's data with the request", async () => {
    const server = await start({
      HTTP: (wsi) => {
        expect(wsi.user).toBeUndefined();
        wsi.user = wsi.uri;
        wsi.httpReply(200);
      },
    });
    const peer = await server.connect();
    peer.send(httpRequest(), httpRequest());
    await peer.response();
    expect((await peer.response()).status).toBe(200);
  });

  it("throws TypeErrors for what has no place in it", async () => {
    const thrown: unknown[] = [];
    const attempt = (act: () => void) => {
      try {
        act();
      } catch (error) {
        thrown.push(error);
      }
    };
    const server = await start({
      HTTP: (wsi) => {
        attempt(() => wsi.write("x", WriteProtocol.TEXT));
        attempt(() => wsi.write(5 as unknown as string, WriteProtocol.HTTP));
        attempt(() => wsi.reject(403));
        wsi.httpReply(200);
      },
    });
    await server.ask(httpRequest());
    expect(thrown.map((error) => error instanceof TypeError)).toEqual([true, true, true]);
  });

  it("has no reply to give between two requests", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(httpRequest());
    await peer.response();
    const { wsi } = await server.nth("HTTP");
    expect(() => wsi.httpReply(200)).toThrow();
    expect(wsi.write("x", WriteProtocol.HTTP)).toBe(-1);
    peer.send(httpRequest({ target: "/next" }));
    expect(String((await peer.response()).body)).toBe("/next");
  });

  it("that wsi.close ends is ended after what is queued", async () => {
    const server = await start({
      HTTP: (wsi) => {
        wsi.httpReply(200, {}, "last");
        wsi.close();
      },
    });
    const peer = await server.connect();
    peer.send(httpRequest());
    expect((await peer.closed()).toString("latin1")).toMatch(/\r\n\r\nlast$/);
  });
});
