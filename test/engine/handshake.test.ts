import { createServer } from "node:net";
import { expect, it } from "vitest";
import type { AddHeader, Wsi } from "../../lib/index.ts";
import { createContext } from "../../lib/index.ts";
import { ACCEPT, frame, KEY, type RequestOptions, textFrame, upgradeRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, Recorder, type ServerOptions, startServer } from "../support/server.ts";

describeLoops("the opening handshake", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  /** The status of the reply to an upgrade request that differs from a good one in `options`. */
  async function statusOf(options: RequestOptions, server: ServerOptions = {}): Promise<number> {
    const reply = await (await start(server)).ask(upgradeRequest(options));
    return reply.status;
  }
  const withHeaders = (headers: RequestOptions["headers"] & {}) => statusOf({ headers });

  it("answers a valid request with 101 and the accept value of RFC 6455", async () => {
    const server = await start();
    const reply = await server.ask(upgradeRequest());
    expect(reply).toMatchObject({ version: "HTTP/1.1", status: 101 });
    expect(reply.headers).toMatchObject({ upgrade: "websocket", "sec-websocket-accept": ACCEPT });
    expect(reply.headers["connection"].toLowerCase()).toBe("upgrade");
    expect(reply.headers).not.toHaveProperty("sec-websocket-protocol");
    expect(reply.headers).not.toHaveProperty("sec-websocket-extensions");
  });

  it("takes header names and tokens in any case", async () => {
    const request = upgradeRequest({
      headers: { Upgrade: "WebSocket", Connection: "uPGRADE" },
    }).replace(/^([A-Z][\w-]+):/gm, (name) => name.toLowerCase());
    expect((await (await start()).ask(request)).status).toBe(101);
  });

  it("row 1: a POST upgrade gets 405 with Allow", async () => {
    const reply = await (await start()).ask(upgradeRequest({ method: "POST" }));
    expect(reply.status).toBe(405);
    expect(reply.headers["allow"]).toContain("GET");
  });

  it("row 2: an HTTP/1.0 upgrade gets 400", async () => {
    expect(await statusOf({ version: "HTTP/1.0" })).toBe(400);
  });

  it.each([
    ["no Host", null],
    ["two Hosts", ["a", "b"]],
    ["an empty Host", ""],
  ])("row 3: %s gets 400", async (_what, Host) => {
    expect(await withHeaders({ Host })).toBe(400);
  });

  it.each([
    ["is missing", null],
    ["is no base64", "!!!!!!!!!!!!!!!!!!!!!!=="],
    ["holds 15 bytes", Buffer.alloc(15).toString("base64")],
    ["holds 17 bytes", Buffer.alloc(17).toString("base64")],
    ["is sent twice", [KEY, KEY]],
  ])("row 4: a key that %s gets 400", async (_what, key) => {
    expect(await withHeaders({ "Sec-WebSocket-Key": key })).toBe(400);
  });

  it("row 5: a key whose unused bits are set gets 400", async () => {
    expect(await withHeaders({ "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZR==" })).toBe(400);
  });

  it.each([null, "12", "13, 8", "0x0d", "13.0", "8"])(
    "row 6: version %s gets 426 with the right one",
    async (version) => {
      const request = upgradeRequest({ headers: { "Sec-WebSocket-Version": version } });
      const reply = await (await start()).ask(request);
      expect(reply.status).toBe(426);
      expect(reply.headers["sec-websocket-version"]).toBe("13");
    },
  );

  it("row 8: Upgrade may be a list that holds websocket", async () => {
    expect(await withHeaders({ Upgrade: "websocket, h2c" })).toBe(101);
  });

  it("row 8: an Upgrade to something else is ordinary HTTP or 400", async () => {
    expect([200, 400]).toContain(await withHeaders({ Upgrade: "foo" }));
  });

  it("row 9: Connection: keep-alive alone is ordinary HTTP", async () => {
    const server = await start();
    const reply = await server.ask(upgradeRequest({ headers: { Connection: "keep-alive" } }));
    expect(reply.status).toBe(200);
    expect(server.names()).not.toContain("ESTABLISHED");
  });

  it("row 9: Connection: keep-alive, Upgrade is an upgrade", async () => {
    expect(await withHeaders({ Connection: "keep-alive, Upgrade" })).toBe(101);
  });

  it("row 10: an upgrade with a body gets 400, and the body is never read as frames", async () => {
    const server = await start();
    const peer = await server.connect();
    const body = frame("hi");
    peer.send(upgradeRequest({ headers: { "Content-Length": String(body.length) } }), body);
    expect((await peer.response()).status).toBe(400);
    expect(await peer.closed()).toHaveLength(0);
    expect(server.names()).not.toContain("RECEIVE");
  });

  it("row 10: an upgrade with Transfer-Encoding gets 400", async () => {
    expect(await withHeaders({ "Transfer-Encoding": "chunked" })).toBe(400);
  });

  it.each([
    ["test,,b", "test,,b"],
    ["test, test", "test, test"],
    ["a b", "a b"],
    ["nothing", ""],
    ["12 000 blanks", `test${" ".repeat(12_000)}x`],
  ])("row 11: a sub-protocol list of %s gets 400", async (_what, list) => {
    expect(await withHeaders({ "Sec-WebSocket-Protocol": list })).toBe(400);
  });

  it.each([
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=08",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; unknown",
    "constructor",
    "__proto__",
    "toString; x=1",
  ])("row 12: the offer %s is declined", async (offer) => {
    const request = upgradeRequest({ headers: { "Sec-WebSocket-Extensions": offer } });
    const reply = await (await start()).ask(request);
    expect(reply.status).toBe(101);
    expect(reply.headers).not.toHaveProperty("sec-websocket-extensions");
  });

  it("row 12: an unterminated quoted parameter of 10 000 bytes does not bring down the handshake", async () => {
    const offer = `permessage-deflate; x="${"\\c".repeat(5000)}`;
    expect([101, 400]).toContain(await withHeaders({ "Sec-WebSocket-Extensions": offer }));
  });

  it("row 13: 2000 short headers get 431", async () => {
    const many = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`a${i}`, "b"]));
    expect(await withHeaders(many)).toBe(431);
  });

  it("row 14: one header of 20 KB gets 431", async () => {
    expect(await withHeaders({ "X-Long": "x".repeat(20_000) })).toBe(431);
  });

  it("row 15: a header named __proto__ is a header like any other", async () => {
    const server = await start();
    const { wsi } = await server.pair({ headers: { ["__proto__"]: "evil", "X-A": "1" } });
    expect(Object.getPrototypeOf(wsi.headers)).toBeNull();
    expect(wsi.headers["x-a"]).toBe("1");
    expect(({} as { evil?: unknown }).evil).toBeUndefined();
  });

  const origins = ["https://good.example"];

  it.each([
    ["https://good.example", 101],
    ["https://GOOD.example:443", 101],
    ["https://evil.example", 403],
    ["https://good.example.evil.com", 403],
    ["http://good.example", 403],
    ["null", 403],
    [null, 101],
  ])("row 16: with a list of origins, %s gets %i", async (origin, status) => {
    expect(await statusOf({ headers: { Origin: origin } }, { origins })).toBe(status);
  });

  it.each(["a\r\nX-Evil: 1", "a\nb", "a\rb"])(
    "row 17: an own header value of %j throws before anything is written",
    async (value) => {
      const thrown: unknown[] = [];
      const attempt = (call: () => void) => {
        try {
          call();
        } catch (error) {
          thrown.push(error);
        }
      };
      const server = await start({
        on: {
          HTTP(wsi: Wsi) {
            attempt(() => wsi.httpReply(200, { "x-own": value }));
            attempt(() => wsi.writeHttpHeaders(200, { "x-own": value }));
            attempt(() => wsi.redirect(302, value));
            wsi.httpReply(204);
          },
          ADD_HEADERS(_wsi, add: AddHeader) {
            attempt(() => add("x-own", value));
            attempt(() => add(value, "x"));
          },
        },
      });
      expect(await server.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n")).toMatchObject({ status: 204 });
      expect(thrown.length).toBeGreaterThanOrEqual(5);
      for (const error of thrown) expect(error).toBeInstanceOf(TypeError);
    },
  );

  it.each(["a\r\nb", "a b", "", "a,b"])("row 17: %j is no name for a protocol", async (name) => {
    const protocols = [{ name, callback() {} }];
    await expect(createContext({ protocols, eventLoop: loop })).rejects.toThrow(TypeError);
  });

  it("row 18: a failed upgrade with a request behind it gets one response, then the end", async () => {
    const server = await start();
    const peer = await server.connect();
    const bad = upgradeRequest({ headers: { "Sec-WebSocket-Key": "short" } });
    peer.send(bad, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
    expect((await peer.response()).status).toBe(400);
    expect(await peer.closed()).toHaveLength(0);
    expect(server.names()).not.toContain("HTTP");
  });

  it("row 19: the host of an absolute-form target is never connected to", async () => {
    let visits = 0;
    const trap = createServer((socket) => {
      visits++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => trap.listen(0, "127.0.0.1", resolve));
    const { port } = trap.address() as { port: number };
    const server = await start();
    const target = `http://127.0.0.1:${port}/x?y=1`;
    expect((await server.ask(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).status).toBe(200);
    await rounds(20);
    expect(visits).toBe(0);
    expect((await server.nth("HTTP")).wsi.uri).toBe("/x");
    await new Promise((resolve) => trap.close(resolve));
  });

  it("chooses the first sub-protocol in the client's order that the table has", async () => {
    const [first, a, b] = ["first", "a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [first.protocol, a.protocol, b.protocol] });
    const peer = await server.open({ headers: { "Sec-WebSocket-Protocol": "x, b, a" } });
    expect(peer.reply?.headers["sec-websocket-protocol"]).toBe("b");
    const { wsi } = await b.nth("ESTABLISHED");
    expect(wsi.getProtocol()).toBe(b.protocol);
    expect(wsi.protocolsAsked).toEqual(["x", "b", "a"]);
    expect(a.all("ESTABLISHED").concat(first.all("ESTABLISHED"))).toEqual([]);
  });

  it("answers sub-protocols that nobody knows with an HTTP error", async () => {
    const status = await withHeaders({ "Sec-WebSocket-Protocol": "unknown" });
    expect(status).toBeGreaterThanOrEqual(400);
    expect(status).toBeLessThan(500);
  });

  it("compares sub-protocols with their case", async () => {
    expect(await withHeaders({ "Sec-WebSocket-Protocol": "TEST" })).toBeGreaterThanOrEqual(400);
  });

  it("gives defaultProtocol to who asks for none, without a header in the reply", async () => {
    const [first, other] = ["first", "other"].map((name) => new Recorder({}, { name }));
    const protocols = [first.protocol, other.protocol];
    const server = await start({ protocols, defaultProtocol: "other" });
    const peer = await server.open();
    await other.nth("ESTABLISHED");
    expect(peer.reply?.headers).not.toHaveProperty("sec-websocket-protocol");
  });

  it("refuses who asks for no sub-protocol when defaultProtocol is false", async () => {
    expect(await statusOf({}, { defaultProtocol: false })).toBeGreaterThanOrEqual(400);
    expect(
      await statusOf({ headers: { "Sec-WebSocket-Protocol": "test" } }, { defaultProtocol: false }),
    ).toBe(101);
  });

  it("keeps what the request said readable for the session's whole life", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair({
      target: "/a%20b/c?x=1&y=2",
      headers: { "X-Two": ["1", "2"], Cookie: ["a=1", "b=2"] },
    });
    peer.send(textFrame("x"));
    await server.nth("RECEIVE");
    await peer.drop();
    await server.nth("CLOSED");
    expect(wsi).toMatchObject({ uri: "/a%20b/c", query: "x=1&y=2", method: "GET", secure: false });
    expect(wsi.headers).toMatchObject({ "x-two": "1, 2", cookie: "a=1; b=2", host: "127.0.0.1" });
    expect(wsi.remoteAddress).toBe("127.0.0.1");
    expect(wsi.remotePort).toBeGreaterThan(0);
  });

  it("adds the headers of ADD_HEADERS to the 101", async () => {
    const server = await start({
      on: { ADD_HEADERS: (_wsi, add: AddHeader) => add("Set-Cookie", "sid=1; HttpOnly") },
    });
    const peer = await server.open();
    expect(peer.reply?.headers["set-cookie"]).toBe("sid=1; HttpOnly");
  });

  it("refuses with the reply of wsi.reject", async () => {
    const server = await start({
      on: {
        FILTER_PROTOCOL_CONNECTION: (wsi) => wsi.reject(401, { "WWW-Authenticate": "Basic" }, "who are you?"),
      },
    });
    const reply = await server.ask(upgradeRequest());
    expect(reply).toMatchObject({ status: 401, headers: { "www-authenticate": "Basic" } });
    expect(reply.body.toString()).toBe("who are you?");
    expect(server.names()).not.toContain("ESTABLISHED");
  });

  it("refuses with 403 when FILTER_PROTOCOL_CONNECTION returns nonzero, or promises to", async () => {
    const hooks = [() => 1, async () => 1];
    for (const FILTER_PROTOCOL_CONNECTION of hooks)
      expect(await statusOf({}, { on: { FILTER_PROTOCOL_CONNECTION } })).toBe(403);
  });
});
