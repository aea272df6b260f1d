import { expect, it } from "vitest";
import type { Wsi } from "../../lib/api.ts";
import { errorCode } from "../../lib/base/errors.ts";
import { httpRequest, type RequestOptions } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type Hook, type ServerOptions, startServer } from "../support/server.ts";

describeLoops("readBody", (loop) => {
  const serving = (http: Hook, options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, ...options, on: { ...options.on, HTTP: http } });
  const post = (body: string, headers: RequestOptions["headers"] & {} = {}, target = "/") =>
    httpRequest({
      method: "POST",
      target,
      headers: { "Content-Length": String(body.length), ...headers },
      body,
    });
  const chunked = (...pieces: string[]) =>
    httpRequest({
      method: "POST",
      headers: { "Transfer-Encoding": "chunked" },
      body: [...pieces, ""].map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join(""),
    });
  const echo = async (wsi: Wsi) => wsi.httpReply(200, {}, await wsi.readBody());
  /** Reads, and keeps what the reading rejects with. */
  const failing = (errors: unknown[], options?: Parameters<Wsi["readBody"]>[0]) => (wsi: Wsi) =>
    wsi.readBody(options).then(
      () => wsi.httpReply(200),
      (error: unknown) => void errors.push(error),
    );

  it("gives the body whole: in one piece, chunked, empty, none, and pipelined", async () => {
    const server = await serving(echo);
    const peer = await server.connect();
    peer.send(post("one"), chunked("t", "wo"), post(""), httpRequest(), chunked(), post("three"));
    for (const body of ["one", "two", "", "", "", "three"]) {
      expect(String((await peer.response()).body)).toBe(body);
    }
    expect(server.names()).not.toContain("HTTP_BODY");
    expect(server.names()).not.toContain("HTTP_BODY_COMPLETION");
  });

  it.each([
    ["with a length", post("hello body")],
    ["in chunks", chunked("hello", " ", "body")],
  ])("gives a body %s that comes byte by byte", async (_how, request) => {
    const server = await serving(echo);
    const peer = await server.connect();
    for (const byte of Buffer.from(request)) await peer.send(Buffer.of(byte));
    expect(String((await peer.response()).body)).toBe("hello body");
  });

  it.each(["GET", "HEAD", "DELETE", "OPTIONS"])("reads the body of a %s as any other", async (method) => {
    const server = await serving(echo);
    const peer = await server.connect();
    peer.send(post("body").replace("POST", method), post("next"));
    const reply = await peer.response(method);
    expect(reply.headers["content-length"]).toBe("4");
    expect(String((await peer.response()).body)).toBe("next");
  });

  it("loses nothing of a body when the callback waits for something else before", async () => {
    const large = "0123456789".repeat(50_000);
    const server = await serving(async (wsi) => {
      await rounds(30);
      await echo(wsi);
    });
    const peer = await server.connect();
    peer.send(post(large), post("small"), chunked(large.slice(0, 70_000), large.slice(70_000)));
    for (const body of [large, "small", large]) expect(String((await peer.response()).body)).toBe(body);
    expect(server.names()).not.toContain("HTTP_BODY");
  });

  it("may be called in a later turn as long as nothing of the body was told", async () => {
    const server = await serving(() => {});
    const peer = await server.connect();
    peer.send(post("body").slice(0, -4));
    const { wsi } = await server.nth("HTTP");
    const body = wsi.readBody();
    peer.send("body");
    expect(String(await body)).toBe("body");
    wsi.httpReply(204);
    expect((await peer.response()).status).toBe(204);
  });

  it("leaves the body to the callbacks when the promise of HTTP is kept without it", async () => {
    const server = await serving(async () => void (await rounds(5)), {
      on: { HTTP_BODY_COMPLETION: (wsi) => wsi.httpReply(200, {}, "told") },
    });
    expect(String((await server.ask(post("body"))).body)).toBe("told");
    expect(String((await server.nth("HTTP_BODY")).input)).toBe("body");
  });

  it("leaves it to them while the promise is pending when rxFlowControl(true) asks for it", async () => {
    let whole = () => {};
    const server = await serving(
      async (wsi) => {
        await rounds(2);
        wsi.rxFlowControl(true);
        await new Promise<void>((resolve) => (whole = resolve));
        wsi.httpReply(200, {}, "told");
      },
      { on: { HTTP_BODY_COMPLETION: () => whole() } },
    );
    expect(String((await server.ask(post("body"))).body)).toBe("told");
  });

  it("rejects with ERR_BODY_READ a second time, behind HTTP_BODY, and when the request is over", async () => {
    const codes: string[] = [];
    const attempt = (wsi: Wsi) => wsi.readBody().catch((error: unknown) => codes.push(errorCode(error)));
    const server = await serving(
      async (wsi) => {
        if (wsi.uri === "/told") return;
        await wsi.readBody();
        await attempt(wsi);
        wsi.httpReply(200);
        await attempt(wsi);
      },
      {
        on: {
          HTTP_BODY: async (wsi) => {
            await attempt(wsi);
            wsi.httpReply(200);
          },
        },
      },
    );
    const peer = await server.connect();
    peer.send(post("x"), post("x", {}, "/told"));
    await peer.response();
    await peer.response();
    expect(codes).toEqual(["ERR_BODY_READ", "ERR_BODY_READ", "ERR_BODY_READ"]);
  });

  it.each([
    ["announced, over maxLength", post("12345"), {}],
    ["in chunks, over maxLength", chunked("12", "345"), {}],
    ["in chunks, over maxBodyBytes", chunked("12", "345"), { maxBodyBytes: 4 }],
  ])("answers 413 to a body %s, and rejects", async (_what, request, options) => {
    const errors: unknown[] = [];
    const server = await serving(failing(errors, "maxBodyBytes" in options ? {} : { maxLength: 4 }), options);
    const peer = await server.connect();
    peer.send(request);
    expect((await peer.response()).status).toBe(413);
    expect(await peer.closed()).toHaveLength(0);
    expect(errors).toEqual([expect.objectContaining({ code: "ERR_BODY_TOO_LARGE", status: 413 })]);
  });

  it("holds 1 MiB where a context takes more, unless it is told otherwise", async () => {
    const errors: unknown[] = [];
    const size = 1_048_577;
    const server = await serving(
      (wsi) =>
        wsi.uri === "/more"
          ? wsi.readBody({ maxLength: size }).then(({ length }) => wsi.httpReply(200, {}, String(length)))
          : failing(errors)(wsi),
      { maxBodyBytes: 2 * size },
    );
    expect((await server.ask(post("x".repeat(size)))).status).toBe(413);
    expect(String((await server.ask(post("x".repeat(size), {}, "/more"))).body)).toBe(String(size));
    expect(errors).toHaveLength(1);
  });

  it.each([
    ["drops the connection", "ECONNRESET"],
    ["ends it amid the body", "ECONNRESET"],
    ["breaks the framing", "ERR_BODY_ABORTED"],
  ])("rejects when the client %s", async (what, code) => {
    const errors: unknown[] = [];
    const server = await serving(failing(errors));
    const peer = await server.connect();
    peer.send(chunked("half").slice(0, -5));
    await server.nth("HTTP");
    await rounds(5);
    if (what.startsWith("drops")) peer.abort();
    else if (what.startsWith("ends")) peer.end();
    else peer.send("zzz");
    await server.nth("CLOSED_HTTP");
    await rounds(2);
    expect(errors).toEqual([expect.objectContaining({ code })]);
  });

  it("ends no server, and logs no error, when nobody hears of a client that went away", async () => {
    const unhandled: unknown[] = [];
    const listen = (error: unknown) => unhandled.push(error);
    process.on("unhandledRejection", listen);
    const server = await serving((wsi) => {
      const body = wsi.readBody();
      return wsi.uri === "/awaits" ? body.then(() => {}) : undefined;
    });
    for (const target of ["/", "/awaits"]) {
      const peer = await server.connect();
      peer.send(post("half", {}, target).slice(0, -2));
      await server.until(() => server.all("HTTP").some(({ input }) => input === target));
      await rounds(5);
      peer.abort();
    }
    await server.nth("CLOSED_HTTP", 2);
    await rounds(5);
    process.off("unhandledRejection", listen);
    expect(unhandled).toEqual([]);
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
  });

  it("rejects when the body does not come in time, which is 408", async () => {
    const errors: unknown[] = [];
    const server = await serving(failing(errors), { timeouts: { body: 30 } });
    const peer = await server.connect();
    peer.send(post("body").slice(0, -1));
    expect((await peer.response()).status).toBe(408);
    await rounds(2);
    expect(errors).toEqual([expect.objectContaining({ code: "ERR_BODY_ABORTED" })]);
  });

  it("rejects when the request is answered first, and the next one is found", async () => {
    const errors: unknown[] = [];
    const server = await serving((wsi) => {
      if (wsi.uri !== "/") return wsi.httpReply(200, {}, "next");
      void failing(errors)(wsi);
      wsi.httpReply(202);
    });
    const peer = await server.connect();
    peer.send(post("body"), httpRequest({ target: "/next" }));
    expect((await peer.response()).status).toBe(202);
    expect(String((await peer.response()).body)).toBe("next");
    expect(errors).toEqual([expect.objectContaining({ code: "ERR_BODY_ABORTED" })]);
  });

  it("is given up by a signal, and what is still to come harms nothing", async () => {
    const abort = new AbortController();
    const errors: unknown[] = [];
    const server = await serving((wsi) =>
      wsi.uri === "/"
        ? failing(errors, { signal: abort.signal })(wsi).then(() => wsi.httpReply(200))
        : wsi.httpReply(204),
    );
    const peer = await server.connect();
    const request = post("a body that is long");
    peer.send(request.slice(0, -8));
    await server.nth("HTTP");
    await rounds(3);
    abort.abort(new Error("enough"));
    peer.send(request.slice(-8), httpRequest({ target: "/next" }));
    expect((await peer.response()).status).toBe(200);
    expect((await peer.response()).status).toBe(204);
    expect(errors).toEqual([expect.objectContaining({ message: "enough" })]);
  });

  it("rejects at once for a signal that is aborted already, and for a length that is none", async () => {
    const errors: unknown[] = [];
    const server = await serving(async (wsi) => {
      await failing(errors, { signal: AbortSignal.abort(new Error("before")) })(wsi);
      await failing(errors, { maxLength: -1 })(wsi);
      wsi.httpReply(200, {}, await wsi.readBody());
    });
    expect(String((await server.ask(post("there"))).body)).toBe("there");
    expect(errors).toEqual([expect.objectContaining({ message: "before" }), expect.any(TypeError)]);
  });

  it("asks with 100 (Continue) only when somebody reads, and once", async () => {
    const expecting = (target: string) => post("body", { Expect: "100-continue" }, target).slice(0, -4);
    const server = await serving(async (wsi) => {
      await rounds(10);
      if (wsi.uri === "/refused") return wsi.httpReply(403);
      await echo(wsi);
    });
    const peer = await server.connect();
    peer.send(expecting("/read"));
    await server.nth("HTTP");
    expect(peer.available).toBe(0);
    expect((await peer.head()).status).toBe(100);
    peer.send("body");
    expect(await peer.response()).toMatchObject({ status: 200, body: Buffer.from("body") });
    // Whether the client sends the body all the same cannot be known.
    peer.send(expecting("/refused"));
    expect(await peer.response()).toMatchObject({ status: 403, headers: { connection: "close" } });
    expect(await peer.closed()).toHaveLength(0);
  });

  it("does not ask for a body that is announced to be too large", async () => {
    const server = await serving((wsi) => wsi.readBody({ maxLength: 3 }).then(() => {}));
    const request = post("body", { Expect: "100-continue" }).slice(0, -4);
    expect((await server.ask(request)).status).toBe(413);
  });

  it("stalls a client while the promise is pending, instead of holding its body", async () => {
    const size = 30_000_000;
    let go = () => {};
    const server = await serving(
      async (wsi) => {
        await new Promise<void>((resolve) => (go = resolve));
        wsi.httpReply(200, {}, String((await wsi.readBody({ maxLength: size })).length));
      },
      { maxBodyBytes: size },
    );
    const peer = await server.connect();
    await peer.send(post("").replace("Content-Length: 0", `Content-Length: ${size}`));
    let sent = 0;
    const sending = (async () => {
      for (const piece = Buffer.alloc(100_000, "x"); sent < size; sent += piece.length)
        await peer.send(piece);
    })();
    await server.nth("HTTP");
    await rounds(500);
    // What the kernel's two buffers do not take waits on the client's side.
    expect(sent).toBeLessThan(size / 2);
    go();
    expect(String((await peer.response()).body)).toBe(String(size));
    await sending;
  });

  it("is 503 when the promise stays pending with the body untouched", async () => {
    const server = await serving(() => new Promise<void>(() => {}), { timeouts: { reply: 40 } });
    expect((await server.ask(post("body"))).status).toBe(503);
  });

  it("is not there on a session", async () => {
    const server = await serving(echo);
    const { wsi } = await server.pair();
    await expect(wsi.readBody()).rejects.toMatchObject({ code: "ERR_NOT_HTTP" });
  });
});
