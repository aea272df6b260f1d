import { randomBytes } from "node:crypto";
import { constants, createDeflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import { expect, it } from "vitest";
import {
  type PermessageDeflateOptions,
  permessageDeflate,
  WriteProtocol,
  type Wsi,
} from "../../lib/index.ts";
import { binaryFrame, closeFrame, moreFrame, textFrame } from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

const { TEXT, BINARY, CONTINUATION, NO_FIN, NO_COMPRESS } = WriteProtocol;
const RSV1 = 4;
const MEBIBYTE = 1 << 20;
const tail = Buffer.of(0, 0, 0xff, 0xff);
const finishFlush = constants.Z_SYNC_FLUSH;

const deflated = (text: string | Uint8Array) => deflateRawSync(text, { finishFlush }).subarray(0, -4);
const inflated = (payload: Buffer) => inflateRawSync(Buffer.concat([payload, tail]), { finishFlush });
const echo = (wsi: Wsi, input: never) => void wsi.write(input, wsi.frameIsBinary() ? BINARY : TEXT);

describeLoops("permessage-deflate", (loop) => {
  const start = ({ deflate = {}, ...options }: ServerOptions & { deflate?: PermessageDeflateOptions } = {}) =>
    startServer({
      eventLoop: loop,
      extensions: [permessageDeflate({ threshold: 0, ...deflate })],
      protocol: { wholeMessages: true, ...options.protocol },
      on: { RECEIVE: echo, ...options.on },
    });
  const offer = (value = "permessage-deflate") => ({ headers: { "Sec-WebSocket-Extensions": value } });

  it("answers an offer, and both sides compress", async () => {
    const server = await start();
    const peer = await server.open(offer());
    expect(peer.reply!.headers["sec-websocket-extensions"]).toBe("permessage-deflate");
    peer.send(textFrame(deflated("Hello, compressed"), { rsv: RSV1 }));
    const frame = await peer.frame();
    expect(frame).toMatchObject({ fin: true, rsv: RSV1, opcode: 1 });
    expect(inflated(frame.payload).toString()).toBe("Hello, compressed");
    expect(server.received()).toEqual(["Hello, compressed"]);
  });

  it("takes the messages of RFC 7692 section 7.2.3 as they stand there", async () => {
    const server = await start({ protocol: { wholeMessages: true } });
    const peer = await server.open(offer());
    const messages = [
      hex("f2 48 cd c9 c9 07 00"),
      hex("f2 00 11 00 00"),
      hex("00 05 00 fa ff 48 65 6c 6c 6f 00"),
      hex("f3 48 cd c9 c9 07 00 00"),
      hex("f2 48 05 00 00 00 ff ff ca c9 c9 07 00"),
    ];
    peer.send(...messages.map((payload) => textFrame(payload, { rsv: RSV1 })));
    await server.nth("RECEIVE", messages.length);
    expect(server.received()).toEqual(Array(messages.length).fill("Hello"));
  });

  it("row 42: a bomb of 64 MiB under a limit of 1 MiB closes with 1009, in one frame and in two", async () => {
    const server = await start({ protocol: { wholeMessages: true, maxMessageSize: MEBIBYTE } });
    const bomb = deflated(Buffer.alloc(64 * MEBIBYTE));
    for (const cut of [bomb.length, bomb.length >> 1]) {
      const peer = await server.open(offer());
      const first = textFrame(bomb.subarray(0, cut), { rsv: RSV1, fin: cut === bomb.length });
      peer.send(first, ...(cut === bomb.length ? [] : [moreFrame(bomb.subarray(cut))]));
      expect(await peer.close()).toMatchObject({ code: 1009 });
    }
    expect(server.all("RECEIVE")).toEqual([]);
  });

  it("takes a message of exactly maxMessageSize, compressible or not, and none of one byte more", async () => {
    const server = await start({ protocol: { wholeMessages: true, maxMessageSize: 100_000 } });
    for (const data of [randomBytes(100_001), Buffer.alloc(100_001, 0x61)]) {
      const peer = await server.open(offer());
      peer.send(binaryFrame(deflated(data.subarray(1)), { rsv: RSV1 }));
      expect(inflated((await peer.frame()).payload).equals(data.subarray(1))).toBe(true);
      peer.send(binaryFrame(deflated(data), { rsv: RSV1 }));
      expect(await peer.close()).toMatchObject({ code: 1009 });
    }
  });

  it.each([
    ["row 43: garbage", "ff ff ff ff"],
    ["row 43: a stored block whose lengths do not fit", "00 05 00 fa fe 48"],
    ["row 44: a reference to before the window", "02 7e 00 00"],
    ["a message that stops within a block", "f2 48 cd"],
  ])("%s closes with 1007, and no other session is harmed", async (_name, payload) => {
    const server = await start();
    const other = await server.open(offer());
    const peer = await server.open(offer());
    peer.send(textFrame(hex(payload), { rsv: RSV1 }));
    expect(await peer.close()).toMatchObject({ code: 1007 });
    other.send(textFrame(deflated("fine"), { rsv: RSV1 }));
    expect(inflated((await other.frame()).payload).toString()).toBe("fine");
  });

  it("row 45: a message that ends with a final block, then another: both are delivered", async () => {
    const server = await start();
    const peer = await server.open(offer());
    const finished = deflateRawSync("first");
    peer.send(textFrame(finished, { rsv: RSV1 }));
    peer.send(textFrame(Buffer.concat([finished, Buffer.of(0)]), { rsv: RSV1 }));
    peer.send(textFrame(deflated("second"), { rsv: RSV1 }));
    await server.nth("RECEIVE", 3);
    expect(server.received()).toEqual(["first", "first", "second"]);
  });

  it("row 46: the byte 00, or nothing at all, is an empty message", async () => {
    const server = await start();
    const peer = await server.open(offer());
    peer.send(textFrame(hex("00"), { rsv: RSV1 }), textFrame("", { rsv: RSV1 }));
    for (const frame of await peer.frames(2)) expect(inflated(frame.payload)).toHaveLength(0);
    expect(server.received()).toEqual(["", ""]);
  });

  it("row 47: 200 clients that vanish amid a compressed message leave nothing behind", async () => {
    const server = await start();
    const payload = deflated(randomBytes(20_000));
    const cut = binaryFrame(payload, { rsv: RSV1 }).subarray(0, 9000);
    const peers = await Promise.all(Array.from({ length: 200 }, () => server.open(offer())));
    await Promise.all(peers.map((peer) => peer.send(binaryFrame(deflated("x"), { rsv: RSV1 }), cut)));
    await server.nth("RECEIVE", 200);
    await Promise.all(peers.map((peer) => peer.drop()));
    await server.nth("CLOSED", 200);
    expect(server.all("CLOSED").every(({ input }) => (input as { code: number }).code === 1006)).toBe(true);
    const peer = await server.open(offer());
    peer.send(textFrame(deflated("alive"), { rsv: RSV1 }));
    expect(inflated((await peer.frame()).payload).toString()).toBe("alive");
  });

  it("text that is not UTF-8 behind the compression closes with 1007; binary passes", async () => {
    const server = await start();
    const peer = await server.open(offer());
    peer.send(binaryFrame(deflated(Buffer.of(0xff)), { rsv: RSV1 }));
    expect(inflated((await peer.frame()).payload)).toEqual(Buffer.of(0xff));
    peer.send(textFrame(deflated(Buffer.of(0xff)), { rsv: RSV1 }));
    expect(await peer.close()).toMatchObject({ code: 1007 });
  });

  it("row 22: RSV1 on a continuation, on a control frame, or without an agreement closes with 1002", async () => {
    const server = await start();
    const [amid, control, without] = [
      await server.open(offer()),
      await server.open(offer()),
      await server.open(),
    ];
    amid.send(textFrame(deflated("a"), { rsv: RSV1, fin: false }), moreFrame("", { rsv: RSV1 }));
    control.send(textFrame("", { rsv: RSV1, opcode: 9 }));
    without.send(textFrame(deflated("a"), { rsv: RSV1 }));
    for (const peer of [amid, control, without]) expect(await peer.close()).toMatchObject({ code: 1002 });
  });

  it("keeps the context from message to message, both ways, with a peer that streams", async () => {
    const server = await start();
    const peer = await server.open(offer());
    const stream = new StreamingPeer();
    const sizes: number[] = [];
    for (let i = 0; i < 30; i++) {
      const text = JSON.stringify({ i, words: "the same words again and again", noise: Math.sin(i) });
      peer.send(textFrame(await stream.deflate(text), { rsv: RSV1 }));
      const frame = await peer.frame();
      sizes.push(frame.payload.length);
      expect(stream.inflate(frame.payload)).toBe(text);
    }
    expect(sizes[20]).toBeLessThan(sizes[0] / 2);
  });

  it("compresses a message in fragments, the bit on the first", async () => {
    const server = await start({ on: { RECEIVE: () => 0 } });
    const { peer, wsi } = await server.pair(offer());
    wsi.write("one, ", TEXT | NO_FIN);
    wsi.write("", CONTINUATION | NO_FIN);
    wsi.write("two, ", CONTINUATION | NO_FIN);
    wsi.write("", CONTINUATION);
    const frames = await peer.frames(4);
    expect(frames.map(({ rsv, fin }) => [rsv, fin])).toEqual([
      [4, false],
      [0, false],
      [0, false],
      [0, true],
    ]);
    expect(inflated(Buffer.concat(frames.map(({ payload }) => payload))).toString()).toBe("one, two, ");
  });

  it("sends plain what is below the threshold, and what it is told to", async () => {
    const server = await start({ deflate: { threshold: 10 }, on: { RECEIVE: () => 0 } });
    const { peer, wsi } = await server.pair(offer());
    for (const [data, mode] of [
      ["123456789", TEXT],
      ["1234567890", TEXT],
      ["1234567890", TEXT | NO_COMPRESS],
    ] as const)
      expect(wsi.write(data, mode)).toBe(data.length);
    expect((await peer.frames(3)).map(({ rsv }) => rsv)).toEqual([0, RSV1, 0]);
  });

  it("tells a compressed message in pieces to a protocol that takes pieces", async () => {
    const server = await start({
      protocol: { wholeMessages: false, rxBufferSize: 1000 },
      on: { RECEIVE: () => 0 },
    });
    const peer = await server.open(offer());
    const data = randomBytes(2500);
    peer.send(binaryFrame(deflated(data), { rsv: RSV1 }));
    await server.nth("RECEIVE", 3);
    expect(server.all("RECEIVE").map(({ piece }) => piece!.remaining)).toEqual([1500, 500, 0]);
    expect(Buffer.concat(server.all("RECEIVE").map(({ input }) => input as Buffer)).equals(data)).toBe(true);
  });

  it("carries 16 MiB each way", async () => {
    const server = await start({ deflate: { level: 1 } });
    const peer = await server.open(offer());
    const data = Buffer.alloc(16 * MEBIBYTE, randomBytes(5000));
    peer.send(binaryFrame(deflateRawSync(data, { finishFlush, level: 1 }).subarray(0, -4), { rsv: RSV1 }));
    expect(inflated((await peer.frame()).payload).equals(data)).toBe(true);
  });

  it("serves others between the bombs of one read, and all of them in the end", async () => {
    const order: string[] = [];
    const server = await start({
      protocol: { wholeMessages: true },
      on: { RECEIVE: (_wsi, _input, { len }) => void order.push(len > 1000 ? "bomb" : "other") },
    });
    const bomb = binaryFrame(deflated(Buffer.alloc(4 * MEBIBYTE)), { rsv: RSV1 });
    const attacker = await server.open(offer());
    const other = await server.open(offer());
    attacker.send(...Array<Buffer>(30).fill(bomb), textFrame("end"));
    await server.nth("RECEIVE");
    other.send(textFrame("other"));
    await server.nth("RECEIVE", 32);
    expect(order.filter((each) => each === "bomb")).toHaveLength(30);
    expect(order.indexOf("other")).toBeLessThan(25);
    expect(server.received().at(-1)).toBe("end");
  });

  it("goes on behind its budget with what was held back meanwhile", async () => {
    const server = await start({
      on: {
        RECEIVE(wsi) {
          wsi.rxFlowControl(false);
          wsi.setTimer(0);
        },
        TIMER: (wsi) => wsi.rxFlowControl(true),
      },
    });
    const peer = await server.open(offer());
    const frames = Array.from({ length: 6 }, (_, i) =>
      binaryFrame(deflated(Buffer.alloc(2 * MEBIBYTE + i)), { rsv: RSV1 }),
    );
    peer.send(...frames, closeFrame(1000));
    await server.nth("CLOSED");
    expect(server.all("RECEIVE").map(({ len }) => len - 2 * MEBIBYTE)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(server.all("CLOSED")[0].input).toMatchObject({ code: 1000, wasClean: true });
  });

  it("serves many sessions in turn, each with its own context", async () => {
    const server = await start();
    const peers = await Promise.all(
      Array.from({ length: 80 }, async () => ({
        peer: await server.open(offer()),
        stream: new StreamingPeer(),
      })),
    );
    for (let round = 0; round < 4; round++) {
      const texts = peers.map(
        (_, n) => `session ${n}, round ${round}: ${"words of this session ".repeat(n % 7)}`,
      );
      for (const [n, { peer, stream }] of peers.entries())
        peer.send(textFrame(await stream.deflate(texts[n]), { rsv: RSV1 }));
      for (const [n, { peer, stream }] of peers.entries())
        expect(stream.inflate((await peer.frame()).payload)).toBe(texts[n]);
    }
  });
});

/** A peer that keeps its compressor's context as browsers do: one stream for all it sends, and the window of what came. */
class StreamingPeer {
  readonly #deflater = createDeflateRaw();
  #window = Buffer.alloc(0);

  async deflate(text: string): Promise<Buffer> {
    const deflater = this.#deflater;
    const parts: Buffer[] = [];
    const keep = (part: Buffer) => void parts.push(part);
    deflater.on("data", keep);
    deflater.write(text);
    await new Promise<void>((resolve) => deflater.flush(constants.Z_SYNC_FLUSH, resolve));
    deflater.off("data", keep);
    return Buffer.concat(parts).subarray(0, -4);
  }

  inflate(payload: Buffer): string {
    const dictionary = this.#window.length === 0 ? undefined : this.#window;
    const text = inflateRawSync(Buffer.concat([payload, tail]), { finishFlush, dictionary });
    this.#window = Buffer.concat([this.#window, text]).subarray(-32_768);
    return text.toString();
  }
}
