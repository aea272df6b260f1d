import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect, it } from "vitest";
import type { Wsi } from "../../lib/api.ts";
import { errorCode } from "../../lib/base/errors.ts";
import { httpRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import {
  describeLoops,
  type Hook,
  type ServerOptions,
  startServer,
  temporaryFolder,
} from "../support/server.ts";

const folder = temporaryFolder();

describeLoops("replyStream", (loop) => {
  const serving = (http: Hook, options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, ...options, on: { HTTP: http } });
  const abc = () => Readable.from(["a", "b", "c"]);

  it("sends what is piped into it, chunked or with the length given, and keeps the connection", async () => {
    const server = await serving((wsi) =>
      pipeline(abc(), wsi.replyStream(201, wsi.uri === "/" ? { "x-a": "1" } : { "content-length": 3 })),
    );
    const peer = await server.connect();
    peer.send(httpRequest(), httpRequest({ target: "/length" }));
    const reply = await peer.response();
    expect(reply).toMatchObject({ status: 201, body: Buffer.from("abc"), headers: { "x-a": "1" } });
    expect(reply.headers["transfer-encoding"]).toBe("chunked");
    expect(await peer.response()).toMatchObject({
      headers: { "content-length": "3" },
      body: Buffer.from("abc"),
    });
  });

  it("sends nothing but the head to HEAD, with 204, and without a byte", async () => {
    const server = await serving((wsi) =>
      pipeline(
        wsi.uri === "/none" ? Readable.from([]) : abc(),
        wsi.replyStream(wsi.uri === "/204" ? 204 : 200),
      ),
    );
    const peer = await server.connect();
    for (const [method, target, status] of [
      ["HEAD", "/", 200],
      ["GET", "/204", 204],
      ["GET", "/none", 200],
    ] as const) {
      peer.send(httpRequest({ method, target }));
      expect(await peer.response(method)).toMatchObject({ status, body: Buffer.alloc(0) });
    }
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
  });

  it("goes until the end of the connection to HTTP/1.0", async () => {
    const server = await serving((wsi) => pipeline(abc(), wsi.replyStream(200)));
    expect(String((await server.ask("GET / HTTP/1.0\r\n\r\n")).body)).toBe("abc");
  });

  it("stops its source while the client does not read, and every byte arrives", async () => {
    const size = 24_000_000;
    const file = join(folder, `large-${loop}`);
    writeFileSync(file, Buffer.alloc(size, 7));
    let source: ReturnType<typeof createReadStream> | undefined;
    const server = await serving((wsi) => {
      source = createReadStream(file);
      return pipeline(source, wsi.replyStream(200));
    });
    const peer = await server.connect();
    peer.pause();
    peer.send(httpRequest());
    const { wsi } = await server.nth("HTTP");
    await rounds(1000);
    expect(source!.bytesRead).toBeLessThan(size / 2);
    expect(wsi.bufferedAmount).toBeLessThan(1_000_000);
    peer.resume();
    const { body } = await peer.response();
    expect(body.equals(Buffer.alloc(size, 7))).toBe(true);
  });

  it("echoes a body of any size with a bounded buffer", async () => {
    const size = 5_000_000;
    const server = await serving((wsi) => pipeline(wsi.bodyStream(), wsi.replyStream(200)), {
      maxBodyBytes: size,
    });
    const peer = await server.connect();
    const body = Buffer.alloc(size).map((_, i) => i % 253);
    peer.send(httpRequest({ method: "POST", headers: { "Content-Length": String(size) } }), body);
    expect((await peer.response()).body.equals(body)).toBe(true);
  });

  const failing = (wsi: Wsi, headers = {}) => {
    const source = Readable.from(
      (async function* () {
        if (wsi.uri === "/late") yield "some";
        await rounds(5);
        throw new Error("disk");
      })(),
    );
    return pipeline(source, wsi.replyStream(200, headers));
  };

  it("is answered with 500 when the source fails before it gave a byte", async () => {
    const server = await serving((wsi) => failing(wsi));
    expect((await server.ask(httpRequest())).status).toBe(500);
  });

  it.each([{}, { "content-length": 100 }])("is cut off when the source fails later, %j", async (headers) => {
    const server = await serving((wsi) => failing(wsi, headers));
    const peer = await server.connect();
    peer.send(httpRequest({ target: "/late" }));
    const got = (await peer.closed()).toString("latin1");
    expect(got).toMatch(/some(\r\n)?$/);
    expect(server.log.join()).toContain("disk");
  });

  it("leaves the request to another reply when it is destroyed before its first byte", async () => {
    const server = await serving((wsi) => {
      wsi.replyStream(200).destroy();
      wsi.httpReply(404);
    });
    expect((await server.ask(httpRequest())).status).toBe(404);
  });

  it("is destroyed when the client goes away, which is no error in the log", async () => {
    let code = "";
    const server = await serving(async (wsi) => {
      const endless = Readable.from(
        (async function* () {
          for (;;) {
            yield "x".repeat(1000);
            await rounds(1);
          }
        })(),
      );
      await pipeline(endless, wsi.replyStream(200)).catch((error: unknown) => {
        code = errorCode(error);
        throw error;
      });
    });
    const peer = await server.connect();
    peer.send(httpRequest());
    await peer.head();
    peer.abort();
    await server.nth("CLOSED_HTTP");
    await rounds(5);
    expect(code).toBe("ECONNRESET");
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
  });

  it("fails for a bad header and for more bytes than were promised", async () => {
    const server = await serving((wsi) =>
      pipeline(abc(), wsi.replyStream(200, wsi.uri === "/" ? { "x bad": "1" } : { "content-length": 2 })),
    );
    expect((await server.ask(httpRequest())).status).toBe(500);
    const peer = await server.connect();
    peer.send(httpRequest({ target: "/more" }));
    expect((await peer.closed()).toString("latin1")).toMatch(/^$|\r\n\r\nab?$/);
  });

  it("is one for each request", async () => {
    const replied = expect.objectContaining({ code: "ERR_REPLIED" });
    const server = await serving(async (wsi) => {
      const stream = wsi.replyStream(200);
      expect(() => wsi.replyStream(200)).toThrow(replied);
      await new Promise<void>((resolve) => stream.end("one", resolve));
      expect(() => wsi.replyStream(200)).toThrow(replied);
    });
    expect(String((await server.ask(httpRequest())).body)).toBe("one");
    await rounds(3);
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
  });

  it("hears when another reply was given in its place", async () => {
    let stream: ReturnType<Wsi["replyStream"]> | undefined;
    const server = await serving((wsi) => {
      stream = wsi.replyStream(200);
      wsi.httpReply(202);
    });
    expect((await server.ask(httpRequest())).status).toBe(202);
    expect(stream!.destroyed).toBe(true);
  });
});
