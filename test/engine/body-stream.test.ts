import { once } from "node:events";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { expect, it } from "vitest";
import type { Wsi } from "../../lib/api.ts";
import { httpRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type Hook, type ServerOptions, startServer } from "../support/server.ts";

describeLoops("bodyStream", (loop) => {
  const serving = (http: Hook, options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, ...options, on: { HTTP: http } });
  const head = (size: number, headers = {}) =>
    httpRequest({ method: "POST", headers: { "Content-Length": String(size), ...headers } });
  const collect = async (wsi: Wsi) => {
    const pieces: Buffer[] = [];
    for await (const piece of wsi.bodyStream()) pieces.push(piece);
    wsi.httpReply(200, {}, Buffer.concat(pieces));
  };

  it("gives the body to a loop, byte by byte, in one piece, and none", async () => {
    const server = await serving(collect);
    const peer = await server.connect();
    for (const byte of Buffer.from(`${head(4)}body`)) await peer.send(Buffer.of(byte));
    peer.send(`${head(3)}one`, httpRequest(), `${head(3)}two`);
    for (const body of ["body", "one", "", "two"]) expect(String((await peer.response()).body)).toBe(body);
    expect(server.names()).not.toContain("HTTP_BODY");
  });

  it("gives every byte of a large body to a slow reader, in order", async () => {
    const size = 4_000_000;
    const server = await serving(
      async (wsi) => {
        let at = 0;
        const slow = new Writable({
          highWaterMark: 1000,
          write(chunk: Buffer, _encoding, done) {
            for (const byte of chunk) if (byte !== at++ % 251) return done(new Error(`wrong byte ${at}`));
            setImmediate(done);
          },
        });
        await rounds(20);
        await pipeline(wsi.bodyStream(), slow);
        wsi.httpReply(200, {}, String(at));
      },
      { maxBodyBytes: size },
    );
    const peer = await server.connect();
    peer.send(
      head(size),
      Buffer.alloc(size).map((_, i) => i % 251),
    );
    expect(String((await peer.response()).body)).toBe(String(size));
  });

  it("stalls the sender while nobody reads, and holds no more than its mark and one read", async () => {
    const size = 30_000_000;
    const server = await serving((wsi) => void streams.push(wsi.bodyStream()), { maxBodyBytes: size });
    const streams: ReturnType<Wsi["bodyStream"]>[] = [];
    const peer = await server.connect();
    await peer.send(head(size));
    let sent = 0;
    const sending = (async () => {
      for (const piece = Buffer.alloc(100_000); sent < size; sent += piece.length) await peer.send(piece);
    })();
    const { wsi } = await server.nth("HTTP");
    await rounds(500);
    expect(sent).toBeLessThan(size / 2);
    expect(streams[0].readableLength).toBeLessThan(1_000_000);
    let got = 0;
    streams[0].on("data", (piece: Buffer) => (got += piece.length));
    await once(streams[0], "end");
    expect(got).toBe(size);
    await sending;
    wsi.httpReply(200);
    expect((await peer.response()).status).toBe(200);
  });

  it("is destroyed with an error when the client goes away, and ends no server when nobody listens", async () => {
    const streams: ReturnType<Wsi["bodyStream"]>[] = [];
    const server = await serving((wsi) => void streams.push(wsi.bodyStream()));
    const peer = await server.connect();
    peer.send(head(10), "half");
    await server.nth("HTTP");
    await rounds(5);
    peer.abort();
    await server.nth("CLOSED_HTTP");
    expect(streams[0]).toMatchObject({ destroyed: true, errored: { code: "ECONNRESET" } });
  });

  it("fails the loop that reads it when the body is too large", async () => {
    const server = await serving(collect, { maxBodyBytes: 4 });
    const request = httpRequest({ method: "POST", headers: { "Transfer-Encoding": "chunked" } });
    expect((await server.ask(`${request}3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n`)).status).toBe(413);
    await rounds(5);
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
  });

  it("may be left, and the rest of the body harms nothing", async () => {
    const server = await serving(async (wsi) => {
      for await (const piece of wsi.bodyStream()) {
        wsi.httpReply(200, {}, piece.subarray(0, 1));
        break;
      }
    });
    const peer = await server.connect();
    const body = Buffer.alloc(800_000, "x");
    peer.send(head(body.length), body, `${head(1)}y`);
    expect(String((await peer.response()).body)).toBe("x");
    expect(String((await peer.response()).body)).toBe("y");
  });

  it("may be left before the reply, which comes behind the body", async () => {
    const server = await serving(async (wsi) => {
      wsi.bodyStream().destroy();
      await rounds(3);
      wsi.httpReply(204);
    });
    const peer = await server.connect();
    peer.send(head(800_000), Buffer.alloc(800_000), httpRequest());
    expect((await peer.response()).status).toBe(204);
    expect((await peer.response()).status).toBe(204);
  });

  it("is held by rxFlowControl as the callbacks are", async () => {
    const server = await serving(async (wsi) => {
      wsi.rxFlowControl(false);
      void rounds(20).then(() => wsi.rxFlowControl(true));
      await collect(wsi);
    });
    expect(String((await server.ask(`${head(4)}body`)).body)).toBe("body");
  });

  it("throws ERR_BODY_READ when somebody reads already, or nothing is there to read", async () => {
    const read = expect.objectContaining({ code: "ERR_BODY_READ" });
    const server = await serving(async (wsi) => {
      const body = wsi.readBody();
      expect(() => wsi.bodyStream()).toThrow(read);
      await body;
      wsi.httpReply(200);
      expect(() => wsi.bodyStream()).toThrow(read);
    });
    expect((await server.ask(`${head(4)}body`)).status).toBe(200);
    await rounds(3);
    expect(server.log.filter((line) => line.startsWith("error"))).toEqual([]);
  });
});
