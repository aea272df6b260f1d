import { join } from "node:path";
import { expect, it } from "vitest";
import type { Wsi } from "../../lib/api.ts";
import { closeFrame, httpRequest, textFrame } from "../support/frames.ts";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";

describeLoops("a wsi", (loop) => {
  type Hooks = NonNullable<Parameters<typeof startServer>[0]["on"]>;
  const start = (on: Hooks = {}) => startServer({ eventLoop: loop, on });

  it("tells the request it came with, for the session's whole life", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair({
      target: "/room/a?b=c&d",
      headers: { "X-One": ["1", "2"], "Sec-WebSocket-Protocol": "test, other" },
    });
    const check = (it: Wsi) => {
      expect(it).toMatchObject({ method: "GET", uri: "/room/a", query: "b=c&d", secure: false });
      expect(it.protocolsAsked).toEqual(["test", "other"]);
      expect(it.headers["x-one"]).toBe("1, 2");
      expect(it.headers["constructor"]).toBeUndefined();
      expect(it.remoteAddress).toBe("127.0.0.1");
      expect(it.remotePort).toBe(peer.socket.localPort);
      expect(it.getProtocol()).toBe(server.protocol);
      expect(it.context).toBe(server.context);
    };
    check(wsi);
    peer.send(closeFrame(1000));
    check((await server.nth("CLOSED")).wsi);
  });

  it("has nothing of a request before there is one", async () => {
    const seen: object[] = [];
    const server = await start({
      FILTER_NETWORK_CONNECTION: ({ method, uri, query, headers, protocolsAsked, state }) =>
        void seen.push({ method, uri, query, headers: { ...headers }, protocolsAsked, state }),
    });
    await server.connect();
    await server.nth("FILTER_NETWORK_CONNECTION");
    expect(seen).toEqual([
      { method: "", uri: "", query: "", headers: {}, protocolsAsked: [], state: "HTTP" },
    ]);
  });

  it("has no address and no port on a Unix socket", async () => {
    const path = join(temporaryFolder(), "socket");
    const server = await startServer({ eventLoop: loop, path });
    const { peer, wsi } = await server.pair();
    expect(wsi).toMatchObject({ remoteAddress: "", remotePort: 0 });
    wsi.write("x", 0);
    expect(await peer.text()).toBe("x");
  });

  it.each([
    ["reject", (wsi: Wsi) => wsi.reject(403)],
    ["httpReply", (wsi: Wsi) => wsi.httpReply(200)],
    ["redirect", (wsi: Wsi) => wsi.redirect(301, "/")],
    ["serveHttpFile", (wsi: Wsi) => wsi.serveHttpFile("x")],
    ["writeHttpHeaders", (wsi: Wsi) => wsi.writeHttpHeaders(200)],
  ])("that is a session throws ERR_NOT_HTTP for %s", async (name, act) => {
    const { wsi } = await (await start()).pair();
    expect(() => act(wsi)).toThrow(expect.objectContaining({ code: "ERR_NOT_HTTP" }));
    expect(() => act(wsi)).toThrow(new RegExp(`^${name}: `));
  });

  it.each([300, 304, 200, 305, 309, 301.5, "301"])("redirects with no status such as %j", async (status) => {
    const thrown: unknown[] = [];
    const server = await start({
      HTTP: (wsi) => {
        try {
          wsi.redirect(status as number, "/");
        } catch (error) {
          thrown.push(error);
        }
        wsi.httpReply(200);
      },
    });
    await server.ask(httpRequest());
    expect(thrown[0]).toBeInstanceOf(RangeError);
  });

  it("row 41: checks what it is closed with before anything happens", async () => {
    const { peer, wsi } = await (await start()).pair();
    expect(() => wsi.close(1005)).toThrow(RangeError);
    expect(() => wsi.close(1000, 5 as unknown as string)).toThrow(TypeError);
    expect(() => wsi.close(1000, "a".repeat(124))).toThrow(RangeError);
    expect(() => wsi.closeReason(999)).toThrow(RangeError);
    expect(wsi.state).toBe("ESTABLISHED");
    wsi.close(4000, "fine");
    expect(await peer.close()).toEqual({ code: 4000, reason: "fine" });
  });

  it("closes with what closeReason said in the callback that returns nonzero, not in one before", async () => {
    const server = await start({
      RECEIVE: (wsi, input: Buffer) => {
        if (String(input) === "said") {
          wsi.closeReason(4001, "not now");
          return 0;
        }
        return 1;
      },
    });
    const { peer } = await server.pair();
    peer.send(textFrame("said"), textFrame("go"));
    expect(await peer.close()).toEqual({ code: 1005, reason: "" });
  });

  it("takes a number of milliseconds for its timer, and nothing else", async () => {
    const { wsi } = await (await start()).pair();
    for (const ms of [Number.NaN, "5", undefined, null])
      expect(() => wsi.setTimer(ms as number)).toThrow(TypeError);
  });

  it("calls TIMER at the newest time only, at once for 0, and never after CLOSED", async () => {
    const server = await start({ CLOSED: (wsi) => wsi.setTimer(0) });
    const { peer, wsi } = await server.pair();
    wsi.setTimer(10_000);
    wsi.setTimer(0);
    await server.nth("TIMER");
    wsi.setTimer(20);
    wsi.setTimer(-1);
    peer.send(closeFrame(1000));
    await server.nth("CLOSED");
    await server.destroy();
    expect(server.all("TIMER")).toHaveLength(1);
  });

  it("drops the connection without a Close when it is terminated", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    wsi.terminate();
    expect(await peer.closed()).toHaveLength(0);
    expect((await server.nth("CLOSED")).input).toEqual({ code: 1006, reason: "", wasClean: false });
    expect(wsi.getSocketFd()).toBe(-1);
  });
});
