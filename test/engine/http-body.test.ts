import { expect, it } from "vitest";
import { httpRequest, type RequestOptions } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

describeLoops("the body of a request", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });
  const post = (body: string, headers: RequestOptions["headers"] & {} = {}) =>
    httpRequest({ method: "POST", headers: { "Content-Length": String(body.length), ...headers }, body });

  const collecting: ServerOptions = {
    on: { HTTP: () => {}, HTTP_BODY_COMPLETION: (wsi) => wsi.httpReply(200, {}, "done") },
  };
  const chunk = (data: string) => `${data.length.toString(16)}\r\n${data}\r\n`;

  it("comes in HTTP_BODY as it arrives, then HTTP_BODY_COMPLETION", async () => {
    const server = await start(collecting);
    const peer = await server.connect();
    const request = post("0123456789");
    peer.send(request.slice(0, -5));
    await server.nth("HTTP_BODY");
    peer.send(request.slice(-5));
    expect((await peer.response()).body.toString()).toBe("done");
    expect(server.all("HTTP_BODY").map((note) => String(note.input))).toEqual(["01234", "56789"]);
  });

  it("may be chunked, with extensions and trailers", async () => {
    const server = await start(collecting);
    const body = `${chunk("hello ")}5;ext=1\r\nworld\r\n0\r\nContent-Length: 99\r\nX: y\r\n\r\n`;
    const headers = { "Transfer-Encoding": "chunked" };
    expect((await server.ask(httpRequest({ method: "POST", headers, body }))).body.toString()).toBe("done");
    expect(
      server
        .all("HTTP_BODY")
        .map((note) => String(note.input))
        .join(""),
    ).toBe("hello world");
  });

  it("over maxBodyBytes gets 413, announced or not", async () => {
    const server = await start({ ...collecting, maxBodyBytes: 10 });
    expect((await server.ask(post("x".repeat(11)))).status).toBe(413);
    const headers = { "Transfer-Encoding": "chunked" };
    const body = `${chunk("123456")}${chunk("78901")}0\r\n\r\n`;
    expect((await server.ask(httpRequest({ method: "POST", headers, body }))).status).toBe(413);
    expect((await server.ask(post("x".repeat(10)))).status).toBe(200);
  });

  it("that is announced with Expect: 100-continue is asked for", async () => {
    const server = await start(collecting);
    const peer = await server.connect();
    const request = post("body", { Expect: "100-continue" });
    peer.send(request.slice(0, -4));
    expect((await peer.head()).status).toBe(100);
    peer.send("body");
    expect((await peer.response()).status).toBe(200);
  });

  it("is held back by rxFlowControl and comes in order", async () => {
    const server = await start({
      ...collecting,
      on: { ...collecting.on, HTTP: (wsi) => wsi.rxFlowControl(false) },
    });
    const peer = await server.connect();
    peer.send(post("held back"));
    const { wsi } = await server.nth("HTTP");
    await rounds(20);
    expect(server.names()).not.toContain("HTTP_BODY");
    wsi.rxFlowControl(true);
    expect((await peer.response()).body.toString()).toBe("done");
  });

  it("that is answered before it has arrived harms no further request", async () => {
    const server = await start({ timeouts: { keepAlive: 50 } });
    const peer = await server.connect();
    peer.send(post("x".repeat(500)), httpRequest({ target: "/next" }));
    expect((await peer.response()).status).toBe(200);
    expect((await peer.closed()).toString("latin1")).toMatch(/^(HTTP\/1\.1 200 [\s\S]*)?$/);
  });
});
