import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AddHeader, WriteProtocol, type Wsi } from "../../lib/index.ts";
import { httpRequest, type RequestOptions } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import {
  describeLoops,
  type Hook,
  type ServerOptions,
  startServer,
  temporaryFolder,
} from "../support/server.ts";

const { HTTP, HTTP_FINAL } = WriteProtocol;

describeLoops("HTTP", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });
  const serving = (answer: Hook, options: ServerOptions = {}) =>
    start({ ...options, on: { ...options.on, HTTP: answer } });
  const post = (body: string, headers: RequestOptions["headers"] & {} = {}) =>
    httpRequest({ method: "POST", headers: { "Content-Length": String(body.length), ...headers }, body });

  describe("a request", () => {
    it("is told with its path, query, method and headers", async () => {
      const server = await start();
      await server.ask(
        httpRequest({ method: "PUT", target: "/a%20b?x=1&y=%20?z", headers: { "X-Own": "1" } }),
      );
      const { wsi, input, len } = await server.nth("HTTP");
      expect(input).toBe("/a%20b");
      expect(len).toBe(6);
      expect(wsi).toMatchObject({ uri: "/a%20b", query: "x=1&y=%20?z", method: "PUT", state: "HTTP" });
      expect({ ...wsi.headers }).toEqual({ host: "127.0.0.1", "x-own": "1" });
      expect(wsi.getProtocol()).toBe(server.protocol);
    });

    it("that HTTP returns nonzero for gets no reply", async () => {
      const server = await serving(() => 1);
      const peer = await server.connect();
      peer.send(httpRequest());
      expect(await peer.closed()).toHaveLength(0);
      await server.nth("CLOSED_HTTP");
    });

    it("that is not answered in time gets 503", async () => {
      const server = await serving(() => {}, { timeouts: { reply: 50 } });
      expect((await server.ask(httpRequest())).status).toBe(503);
    });

    it.each([
      ["both lengths", post("5", { "Transfer-Encoding": "chunked" }), 400],
      ["a bare LF", "GET / HTTP/1.1\nHost: a\n\n", 400],
      ["HTTP/2.0", httpRequest({ version: "HTTP/2.0" }), 505],
      ["a line without version", "GET /\r\n\r\n", 400],
      ["CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 405],
      [
        "gzip, chunked",
        httpRequest({ method: "POST", headers: { "Transfer-Encoding": "gzip, chunked" } }),
        501,
      ],
      ["a wish that is unknown", post("x", { Expect: "200-foo" }), 417],
      ["TLS bytes", Buffer.from("1603010200010001fc0303", "hex"), 400],
    ])("rows 51-69: with %s is answered and closed", async (_what, request, status) => {
      const server = await start();
      const peer = await server.connect();
      peer.send(request, "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
      expect((await peer.response()).status).toBe(status);
      expect(await peer.closed()).toHaveLength(0);
      expect(server.names()).not.toContain("HTTP");
    });
  });

  describe("a reply", () => {
    it("of httpReply has length and type", async () => {
      const server = await serving((wsi) =>
        wsi.httpReply(201, { "X-A": "1", "Set-Cookie": ["a=1", "b=2"] }, "héllo"),
      );
      const reply = await server.ask(httpRequest());
      expect(reply).toMatchObject({ status: 201, version: "HTTP/1.1" });
      expect(reply.body.toString()).toBe("héllo");
      expect(reply.headers).toMatchObject({ "content-length": "6", "x-a": "1", "set-cookie": "a=1, b=2" });
      expect(reply.headers["content-type"]).toMatch(/^text\/plain; ?charset=utf-8$/i);
    });

    it("of httpReply may be bytes of a type of your own, or nothing", async () => {
      const bytes = Buffer.from("00ff", "hex");
      const server = await serving((wsi) =>
        wsi.uri === "/" ? wsi.httpReply(200, { "Content-Type": "x/y" }, bytes) : wsi.httpReply(204),
      );
      expect(await server.ask(httpRequest())).toMatchObject({
        headers: { "content-type": "x/y" },
        body: bytes,
      });
      const empty = await server.ask(httpRequest({ target: "/empty" }));
      expect(empty.status).toBe(204);
      expect(empty.headers).not.toHaveProperty("content-length");
    });

    it("comes once: a second one throws ERR_REPLIED", async () => {
      const replied = expect.objectContaining({ code: "ERR_REPLIED" });
      let checked = false;
      const server = await serving((wsi) => {
        wsi.httpReply(200, {}, "one");
        expect(() => wsi.httpReply(200, {}, "two")).toThrow(replied);
        expect(() => wsi.redirect(302, "/")).toThrow(replied);
        checked = true;
      });
      expect((await server.ask(httpRequest())).body.toString()).toBe("one");
      expect(checked).toBe(true);
    });

    it.each([301, 302, 303, 307, 308])("may redirect with %i", async (status) => {
      const server = await serving((wsi) => wsi.redirect(status, "/there?x=1"));
      expect(await server.ask(httpRequest())).toMatchObject({ status, headers: { location: "/there?x=1" } });
    });

    it("may come later, from a promise", async () => {
      const server = await serving(async (wsi) => {
        await new Promise((resolve) => setTimeout(resolve, 5));
        wsi.httpReply(200, {}, "late");
      });
      expect((await server.ask(httpRequest())).body.toString()).toBe("late");
    });

    it("to HEAD has the headers and no body", async () => {
      const server = await serving((wsi) => wsi.httpReply(200, {}, "body"));
      const peer = await server.connect();
      peer.send(httpRequest({ method: "HEAD" }), httpRequest());
      expect((await peer.response("HEAD")).headers["content-length"]).toBe("4");
      expect((await peer.response()).body.toString()).toBe("body");
    });

    it("takes the headers of ADD_HEADERS, and a bad one throws", async () => {
      const server = await start({
        on: {
          ADD_HEADERS(_wsi, add: AddHeader) {
            add("x-added", "1");
            expect(() => add("x bad", "1")).toThrow(TypeError);
            expect(() => add("x", "a\r\nb")).toThrow(TypeError);
          },
        },
      });
      expect((await server.ask(httpRequest())).headers["x-added"]).toBe("1");
    });

    it("of serveHttpFile has the file, its type, and ends with HTTP_FILE_COMPLETION", async () => {
      const file = join(temporaryFolder(), "big.html");
      writeFileSync(file, "x".repeat(3_000_000));
      const server = await serving((wsi) => wsi.serveHttpFile(file, wsi.query || undefined));
      const reply = await server.ask(httpRequest());
      expect(reply.body.equals(Buffer.alloc(3_000_000, "x"))).toBe(true);
      expect(reply.headers["content-type"]).toContain("text/html");
      expect(await server.nth("HTTP_FILE_COMPLETION")).toMatchObject({ input: file });
      expect((await server.ask(httpRequest({ target: "/?a/b" }))).headers["content-type"]).toBe("a/b");
    });

    it("of serveHttpFile is 404 for a file that is not there, or a folder", async () => {
      const folder = temporaryFolder();
      const server = await serving((wsi) => wsi.serveHttpFile(join(folder, wsi.query)));
      expect((await server.ask(httpRequest({ target: "/?none" }))).status).toBe(404);
      expect((await server.ask(httpRequest({ target: "/" }))).status).toBe(404);
    });
  });

  describe("a reply in pieces", () => {
    /** Sends the letters a-e, one for each HTTP_WRITEABLE. */
    const letters = (headers: Record<string, string> = {}) => {
      let at = 0;
      return {
        HTTP(wsi: Wsi) {
          wsi.writeHttpHeaders(200, headers);
          wsi.callbackOnWritable();
        },
        HTTP_WRITEABLE(wsi: Wsi) {
          const letter = "abcde"[at++];
          expect(wsi.write(letter, letter === "e" ? HTTP_FINAL : HTTP)).toBe(1);
          if (letter !== "e") wsi.callbackOnWritable();
        },
      };
    };

    it("goes out chunked without content-length, and the connection is kept", async () => {
      const server = await start({ on: letters() });
      const peer = await server.connect();
      peer.send(httpRequest());
      const reply = await peer.response();
      expect(reply.headers["transfer-encoding"]).toBe("chunked");
      expect(reply.body.toString()).toBe("abcde");
      server.hooks.HTTP = (wsi) => wsi.httpReply(204);
      peer.send(httpRequest());
      expect((await peer.response()).status).toBe(204);
    });

    it("goes out plain with content-length", async () => {
      const server = await start({ on: letters({ "content-length": "5" }) });
      const reply = await server.ask(httpRequest());
      expect(reply.headers).not.toHaveProperty("transfer-encoding");
      expect(reply.body.toString()).toBe("abcde");
    });

    it("goes out until the end of the connection to HTTP/1.0", async () => {
      const server = await start({ on: letters() });
      const reply = await server.ask("GET / HTTP/1.0\r\n\r\n");
      expect(reply.headers).not.toHaveProperty("transfer-encoding");
      expect(reply.body.toString()).toBe("abcde");
    });

    it("has no body to HEAD", async () => {
      const server = await start({ on: letters() });
      const peer = await server.connect();
      peer.send(httpRequest({ method: "HEAD", headers: { Connection: "close" } }));
      expect((await peer.response("HEAD")).status).toBe(200);
      expect(await peer.closed()).toHaveLength(0);
    });

    it("waits in HTTP_WRITEABLE for a slow reader, and every byte arrives", async () => {
      let left = 200;
      const server = await start({
        on: {
          HTTP(wsi) {
            wsi.writeHttpHeaders(200);
            wsi.callbackOnWritable();
          },
          HTTP_WRITEABLE(wsi) {
            expect(wsi.sendPipeChoked()).toBe(false);
            wsi.write(Buffer.alloc(100_000, left), --left > 0 ? HTTP : HTTP_FINAL);
            if (left > 0) wsi.callbackOnWritable();
          },
        },
      });
      const peer = await server.connect();
      peer.send(httpRequest());
      await server.nth("HTTP");
      peer.pause();
      await rounds(50);
      peer.resume();
      const { body } = await peer.response();
      expect(body.length).toBe(20_000_000);
      for (let i = 0; i < 200; i++) expect(body[i * 100_000 + 99_999]).toBe(200 - i);
    });
  });

  describe("a connection", () => {
    it("is kept for further requests, and ends with one CLOSED_HTTP", async () => {
      const server = await start();
      const peer = await server.connect();
      for (let i = 0; i < 5; i++) {
        peer.send(httpRequest());
        expect((await peer.response()).status).toBe(200);
      }
      expect(server.context.connections).toBe(1);
      await peer.drop();
      await server.nth("CLOSED_HTTP");
      await rounds(5);
      expect(server.all("CLOSED_HTTP")).toHaveLength(1);
      expect(server.all("HTTP")).toHaveLength(5);
    });

    it.each([
      ["Connection: close", httpRequest({ headers: { Connection: "close" } })],
      ["HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"],
    ])("is closed after the reply to %s", async (_what, request) => {
      const server = await start();
      const peer = await server.connect();
      peer.send(request, httpRequest({ target: "/late" }));
      const reply = await peer.response();
      expect(reply.headers["connection"]).toBe("close");
      expect(await peer.closed()).toHaveLength(0);
      expect(server.all("HTTP")).toHaveLength(1);
    });

    it("with pipelined requests answers them in order, however late each is", async () => {
      const waits = [30, 0, 10, 0, 5];
      const server = await serving(async (wsi) => {
        const { uri } = wsi;
        const wait = waits[Number(uri.slice(1))];
        if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
        wsi.httpReply(200, {}, uri);
      });
      const peer = await server.connect();
      peer.send(waits.map((_, i) => httpRequest({ target: `/${i}` })).join(""));
      for (let i = 0; i < waits.length; i++) expect((await peer.response()).body.toString()).toBe(`/${i}`);
    });

    it("with pipelined requests whose bodies and replies are of all kinds keeps them apart", async () => {
      const server = await serving(() => {}, {
        on: { HTTP_BODY_COMPLETION: (wsi) => wsi.httpReply(200, {}, wsi.uri) },
      });
      server.hooks.HTTP = (wsi) => (wsi.method === "GET" ? wsi.httpReply(200, {}, wsi.uri) : undefined);
      const peer = await server.connect();
      const chunked = `POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
      peer.send(post("one"), httpRequest({ target: "/b" }), chunked, httpRequest({ target: "/d" }));
      const bodies: string[] = [];
      for (let i = 0; i < 4; i++) bodies.push((await peer.response()).body.toString());
      expect(bodies).toEqual(["/", "/b", "/c", "/d"]);
      expect(server.all("HTTP_BODY").map((note) => String(note.input))).toEqual(["one", "abc"]);
    });

    it("that the peer half-closes after its request still gets the reply", async () => {
      const server = await serving(async (wsi) => {
        await rounds(5);
        wsi.httpReply(200, {}, "here");
      });
      const peer = await server.connect();
      peer.socket.end(httpRequest());
      expect((await peer.response()).body.toString()).toBe("here");
    });
  });

  describe("a mount", () => {
    it("takes its part of the paths, with 404 and 405, and leaves the rest to HTTP", async () => {
      const root = temporaryFolder();
      mkdirSync(join(root, "sub"));
      writeFileSync(join(root, "a.txt"), "file");
      writeFileSync(join(root, "sub", "index.html"), "<p>");
      const server = await start({ mounts: [{ mountpoint: "/static", origin: root }] });
      const statusOf = async (target: string, method = "GET") =>
        (await server.ask(httpRequest({ target, method }))).status;
      expect((await server.ask(httpRequest({ target: "/static/a.txt" }))).body.toString()).toBe("file");
      expect((await server.ask(httpRequest({ target: "/static/sub/" }))).body.toString()).toBe("<p>");
      expect(await statusOf("/static/none")).toBe(404);
      const wrong = await server.ask(httpRequest({ target: "/static/a.txt", method: "DELETE" }));
      expect(wrong).toMatchObject({ status: 405, headers: { allow: expect.stringContaining("GET") } });
      expect(server.names()).not.toContain("HTTP");
      for (const target of ["/other", "/staticfile", "/"]) expect(await statusOf(target)).toBe(200);
      expect(server.all("HTTP")).toHaveLength(3);
    });
  });
});
