import { describe, expect, it } from "vitest";
import {
  type AddHeader,
  type OutgoingHeaders,
  SECURITY_HEADERS,
  WriteProtocol,
  type Wsi,
} from "../../lib/api.ts";
import { httpRequest, type RequestOptions, upgradeRequest } from "../support/frames.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

const { HTTP, HTTP_FINAL } = WriteProtocol;

describeLoops("a reply", (loop) => {
  /** The bytes that a server answers to one request with, until it ends the connection. */
  async function bytes(answer: (wsi: Wsi) => void, request: RequestOptions = {}): Promise<string> {
    const server = await startServer({ eventLoop: loop, on: { HTTP: answer } });
    const peer = await server.connect();
    peer.send(httpRequest(request));
    peer.end();
    const sent = (await peer.closed()).toString("latin1");
    return sent.replace(/Date: [^\r]+ GMT\r\n/, "Date: now\r\n");
  }

  const old = { version: "HTTP/1.0" };

  it("in one go has a length, a type for text, and the date", async () => {
    expect(await bytes((wsi) => wsi.httpReply(200, { "X-A": ["1", "b"] }, "é"))).toBe(
      "HTTP/1.1 200 OK\r\nX-A: 1\r\nX-A: b\r\ncontent-type: text/plain; charset=utf-8\r\n" +
        "Date: now\r\nContent-Length: 2\r\n\r\n\xc3\xa9",
    );
  });

  it("that is empty has a length of 0 and no type", async () => {
    expect(await bytes((wsi) => wsi.httpReply(404))).toBe(
      "HTTP/1.1 404 Not Found\r\nDate: now\r\nContent-Length: 0\r\n\r\n",
    );
  });

  it("with a type of its own keeps that, in whichever case it is named", async () => {
    const sent = await bytes((wsi) => wsi.httpReply(200, { "Content-Type": "text/css" }, "a{}"));
    expect(sent.match(/content-type/gi)).toHaveLength(1);
    expect(sent).toContain("Content-Type: text/css\r\n");
  });

  it("to HEAD has the head of the reply to GET", async () => {
    const sent = await bytes((wsi) => wsi.httpReply(200, {}, "body"), { method: "HEAD" });
    expect(sent).toMatch(/Content-Length: 4\r\n\r\n$/);
  });

  it.each([204, 304])("of %i has no body and no length", async (status) => {
    const sent = await bytes((wsi) => wsi.httpReply(status, {}, "body"));
    expect(sent).not.toMatch(/content-length/i);
    expect(sent).toMatch(/\r\n\r\n$/);
  });

  it("in pieces is chunked, an empty piece being none, and ends with the last chunk", async () => {
    const sent = await bytes((wsi) => {
      wsi.writeHttpHeaders(200);
      for (const piece of ["hello ", "", "world"]) wsi.write(piece, HTTP);
      wsi.write("!", HTTP_FINAL);
    });
    expect(sent).toMatch(
      /Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n1\r\n!\r\n0\r\n\r\n$/,
    );
  });

  it("in pieces of a known length is plain, and takes no more than that", async () => {
    const sent = await bytes((wsi) => {
      wsi.writeHttpHeaders(200, { "content-length": 5 });
      wsi.write("abc", HTTP);
      expect(() => wsi.write("def", HTTP)).toThrow(RangeError);
      wsi.write("de", HTTP_FINAL);
    });
    expect(sent).toMatch(/\r\ncontent-length: 5\r\n/i);
    expect(sent).toMatch(/\r\n\r\nabcde$/);
    expect(sent).not.toMatch(/chunked/);
  });

  it("that has less than its length ends the connection, as nothing else can tell", async () => {
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP: (wsi) => {
          wsi.writeHttpHeaders(200, { "content-length": 5 });
          wsi.write("abc", HTTP_FINAL);
        },
      },
    });
    const peer = await server.connect();
    peer.send(httpRequest());
    expect((await peer.closed()).toString("latin1")).toMatch(/\r\n\r\nabc$/);
  });

  it("to HTTP/1.0 goes on until the end of the connection, and is kept alive only when asked", async () => {
    const stream = (wsi: Wsi) => {
      wsi.writeHttpHeaders(200);
      wsi.write("abc", HTTP_FINAL);
    };
    expect(await bytes(stream, old)).toMatch(
      /^HTTP\/1.1 200 OK\r\nDate: now\r\nConnection: close\r\n\r\nabc$/,
    );
    const keep = { ...old, headers: { Connection: "keep-alive" } };
    expect(await bytes((wsi) => wsi.httpReply(200), keep)).toMatch(/\r\nConnection: keep-alive\r\n/);
  });

  it.each([{ connection: "close" }, { Connection: "x, Close" }])(
    "with %j ends the connection",
    async (headers: OutgoingHeaders) => {
      const server = await startServer({
        eventLoop: loop,
        on: { HTTP: (wsi) => wsi.httpReply(200, headers, "x") },
      });
      const peer = await server.connect();
      peer.send(httpRequest());
      const sent = (await peer.closed()).toString("latin1");
      expect(sent).toContain("\r\nConnection: close\r\n");
      expect(sent).toMatch(/\r\n\r\nx$/);
    },
  );

  it("row 17: whose header cannot be sent throws before a byte is written, and another may follow", async () => {
    const sent = await bytes((wsi) => {
      expect(() => wsi.httpReply(200, { "x-evil": "a\r\nb" })).toThrow(TypeError);
      expect(() => wsi.httpReply(200, { "x evil": "a" })).toThrow(TypeError);
      expect(() => wsi.httpReply(99)).toThrow(RangeError);
      wsi.httpReply(500);
    });
    expect(sent).toMatch(/^HTTP\/1.1 500 /);
  });

  it("takes no bytes before its head, and no second head", async () => {
    const sent = await bytes((wsi) => {
      expect(() => wsi.write("x", HTTP)).toThrow(expect.objectContaining({ code: "ERR_NO_REPLY" }));
      wsi.writeHttpHeaders(200);
      expect(() => wsi.httpReply(200)).toThrow(expect.objectContaining({ code: "ERR_REPLIED" }));
      wsi.write("", HTTP_FINAL);
    });
    expect(sent).toMatch(/\r\n\r\n0\r\n\r\n$/);
  });

  it("of 200 KiB of head still is one head", async () => {
    const sent = await bytes((wsi) => wsi.httpReply(200, { "x-long": "a".repeat(200_000) }));
    expect(sent).toContain(`x-long: ${"a".repeat(200_000)}\r\n`);
  });

  it("that is longer than its block, or not ASCII, has its bytes as they are", async () => {
    for (const body of [
      "a".repeat(20_000),
      "\u00e9".repeat(9000),
      "a".repeat(200_000),
      "\u2620",
      Buffer.from([0, 255]),
    ]) {
      const bytes = Buffer.from(body as string);
      const server = await startServer({
        eventLoop: loop,
        on: { HTTP: (wsi) => wsi.httpReply(200, {}, body) },
      });
      const reply = await server.ask(httpRequest());
      expect(reply.headers["content-length"]).toBe(String(bytes.length));
      expect(reply.body.equals(bytes)).toBe(true);
      await server.destroy();
    }
  });

  it("has the type that ADD_HEADERS gives where the application gives none", async () => {
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP: (wsi) => wsi.httpReply(200, {}, "x"),
        ADD_HEADERS: (_wsi, add: AddHeader) => add("Content-Type", "text/css"),
      },
    });
    expect((await server.ask(httpRequest())).headers["content-type"]).toBe("text/css");
  });

  it("takes nothing from an ADD_HEADERS that is over", async () => {
    const kept: AddHeader[] = [];
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP: (wsi) => {
          for (const add of kept) add("x-late", "1");
          wsi.httpReply(200, {}, "x");
        },
        ADD_HEADERS: (_wsi, add: AddHeader) => void kept.push(add),
      },
    });
    for (let i = 0; i < 2; i++)
      expect((await server.ask(httpRequest())).headers).not.toHaveProperty("x-late");
    expect(() => kept[0]("a b", "c")).toThrow(TypeError);
  });

  it("has the date and no name of the server, whoever gives it", async () => {
    const server = await startServer({ eventLoop: loop });
    for (const request of [httpRequest(), "bad\r\n", upgradeRequest({ method: "POST" })]) {
      const { headers } = await server.ask(request);
      expect(headers["date"]).toMatch(/ GMT$/);
      expect(headers).not.toHaveProperty("server");
    }
  });

  describe("with security headers", () => {
    const secured = (more: ServerOptions = {}) =>
      startServer({ eventLoop: loop, securityHeaders: true, ...more });
    const names = Object.keys(SECURITY_HEADERS)
      .map((name) => name.toLowerCase())
      .filter((name) => name !== "strict-transport-security");

    it("has them all, whoever gives it; an upgrade has none", async () => {
      const server = await secured();
      for (const request of [httpRequest(), "bad\r\n", upgradeRequest({ method: "POST" })])
        expect(Object.keys((await server.ask(request)).headers)).toEqual(expect.arrayContaining(names));
      const { headers } = await server.ask(upgradeRequest());
      expect(names.filter((name) => name in headers)).toEqual([]);
    });

    it("has the application's own in the place of those", async () => {
      const server = await secured({
        on: { HTTP: (wsi) => wsi.httpReply(200, { "x-FRAME-options": "DENY" }, "x") },
      });
      expect((await server.ask(httpRequest())).headers["x-frame-options"]).toBe("DENY");
      const added = await secured({
        on: { ADD_HEADERS: (_wsi, add: AddHeader) => add("X-Frame-Options", "DENY") },
      });
      expect((await added.ask(httpRequest())).headers["x-frame-options"]).toBe("DENY");
    });

    it("has Strict-Transport-Security where the client speaks TLS, and only there", async () => {
      const server = await secured({ trustedProxies: ["loopback"] });
      const headers = { "X-Forwarded-Proto": "https" };
      const name = "strict-transport-security";
      expect((await server.ask(httpRequest({ headers }))).headers[name]).toBe("max-age=31536000");
      expect((await server.ask(httpRequest())).headers).not.toHaveProperty(name);
    });

    it("has those that are named instead", async () => {
      const server = await secured({ securityHeaders: { "X-Own": "yes" } });
      const { headers } = await server.ask(httpRequest());
      expect(headers["x-own"]).toBe("yes");
      expect(headers).not.toHaveProperty("x-frame-options");
    });
  });
});
