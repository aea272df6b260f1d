import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { expect, it } from "vitest";
import type { MultipartFile, MultipartOptions, Wsi } from "../../lib/api.ts";
import { readMultipart } from "../../lib/engine/multipart.ts";
import type { Serving } from "../../lib/engine/serving.ts";
import { readRequest } from "../../lib/http/request-head.ts";
import { httpRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type Hook, type ServerOptions, startServer } from "../support/server.ts";

const field = (name: string, value: string) =>
  `--cut\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, filename: string, content: string, type = "text/plain") =>
  `--cut\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n` +
  `Content-Type: ${type}\r\n\r\n${content}\r\n`;
const form = (...parts: string[]) => `${parts.join("")}--cut--\r\n`;

const post = (body: string, type = "multipart/form-data; boundary=cut", headers = {}) =>
  httpRequest({
    method: "POST",
    headers: { "Content-Length": String(Buffer.byteLength(body)), "Content-Type": type, ...headers },
    body,
  });

/** Reads every part, and answers with what it got. */
const listing =
  (options?: MultipartOptions): Hook =>
  async (wsi: Wsi) => {
    const got: unknown[] = [];
    for await (const part of wsi.readMultipart(options)) {
      if (part.kind === "field") got.push([part.name, part.value]);
      else got.push([part.name, part.filename, part.contentType, await text(part.stream)]);
    }
    wsi.httpReply(200, {}, JSON.stringify(got));
  };

describeLoops("readMultipart", (loop) => {
  const serving = (http: Hook, options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, ...options, on: { HTTP: http } });
  const quiet = (log: string[]) => expect(log.filter((line) => line.startsWith("error"))).toEqual([]);

  const mixed = form(
    field("a", "1"),
    file("f", "x.txt", "one\r\ntwo\r\n--cu"),
    field("ä", "ö"),
    file("g", "../../etc/passwd", "", "image/png"),
    field("a", ""),
  );
  const mixedParts = [
    ["a", "1"],
    ["f", "x.txt", "text/plain", "one\r\ntwo\r\n--cu"],
    ["ä", "ö"],
    ["g", "passwd", "image/png", ""],
    ["a", ""],
  ];

  it("gives fields and files in their order, in one piece and byte by byte", async () => {
    const server = await serving(listing());
    const peer = await server.connect();
    peer.send(post(mixed), post(mixed));
    for (let i = 0; i < 2; i++) {
      expect(JSON.parse(String((await peer.response()).body))).toEqual(mixedParts);
    }
    for (const byte of Buffer.from(post(mixed))) await peer.send(Buffer.of(byte));
    expect(JSON.parse(String((await peer.response()).body))).toEqual(mixedParts);
  });

  it("reads a form of fetch's, and one without parts", async () => {
    const server = await serving(listing());
    const data = new FormData();
    data.set("a", "1");
    data.set("f", new Blob(["content"], { type: "text/css" }), "a.css");
    const reply = await fetch(`http://127.0.0.1:${server.port}/`, {
      method: "POST",
      body: data,
      headers: { connection: "close" },
    });
    expect(await reply.json()).toEqual([
      ["a", "1"],
      ["f", "a.css", "text/css", "content"],
    ]);
    expect(String((await server.ask(post(form()))).body)).toBe("[]");
  });

  it.each([
    ["leaves a file unread", async () => {}],
    ["breaks a file off", async ({ stream }: MultipartFile) => void stream.destroy()],
    [
      "reads the beginning of a file",
      async ({ stream }: MultipartFile) => {
        for await (const _ of stream) break;
      },
    ],
  ])("goes on with the next part when somebody %s", async (_what, read) => {
    const server = await serving(async (wsi) => {
      const names: string[] = [];
      for await (const part of wsi.readMultipart()) {
        names.push(part.name);
        if (part.kind === "file") await read(part);
      }
      wsi.httpReply(200, {}, names.join());
    });
    const large = "x".repeat(300_000);
    const reply = await server.ask(post(form(file("f", "f", large), field("a", "1"), file("g", "g", large))));
    expect(String(reply.body)).toBe("f,a,g");
  });

  it("lets files be read while the next part is asked for", async () => {
    const large = "x".repeat(200_000);
    const server = await serving(async (wsi) => {
      const sizes: Promise<number>[] = [];
      for await (const part of wsi.readMultipart()) {
        if (part.kind === "file") sizes.push(text(part.stream).then(({ length }) => length));
      }
      wsi.httpReply(200, {}, String(await Promise.all(sizes)));
    });
    const reply = await server.ask(post(form(file("f", "f", large), file("g", "g", large))));
    expect(String(reply.body)).toBe("200000,200000");
  });

  it("stalls the client while a file is read slowly, and loses nothing of it", async () => {
    const size = 20_000_000;
    let go = () => {};
    const server = await serving(
      async (wsi) => {
        for await (const part of wsi.readMultipart({ maxFileSize: size })) {
          if (part.kind !== "file") continue;
          let got = 0;
          const slow = new Writable({
            write(chunk: Buffer, _encoding, done) {
              if (got === 0) go = done;
              else done();
              got += chunk.length;
            },
          });
          await pipeline(part.stream, slow);
          wsi.httpReply(200, {}, String(got));
        }
      },
      { maxBodyBytes: 2 * size },
    );
    const peer = await server.connect();
    const bytes = Buffer.from(post(form(file("f", "f", "x".repeat(size)))));
    let sent = 0;
    const sending = (async () => {
      for (; sent < bytes.length; sent += 100_000) await peer.send(bytes.subarray(sent, sent + 100_000));
    })();
    await server.nth("HTTP");
    await rounds(1000);
    expect(sent).toBeLessThan(size / 2 + 2_000_000);
    go();
    expect(String((await peer.response()).body)).toBe(String(size));
    await sending;
  });

  it.each([
    ["a file over maxFileSize", { maxFileSize: 3 }, form(file("f", "f", "1234")), "ERR_FILE_TOO_LARGE"],
    ["a field over maxFieldSize", { maxFieldSize: 3 }, form(field("a", "1234")), "ERR_FIELD_TOO_LARGE"],
    ["a field too many", { maxFields: 1 }, form(field("a", "1"), field("b", "2")), "ERR_TOO_MANY_PARTS"],
    ["a file too many", { maxFiles: 0 }, form(file("f", "f", "1")), "ERR_TOO_MANY_PARTS"],
  ])("answers 413 for %s", async (_what, options, body, code) => {
    let thrown: unknown;
    const server = await serving(async (wsi, ...rest) => {
      await Promise.resolve(listing(options)(wsi, ...rest)).catch((error: unknown) => {
        thrown = error;
        throw error;
      });
    });
    expect((await server.ask(post(body))).status).toBe(413);
    expect(thrown).toMatchObject({ code, status: 413 });
    quiet(server.log);
  });

  it("takes exactly what its limits say", async () => {
    const options = { maxFileSize: 4, maxFieldSize: 4, maxFiles: 1, maxFields: 1 };
    const server = await serving(listing(options));
    const reply = await server.ask(post(form(file("f", "f", "1234"), field("a", "1234"))));
    expect(JSON.parse(String(reply.body))).toEqual([
      ["f", "f", "text/plain", "1234"],
      ["a", "1234"],
    ]);
  });

  it.each([
    ["no boundary", post(form(field("a", "1")), "multipart/form-data"), 400],
    ["no last boundary", post(field("a", "1")), 400],
    ["a file that is cut", post(file("f", "f", "content").slice(0, -5)), 400],
    ["nothing", post(""), 400],
    ["a part without a name", post(form("--cut\r\nContent-Disposition: form-data\r\n\r\nx\r\n")), 400],
    ["another type", post("{}", "application/json"), 415],
    ["a compressed form", post(form(), undefined, { "Content-Encoding": "gzip" }), 415],
  ])("answers with $2 what has $0", async (_what, request, status) => {
    const server = await serving(listing());
    expect((await server.ask(request)).status).toBe(status);
    quiet(server.log);
  });

  it("is bounded by maxBodyBytes", async () => {
    const server = await serving(listing(), { maxBodyBytes: 1000 });
    const body = form(file("f", "f", "x".repeat(2000)));
    expect((await server.ask(post(body))).status).toBe(413);
    const chunks = `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;
    const request = post("").replace("Content-Length: 0", "Transfer-Encoding: chunked");
    expect((await server.ask(request + chunks)).status).toBe(413);
  });

  it("fails the reader of a file and the loop when the client goes away", async () => {
    const errors: unknown[] = [];
    const server = await serving(async (wsi) => {
      try {
        for await (const part of wsi.readMultipart()) {
          if (part.kind === "file") await text(part.stream).catch((error: unknown) => errors.push(error));
        }
      } catch (error) {
        errors.push(error);
      }
    });
    const peer = await server.connect();
    peer.send(post(form(file("f", "f", "x".repeat(1000)))).slice(0, -500));
    await server.nth("HTTP");
    await rounds(20);
    peer.abort();
    await server.nth("CLOSED_HTTP");
    await rounds(5);
    const reset = expect.objectContaining({ code: "ECONNRESET" });
    expect(errors).toEqual([reset, reset]);
  });

  it("may be left amid the form, and the next request is found", async () => {
    const server = await serving(async (wsi) => {
      if (wsi.method === "GET") return wsi.httpReply(204);
      for await (const part of wsi.readMultipart()) {
        wsi.httpReply(200, {}, part.name);
        break;
      }
    });
    const peer = await server.connect();
    peer.send(post(form(file("f", "f", "x".repeat(300_000)), field("a", "1"))), httpRequest());
    expect(String((await peer.response()).body)).toBe("f");
    expect((await peer.response()).status).toBe(204);
    quiet(server.log);
  });

  it("throws for a limit that is no number", async () => {
    const server = await serving((wsi) => {
      expect(() => wsi.readMultipart({ maxFiles: -1 })).toThrow(TypeError);
      expect(() => wsi.readMultipart({ maxFileSize: "1" as unknown as number })).toThrow(TypeError);
      wsi.httpReply(204);
    });
    expect((await server.ask(post(form()))).status).toBe(204);
  });
});

it("readMultipart says which package is missing", async () => {
  const head = readRequest(post("").replace("Content-Length", "X"));
  const flow = { resume() {}, leave() {} };
  const serving = { head, takeBody: () => flow } as unknown as Serving;
  const missing = () => Promise.reject(new Error("Cannot find package"));
  const parts = readMultipart(serving, {}, missing);
  await expect(parts.next()).rejects.toMatchObject({
    code: "ENOTSUP",
    message: expect.stringContaining("@fastify/busboy"),
  });
});
