import { expect, it } from "vitest";
import { BAD_BODIES, BAD_HEADS, type BadRequest } from "../support/bad-requests.ts";
import { httpRequest } from "../support/frames.ts";
import { describeLoops, startServer, type TestServer } from "../support/server.ts";

// Each of them over a real connection; test/http/ has them without one, cut at every offset.

const titled = (requests: readonly BadRequest[]) =>
  requests.map((request) => [`row ${request.row}: ${request.what.slice(0, 60)}`, request] as const);

describeLoops("a request that is wrong", (loop) => {
  const start = () =>
    startServer({
      eventLoop: loop,
      on: { HTTP: (wsi) => (wsi.method === "GET" ? wsi.httpReply(200, {}, "served") : undefined) },
    });

  /** It is refused in order, nothing behind it is read, and the server lives on. */
  async function expectRefused(server: TestServer, { bytes, status }: BadRequest) {
    const peer = await server.connect();
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    peer.send(httpRequest({ target: "/before" }), Buffer.from(bytes + smuggled, "latin1"));
    expect((await peer.response()).status).toBe(200);
    const reply = await peer.response();
    expect(reply).toMatchObject({ status, headers: { connection: "close" } });
    if (status === 405) expect(reply.headers["allow"]).toContain("GET");
    expect(await peer.closed()).toHaveLength(0);
    expect((await server.ask(httpRequest({ target: "/next" }))).body.toString()).toBe("served");
    expect(server.names()).not.toContain("HTTP_BODY_COMPLETION");
    return server.all("HTTP").map((note) => note.input);
  }

  it.each(titled(BAD_HEADS))("in its head is answered and closed: %s", async (_title, request) => {
    expect(await expectRefused(await start(), request)).toEqual(["/before", "/next"]);
  });

  it.each(titled(BAD_BODIES))("in its body is answered and closed: %s", async (_title, request) => {
    expect(await expectRefused(await start(), request)).toEqual(["/before", "/", "/next"]);
  });

  it("row 62: of a minor version to come is read as HTTP/1.1", async () => {
    const reply = await (await start()).ask("GET / HTTP/1.9\r\nHost: a\r\n\r\n");
    expect(reply).toMatchObject({ version: "HTTP/1.1", status: 200 });
    expect(reply.headers).not.toHaveProperty("connection");
  });

  it("row 69: but for Expect: 100-continue, whose body is asked for", async () => {
    const server = await start();
    server.hooks.HTTP_BODY_COMPLETION = (wsi) => wsi.httpReply(200, {}, "got it");
    const peer = await server.connect();
    peer.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
    expect((await peer.head()).status).toBe(100);
    peer.send("x");
    expect((await peer.response()).body.toString()).toBe("got it");
  });

  it("for its size alone gets the status that says so, and is closed", async () => {
    const server = await start();
    const a = (count: number) => "a".repeat(count);
    const requests: [string, number][] = [
      [`GET /${a(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
      [`${a(20_000)} / HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\nHost: a\r\nX: ${a(20_000)}\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(200)}\r\n`, 431],
      ["POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9007199254740991\r\n\r\n", 413],
      ["POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1fffffffffffff\r\n", 413],
    ];
    for (const [bytes, status] of requests) {
      const peer = await server.connect();
      peer.send(bytes);
      expect(await peer.response()).toMatchObject({ status, headers: { connection: "close" } });
      expect(await peer.closed()).toHaveLength(0);
    }
    expect((await server.ask(httpRequest())).status).toBe(200);
  });
});
