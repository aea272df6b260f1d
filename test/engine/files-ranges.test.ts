import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { httpRequest } from "../support/frames.ts";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";
import { letFilesSettle } from "../support/settled.ts";

const origin = temporaryFolder();
writeFileSync(join(origin, "ten.txt"), "0123456789");
writeFileSync(join(origin, "empty.txt"), "");
/** Each four bytes tell their place. */
const large = Buffer.alloc(1_000_000);
for (let at = 0; at < large.length; at += 4) large.writeUInt32BE(at, at);
writeFileSync(join(origin, "large.bin"), large);

interface Part {
  range: string;
  type: string;
  bytes: Buffer;
}

/** Takes a multipart/byteranges body apart, as RFC 9110 section 14.6 and RFC 2046 have it. */
function partsOf(contentType: string, body: Buffer): Part[] {
  const [, boundary] = /^multipart\/byteranges; boundary=([\w-]+)$/.exec(contentType)!;
  const text = body.toString("latin1");
  expect(text.startsWith(`--${boundary}\r\n`)).toBe(true);
  expect(text.endsWith(`\r\n--${boundary}--\r\n`)).toBe(true);
  const inner = text.slice(0, -`\r\n--${boundary}--\r\n`.length);
  return `\r\n${inner}`
    .split(`\r\n--${boundary}\r\n`)
    .slice(1)
    .map((part) => {
      const end = part.indexOf("\r\n\r\n");
      const head = part.slice(0, end);
      return {
        type: /^Content-Type: (.*)$/m.exec(head)![1].trim(),
        range: /^Content-Range: (.*)$/m.exec(head)![1].trim(),
        bytes: Buffer.from(part.slice(end + 4), "latin1"),
      };
    });
}

describeLoops("a part of a file", (loop) => {
  describe.each(["from a descriptor", "kept in memory"])("%s", (where) => {
    if (where === "kept in memory") letFilesSettle();

    const ask = async (target: string, headers: Record<string, string> = {}, method = "GET") => {
      const server = await startServer({ eventLoop: loop, mounts: [{ mountpoint: "/", origin }] });
      const peer = await server.connect();
      // The second one finds a small file in memory, where it is to be.
      peer.send(httpRequest({ target }));
      await peer.response();
      peer.send(httpRequest({ method, target, headers }));
      return peer.response(method);
    };
    const range = (text: string, headers: Record<string, string> = {}) =>
      ask("/ten.txt", { Range: text, ...headers });

    it.each([
      ["bytes=0-4", "01234", "bytes 0-4/10"],
      ["bytes=9-", "9", "bytes 9-9/10"],
      ["bytes=-5", "56789", "bytes 5-9/10"],
      ["bytes=-50", "0123456789", "bytes 0-9/10"],
      ["bytes=0-99999999999999999999", "0123456789", "bytes 0-9/10"],
      ["BYTES= 2-2 ,", "2", "bytes 2-2/10"],
    ])("row 78: %s is %s", async (text, body, contentRange) => {
      const reply = await range(text);
      expect(reply.status).toBe(206);
      expect(reply.body.toString()).toBe(body);
      expect(reply.headers).toMatchObject({
        "content-range": contentRange,
        "content-length": String(body.length),
        "content-type": "text/plain; charset=utf-8",
        "accept-ranges": "bytes",
      });
    });

    it.each(["bytes=5-2", "bytes=100-", "bytes=-0"])("row 78: %s is 416", async (text) => {
      const reply = await range(text);
      expect(reply.status).toBe(416);
      expect(reply.headers["content-range"]).toBe("bytes */10");
      expect(reply.body.toString()).toContain("416 Range Not Satisfiable");
    });

    it.each(["abc", "items=0-4", "bytes=0x0-", "items="])("row 78: %s is the whole file", async (text) => {
      expect(await range(text)).toMatchObject({ status: 200, body: Buffer.from("0123456789") });
    });

    it("row 78: two thousand ranges cost no more than the file, or a few of them", async () => {
      const many = Array.from({ length: 2000 }, (_, at) => `${at % 10}-${at % 10}`).join();
      const reply = await range(`bytes=${many}`);
      expect([200, 206, 416, 431]).toContain(reply.status);
      expect(reply.body.length).toBeLessThan(2000);
    });

    it("is one of several, each with its place", async () => {
      const reply = await range("bytes=0-1,5-6,-1");
      expect(reply.status).toBe(206);
      expect(reply.headers["content-range"]).toBeUndefined();
      const type = "text/plain; charset=utf-8";
      expect(partsOf(reply.headers["content-type"], reply.body)).toEqual([
        { type, range: "bytes 0-1/10", bytes: Buffer.from("01") },
        { type, range: "bytes 5-6/10", bytes: Buffer.from("56") },
        { type, range: "bytes 9-9/10", bytes: Buffer.from("9") },
      ]);
    });

    it("of a large file is those bytes, single or several", async () => {
      const single = await ask("/large.bin", { Range: "bytes=100001-900000" });
      expect(single.status).toBe(206);
      expect(single.body.equals(large.subarray(100_001, 900_001))).toBe(true);
      const several = await ask("/large.bin", { Range: "bytes=1-300001,500000-899999" });
      const parts = partsOf(several.headers["content-type"], several.body);
      expect(parts.map((part) => part.range)).toEqual([
        "bytes 1-300001/1000000",
        "bytes 500000-899999/1000000",
      ]);
      expect(parts[0].bytes.equals(large.subarray(1, 300_002))).toBe(true);
      expect(parts[1].bytes.equals(large.subarray(500_000, 900_000))).toBe(true);
    });

    it("of an empty file is nothing: the last bytes are none, the first are not there", async () => {
      expect(await ask("/empty.txt", { Range: "bytes=-1" })).toMatchObject({
        status: 200,
        headers: { "content-length": "0" },
      });
      expect((await ask("/empty.txt", { Range: "bytes=0-" })).status).toBe(416);
    });

    it("row 79: is told to HEAD as the whole, without a body", async () => {
      const reply = await ask("/ten.txt", { Range: "bytes=0-4", Connection: "close" }, "HEAD");
      expect(reply).toMatchObject({ status: 200, headers: { "content-length": "10" } });
    });

    it("row 79: goes with If-Range only for a strong validator that is the file's", async () => {
      const { etag, "last-modified": lastModified } = (await ask("/ten.txt")).headers;
      const strong = where === "kept in memory";
      expect(etag.startsWith("W/")).toBe(!strong);
      const status = async (validator: string) =>
        (await range("bytes=0-4", { "If-Range": validator })).status;
      expect(await status(etag)).toBe(strong ? 206 : 200);
      expect(await status(`W/${etag.replace("W/", "")}`)).toBe(200);
      expect(await status('"other"')).toBe(200);
      expect(await status("Thu, 01 Jan 1970 00:00:00 GMT")).toBe(200);
      expect([200, 206]).toContain(await status(lastModified));
    });
  });

  it("is given by serveHttpFile too, and its completion told once", async () => {
    const path = join(origin, "ten.txt");
    const server = await startServer({ eventLoop: loop, on: { HTTP: (wsi) => wsi.serveHttpFile(path) } });
    const reply = await server.ask(httpRequest({ headers: { Range: "bytes=-3" } }));
    expect(reply).toMatchObject({ status: 206, body: Buffer.from("789") });
    expect((await server.nth("HTTP_FILE_COMPLETION")).input).toBe(path);
    const refused = await server.ask(httpRequest({ headers: { Range: "bytes=10-" } }));
    expect(refused.status).toBe(416);
    expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(1);
  });

  it("has the error page of the context where it cannot be had", async () => {
    const server = await startServer({
      eventLoop: loop,
      mounts: [{ mountpoint: "/", origin }],
      errorPage: (status) => ({ contentType: "text/plain", body: `so sorry: ${status}` }),
    });
    const reply = await server.ask(httpRequest({ target: "/ten.txt", headers: { Range: "bytes=10-" } }));
    expect(reply).toMatchObject({ status: 416, body: Buffer.from("so sorry: 416") });
    expect(reply.headers).toMatchObject({ "content-range": "bytes */10", "content-type": "text/plain" });
  });
});
