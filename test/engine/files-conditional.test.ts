import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { httpRequest } from "../support/frames.ts";
import { describeLoops, type ServerOptions, startServer, temporaryFolder } from "../support/server.ts";
import { letFilesSettle } from "../support/settled.ts";

const origin = temporaryFolder();
const OLD = new Date("2020-01-02T03:04:05Z");
const write = (name: string, text: string) => {
  writeFileSync(join(origin, name), text);
  utimesSync(join(origin, name), OLD, OLD);
};
write("f.txt", "0123456789");
write("app.js", "plain javascript");
write("app.js.br", "brotli");
write("app.js.gz", "gzip!");
mkdirSync(join(origin, "assets"));
write("assets/index-DxY3k9ab.css", "a{}");

describeLoops("a file with conditions", (loop) => {
  const start = (mount = {}, options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, mounts: [{ mountpoint: "/", origin, ...mount }], ...options });

  describe.each(["from a descriptor", "kept in memory"])("%s", (where) => {
    if (where === "kept in memory") letFilesSettle();

    it("is not sent again to who has it, and keeps the connection", async () => {
      const peer = await (await start()).connect();
      peer.send(httpRequest({ target: "/f.txt" }));
      const { etag, "last-modified": lastModified } = (await peer.response()).headers;
      expect(lastModified).toBe("Thu, 02 Jan 2020 03:04:05 GMT");
      for (const headers of [
        { "If-None-Match": etag },
        { "If-None-Match": `"x", ${etag.replace("W/", "")}` },
        { "If-None-Match": "*" },
        { "If-Modified-Since": lastModified },
      ]) {
        peer.send(httpRequest({ target: "/f.txt", headers }));
        const reply = await peer.response();
        expect(reply, JSON.stringify(headers)).toMatchObject({ status: 304, headers: { etag } });
        expect(reply.headers["content-length"]).toBeUndefined();
      }
      peer.send(
        httpRequest({
          target: "/f.txt",
          headers: { "If-None-Match": '"x"', "If-Modified-Since": lastModified },
        }),
      );
      expect(await peer.response()).toMatchObject({ status: 200, body: Buffer.from("0123456789") });
    });

    it("is refused to who has another one", async () => {
      const server = await start();
      const { etag } = (await server.ask(httpRequest({ target: "/f.txt" }))).headers;
      const status = async (headers: Record<string, string>) =>
        (await server.ask(httpRequest({ target: "/f.txt", headers }))).status;
      expect(await status({ "If-Match": '"x"' })).toBe(412);
      expect(await status({ "If-Match": "*" })).toBe(200);
      expect(await status({ "If-Match": etag })).toBe(where === "kept in memory" ? 200 : 412);
      expect(await status({ "If-Unmodified-Since": "Wed, 01 Jan 2020 00:00:00 GMT" })).toBe(412);
    });

    it("has another Date each second, and the same validators", async () => {
      const peer = await (await start()).connect();
      peer.send(
        httpRequest({ target: "/f.txt" }),
        httpRequest({ target: "/f.txt" }),
        httpRequest({ target: "/f.txt" }),
      );
      const replies = [await peer.response(), await peer.response(), await peer.response()];
      for (const { headers, body } of replies) {
        expect(body.toString()).toBe("0123456789");
        expect({ ...headers, date: "" }).toEqual({ ...replies[0].headers, date: "" });
        expect(Math.abs(Date.parse(headers["date"]) - Date.now())).toBeLessThan(60_000);
      }
    });

    it.each([1, 4096, 16_000, 16_384, 40_000, 65_536, 65_537])(
      "of %i bytes is whole each time",
      async (size) => {
        const bytes = Buffer.alloc(size, "0123456789abcdef!");
        writeFileSync(join(origin, `size-${size}`), bytes);
        const peer = await (await start()).connect();
        const request = httpRequest({ target: `/size-${size}` });
        peer.send(request);
        expect((await peer.response()).body.equals(bytes)).toBe(true);
        peer.pause();
        for (let count = 0; count < 50; count++) peer.send(request);
        peer.resume();
        for (let count = 0; count < 50; count++) {
          expect((await peer.response()).body.equals(bytes)).toBe(true);
        }
      },
    );

    it("is the newest one as soon as it has changed", async () => {
      const file = join(origin, `changing-${loop}-${where.length}`);
      const target = `/changing-${loop}-${where.length}`;
      writeFileSync(file, "first");
      const peer = await (await start()).connect();
      for (const text of ["first", "first", "second!", "third"]) {
        writeFileSync(file, text);
        peer.send(httpRequest({ target }));
        expect((await peer.response()).body.toString()).toBe(text);
      }
    });

    it("has what ADD_HEADERS and the context add", async () => {
      let added = 0;
      const server = await start(
        {},
        {
          securityHeaders: true,
          on: {
            ADD_HEADERS: (_wsi, add: (name: string, value: string) => void) =>
              add("x-count", String(++added)),
          },
        },
      );
      const peer = await server.connect();
      for (const count of ["1", "2", "3"]) {
        peer.send(httpRequest({ target: "/f.txt" }));
        const { headers, body } = await peer.response();
        expect(headers).toMatchObject({ "x-count": count, "x-content-type-options": "nosniff" });
        expect(body.toString()).toBe("0123456789");
      }
    });

    it("is told of once in the access log, with its size", async () => {
      const lines: string[] = [];
      const accessLog = { stream: { write: (text: string) => lines.push(text) > 0 } };
      const server = await start({}, { accessLog: { format: "common", ...accessLog } });
      const peer = await server.connect();
      for (let count = 0; count < 2; count++) {
        peer.send(httpRequest({ target: "/f.txt" }));
        await peer.response();
      }
      await server.destroy();
      expect(lines.join("").match(/"GET \/f\.txt HTTP\/1\.1" 200 10\n/g)).toHaveLength(2);
    });
  });

  it("closes the connection for who asks so, or speaks HTTP/1.0", async () => {
    const server = await start();
    for (const options of [{ headers: { Connection: "close" } }, { version: "HTTP/1.0" }]) {
      const peer = await server.connect();
      peer.send(httpRequest({ target: "/f.txt", ...options }));
      const reply = await peer.response();
      expect(reply).toMatchObject({ body: Buffer.from("0123456789"), headers: { connection: "close" } });
      expect(await peer.closed()).toHaveLength(0);
    }
  });

  it("is not modified for serveHttpFile too, which is complete then", async () => {
    const file = join(origin, "f.txt");
    const server = await startServer({ eventLoop: loop, on: { HTTP: (wsi) => wsi.serveHttpFile(file) } });
    const reply = await server.ask(httpRequest({ headers: { "If-None-Match": "*" } }));
    expect(reply.status).toBe(304);
    expect((await server.nth("HTTP_FILE_COMPLETION")).input).toBe(file);
  });
});

describeLoops("a file in several forms", (loop) => {
  const ask = async (target: string, headers: Record<string, string>, mount = {}, method = "GET") => {
    const mounts = [{ mountpoint: "/", origin, precompressed: true, ...mount }];
    const server = await startServer({ eventLoop: loop, mounts });
    const peer = await server.connect();
    peer.send(httpRequest({ target, method, headers }));
    return peer.response(method);
  };

  it.each([
    ["br, gzip", "brotli", "br"],
    ["gzip", "gzip!", "gzip"],
    ["br;q=0, gzip;q=0.1, identity;q=0.05", "gzip!", "gzip"],
    ["deflate", "plain javascript", undefined],
  ])("is sent to who takes %s as %s", async (accepted, body, encoding) => {
    const reply = await ask("/app.js", { "Accept-Encoding": accepted });
    expect(reply.body.toString()).toBe(body);
    expect(reply.headers["content-encoding"]).toBe(encoding);
    expect(reply.headers).toMatchObject({
      vary: "Accept-Encoding",
      "content-type": expect.stringContaining("javascript"),
    });
  });

  it("has another etag in each", async () => {
    const plain = (await ask("/app.js", {})).headers["etag"];
    const packed = (await ask("/app.js", { "Accept-Encoding": "br" })).headers["etag"];
    expect(packed).not.toBe(plain);
    const again = await ask("/app.js", { "Accept-Encoding": "br", "If-None-Match": packed });
    expect(again).toMatchObject({ status: 304, headers: { vary: "Accept-Encoding", etag: packed } });
  });

  it("is told to HEAD as it would be sent", async () => {
    const reply = await ask("/app.js", { "Accept-Encoding": "gzip" }, {}, "HEAD");
    expect(reply.headers).toMatchObject({ "content-length": "5", "content-encoding": "gzip" });
  });

  it("is 406 for who takes none of them", async () => {
    const reply = await ask("/f.txt", { "Accept-Encoding": "*;q=0" });
    expect(reply).toMatchObject({ status: 406, headers: { vary: "Accept-Encoding" } });
    expect(reply.body.toString()).toContain("406 Not Acceptable");
  });

  it("may be kept for ever where its name has a hash", async () => {
    const immutable = { immutable: true, cacheControl: "no-cache" };
    const hashed = await ask("/assets/index-DxY3k9ab.css", {}, immutable);
    expect(hashed.headers["cache-control"]).toBe("public, max-age=31536000, immutable");
    expect((await ask("/f.txt", {}, immutable)).headers["cache-control"]).toBe("no-cache");
  });
});
