import { once } from "node:events";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { describe, expect, it } from "vitest";
import { ByteStream, isOwned, type Taker } from "../../lib/stream/byte-stream.ts";
import { duplexPair, type PairedDuplex } from "../support/duplex-pair.ts";
import { rounds } from "../support/raw.ts";
import { tcpPair } from "./support.ts";

/** Somebody who owns the bytes of a stream, and what he was told. */
class Owner {
  readonly told: string[] = [];
  readonly bytes = new ByteStream(this);
  onInput(): void {
    this.told.push("input");
  }
  onRoom(): void {
    this.told.push("room");
  }
}

function open(initial: Uint8Array = Buffer.alloc(0)): {
  owner: Owner;
  bytes: ByteStream;
  stream: PairedDuplex;
  peer: PairedDuplex;
} {
  const [stream, peer] = duplexPair();
  const owner = new Owner();
  owner.bytes.open(stream, initial);
  return { owner, bytes: owner.bytes, stream, peer };
}

/** Takes at most so many bytes at a time, and keeps them as text. */
class TextTaker implements Taker {
  text = "";
  readonly #most: number;
  constructor(most = Number.POSITIVE_INFINITY) {
    this.#most = most;
  }
  feed(buffer: Buffer, start: number, end: number): number {
    const stop = Math.min(end, start + this.#most);
    this.text += buffer.toString("latin1", start, stop);
    return stop;
  }
}

describe("bytes of a stream", () => {
  it("are not read while nobody wants them", async () => {
    const { owner, bytes, stream, peer } = open();
    peer.write("Hello");
    await rounds();
    expect(bytes.holds).toBe(false);
    expect(stream.readableLength).toBe(5);
    expect(owner.told).toEqual([]);
  });

  it("are taken at once when they are there", async () => {
    const { owner, bytes, peer } = open();
    peer.write("Hello");
    expect(bytes.more()).toBe(true);
    const taker = new TextTaker();
    bytes.feed(taker);
    expect(taker.text).toBe("Hello");
    expect(bytes.more()).toBe(false);
    expect(owner.told).toEqual([]);
  });

  it("are told of when somebody waits for them", async () => {
    const { owner, bytes, peer } = open();
    bytes.want();
    peer.write("Hello");
    await rounds(1);
    expect(owner.told).toEqual(["input"]);
    expect(bytes.more()).toBe(true);
  });

  it("are held one chunk at the most; the rest waits in the stream, and then at the peer", async () => {
    const { owner, bytes, stream, peer } = open();
    bytes.want();
    await rounds(1);
    for (let i = 0; i < 100; i++) peer.write(Buffer.alloc(10_000));
    await rounds(20);
    expect(owner.told).toEqual(["input"]);
    expect(stream.readableLength).toBeLessThan(100_000);
    expect(peer.writableLength).toBeGreaterThan(800_000);
  });

  it("that a taker leaves come again, in front of all others", () => {
    const { bytes, peer } = open(Buffer.from("abcdef"));
    const taker = new TextTaker(4);
    bytes.feed(taker);
    expect(bytes.holds).toBe(true);
    bytes.feed(taker);
    expect(taker.text).toBe("abcdef");
    peer.write("gh");
    expect(bytes.more()).toBe(true);
    bytes.feed(taker);
    expect(taker.text).toBe("abcdefgh");
  });

  it("that come while a taker takes stand behind those that it leaves", () => {
    const { bytes, peer } = open(Buffer.from("abcd"));
    const taker = new TextTaker();
    bytes.feed({
      feed(_buffer, start) {
        peer.write("efgh");
        return start + 2;
      },
    });
    while (bytes.more()) bytes.feed(taker);
    expect(taker.text).toBe("cdefgh");
  });

  it("that were read already come first", () => {
    const { bytes, peer } = open(new Uint8Array([0x61, 0x62]));
    peer.write("cd");
    const taker = new TextTaker();
    while (bytes.more()) bytes.feed(taker);
    expect(taker.text).toBe("abcd");
  });

  it("may be any Uint8Arrays, but nothing else", async () => {
    const stream = new PassThrough({ objectMode: true });
    const { bytes } = new Owner();
    bytes.open(stream, Buffer.alloc(0));
    stream.write(new Uint8Array([0x61]));
    const taker = new TextTaker();
    bytes.want();
    await rounds(2);
    bytes.more();
    bytes.feed(taker);
    expect(taker.text).toBe("a");
    stream.write({});
    bytes.want();
    await rounds(2);
    expect(bytes.broken).toMatchObject({ code: "ENOTSUP" });
  });
});

describe("the end of a stream", () => {
  it("is told", async () => {
    const { owner, bytes, peer } = open();
    bytes.want();
    peer.end();
    await rounds();
    expect(bytes.ended).toBe(true);
    expect(bytes.broken).toBeNull();
    expect(owner.told).toEqual(["input"]);
  });

  it("is known of a stream that has ended before", async () => {
    const [stream, peer] = duplexPair();
    peer.end();
    stream.resume();
    await rounds();
    const { bytes } = new Owner();
    bytes.open(stream, Buffer.alloc(0));
    expect(bytes.ended).toBe(true);
  });

  it("comes behind the bytes that are held", async () => {
    const { bytes, peer } = open();
    bytes.want();
    peer.end("last");
    await rounds();
    expect(bytes.ended).toBe(false);
    const taker = new TextTaker(1);
    while (bytes.more()) {
      bytes.feed(taker);
      await rounds(2);
    }
    expect(taker.text).toBe("last");
    expect(bytes.ended).toBe(true);
  });

  it("leaves what is left of the last bytes to whoever gets the stream", async () => {
    const { bytes, stream, peer } = open();
    // `toArray` destroys a stream that may still be written to.
    peer.on("error", () => {});
    bytes.want();
    peer.end("last");
    await rounds();
    bytes.more();
    bytes.feed(new TextTaker(2));
    await rounds();
    bytes.release();
    expect((await stream.toArray()).join("")).toBe("st");
  });

  it("leaves bytes that were held when it came to whoever gets the stream, over TCP too", async () => {
    const [stream, peer] = await tcpPair();
    const { bytes } = new Owner();
    bytes.open(stream, Buffer.alloc(0));
    bytes.want();
    peer.write("abcd");
    await once(stream, "data");
    bytes.feed(new TextTaker(2));
    peer.end();
    // The end comes by itself, and a stream that has none of the bytes would end with it.
    await rounds(20);
    bytes.release();
    expect(await text(stream)).toBe("cd");
    peer.destroy();
  });

  it("comes behind what had come before it broke", async () => {
    const { bytes, stream, peer } = open();
    peer.on("error", () => {});
    peer.write("last");
    await rounds();
    stream.destroy(new Error("no"));
    await rounds();
    expect(bytes.more()).toBe(true);
    const taker = new TextTaker();
    bytes.feed(taker);
    expect(taker.text).toBe("last");
    expect(bytes.more()).toBe(false);
    expect(bytes.broken).toMatchObject({ code: "ECONNRESET" });
  });

  it.each([
    ["by an error", new Error("no")],
    ["without one", undefined],
  ])("is a break when it is destroyed %s", async (_how, error) => {
    const { owner, bytes, stream, peer } = open();
    peer.on("error", () => {});
    stream.destroy(error);
    await rounds();
    expect(bytes.broken).toMatchObject({ code: "ECONNRESET" });
    expect(owner.told).toContain("input");
    expect(owner.told).toContain("room");
    expect(bytes.more()).toBe(false);
  });
});

describe("a stream that is given back", () => {
  it("has no listener of ours and is as nobody had read from it", () => {
    const [stream] = duplexPair();
    const before = counts(stream);
    const { bytes } = new Owner();
    bytes.open(stream, Buffer.alloc(0));
    expect(isOwned(stream)).toBe(true);
    expect(bytes.release()).toBe(stream);
    expect(isOwned(stream)).toBe(false);
    expect(counts(stream)).toEqual(before);
    expect(stream.readableFlowing).toBeNull();
  });

  it.each([
    ["data", (stream: PairedDuplex, take: (chunk: Buffer) => void) => stream.on("data", take)],
    [
      "readable",
      (stream: PairedDuplex, take: (chunk: Buffer) => void) =>
        stream.on("readable", () => take(stream.read())),
    ],
    ["for await", (stream: PairedDuplex, take: (chunk: Buffer) => void) => void iterate(stream, take)],
    [
      "pipe",
      (stream: PairedDuplex, take: (chunk: Buffer) => void) =>
        stream.pipe(new PassThrough()).on("data", take),
    ],
  ])("gives the bytes that were left, and those behind them, to %s", async (_way, read) => {
    const { bytes, stream, peer } = open(Buffer.from("abcd"));
    bytes.feed(new TextTaker(2));
    bytes.want();
    bytes.release();
    const chunks: Buffer[] = [];
    read(stream, (chunk) => chunk !== null && chunks.push(chunk));
    await rounds();
    peer.write("ef");
    await rounds();
    expect(Buffer.concat(chunks).toString()).toBe("cdef");
  });

  it("tells those who had listened for bytes again", async () => {
    const [stream, peer] = duplexPair();
    const heard: string[] = [];
    stream.on("data", (chunk) => heard.push(String(chunk)));
    const { bytes } = new Owner();
    bytes.open(stream, Buffer.alloc(0));
    peer.write("for us");
    bytes.want();
    await rounds();
    bytes.more();
    bytes.feed(new TextTaker());
    expect(heard).toEqual([]);
    bytes.release();
    peer.write("for them");
    await rounds();
    expect(heard).toEqual(["for them"]);
  });

  it("lets nobody fall over what breaks it later, when it is destroyed", async () => {
    const { bytes, stream, peer } = open();
    peer.on("error", () => {});
    stream.destroy(new Error("no"));
    bytes.release();
    await rounds();
  });
});

async function iterate(stream: PairedDuplex, take: (chunk: Buffer) => void): Promise<void> {
  for await (const chunk of stream) take(chunk as Buffer);
}

function counts(stream: PairedDuplex): Record<string, number> {
  return Object.fromEntries(stream.eventNames().map((name) => [String(name), stream.listenerCount(name)]));
}

it("is not held up by a reader of before, who reads when he is told", async () => {
  const [stream, peer] = duplexPair();
  stream.on("readable", () => stream.read());
  const owner = new Owner();
  owner.bytes.open(stream, Buffer.alloc(0));
  owner.bytes.want();
  peer.write("Hello");
  await rounds();
  const taker = new TextTaker();
  while (owner.bytes.more()) owner.bytes.feed(taker);
  expect(taker.text).toBe("Hello");
});

it("stays paused while it holds bytes, though somebody sets it going", async () => {
  const { bytes, stream, peer } = open();
  bytes.want();
  peer.write("a");
  await rounds();
  stream.resume();
  peer.write("b");
  await rounds();
  expect(stream.isPaused()).toBe(true);
  const taker = new TextTaker();
  while (bytes.more()) bytes.feed(taker);
  expect(taker.text).toBe("ab");
});

it("hears nothing of a stream that somebody has made it let go while it ended", async () => {
  const [first] = duplexPair();
  const [second] = duplexPair();
  const { bytes } = new Owner();
  first.on("close", () => {
    bytes.abandon();
    bytes.open(second, Buffer.alloc(0));
  });
  bytes.open(first, Buffer.alloc(0));
  first.destroy();
  await rounds();
  expect(bytes.stream).toBe(second);
  expect(bytes.broken).toBeNull();
});

it("hears nothing of a stream that it has abandoned", async () => {
  const { owner, bytes, stream, peer } = open();
  peer.on("error", () => {});
  bytes.abandon();
  stream.destroy(new Error("no"));
  await rounds();
  expect(owner.told).toEqual([]);
  expect(isOwned(stream)).toBe(false);
});

it("holds nothing of a stream that a taker has let go", async () => {
  const { bytes, stream } = open(Buffer.from("abcd"));
  bytes.feed({
    feed(_buffer, start) {
      bytes.abandon();
      return start + 1;
    },
  });
  expect(bytes.holds).toBe(false);
  await rounds();
  expect(bytes.stream.readableLength).toBe(0);
  expect(stream.readableLength).toBe(0);
});
