import { randomBytes } from "node:crypto";
import { constants, createDeflateRaw, createInflateRaw, deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  CORRUPT,
  type Codec,
  type DeflateSettings,
  MAX_FINAL_BLOCKS,
  TOO_LONG,
} from "../../lib/base/codec.ts";
import { History } from "../../lib/base/history.ts";
import { zlibCodec } from "../../lib/base/zlib-codec.ts";

const MIB = 1 << 20;
const WINDOW = 32_768;
const SETTINGS: DeflateSettings = { level: 6, memLevel: 8, windowBits: 15 };
const sync = { finishFlush: constants.Z_SYNC_FLUSH };

const hex = (bytes: string) => Buffer.from(bytes.replaceAll(/\s/g, ""), "hex");
/** A message without what the sender takes off its end. */
const cut = (compressed: Buffer) => {
  expect(compressed.subarray(-4).toString("hex")).toBe("0000ffff");
  return compressed.subarray(0, -4);
};
const inflate = (codec: Codec, data: Buffer, history: History | null = null, maxLength = MIB) =>
  codec.inflate(data, 0, data.length, history, maxLength);
const textOf = (result: Buffer | number) => (typeof result === "number" ? result : result.toString());
const json = (count: number, from = 0) =>
  JSON.stringify(
    Array.from({ length: count }, (_, i) => ({ id: (from + i) * 7919, name: `user ${i + from}` })),
  );

/** A peer with context takeover: one stream of Node's for all messages. */
function streaming(stream: ReturnType<typeof createDeflateRaw> | ReturnType<typeof createInflateRaw>) {
  let parts: Buffer[] = [];
  stream.on("data", (part: Buffer) => parts.push(part));
  return async (data: Uint8Array): Promise<Buffer> => {
    parts = [];
    stream.write(data);
    await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, () => resolve()));
    return Buffer.concat(parts);
  };
}

const MESSAGES = [
  json(3),
  json(4, 2),
  "",
  json(2000),
  "x",
  json(3),
  "y".repeat(200_000),
  json(5),
  "",
  "",
  json(1),
];

const settings = fc.record({
  level: fc.integer({ min: 1, max: 9 }),
  memLevel: fc.integer({ min: 1, max: 9 }),
  windowBits: fc.integer({ min: 9, max: 15 }),
});
/** Bytes as random as can be, and text that compresses. */
const message = fc.oneof(
  fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
  fc.nat(60).chain((count) => fc.nat(100).map((from) => Buffer.from(json(count, from)))),
);

/**
 * What every codec has to do, whichever it is. A codec's test file calls it with a way to make one, and with one to
 * give it back.
 */
export function codecContract(
  name: string,
  create: () => Codec,
  close: (codec: Codec) => void = () => {},
): void {
  describe(`the ${name} codec`, () => {
    let codec: Codec;
    beforeEach(() => {
      codec = create();
    });
    afterEach(() => close(codec));

    describe("compressing", () => compressing(() => codec));
    describe("decompressing", () => decompressing(() => codec));
    describe("what does not belong in a message", () => refusing(() => codec));
    describe("the limit", () => limiting(() => codec));
    describe("lent memory", () => lending(() => codec));
  });
}

type OnCodec = () => Codec;

function compressing(codec: OnCodec): void {
  it("makes messages that a peer with one stream for all of them understands", async () => {
    const peer = streaming(createInflateRaw());
    const history = new History(WINDOW);
    for (const each of MESSAGES) {
      const compressed = codec().deflate(Buffer.from(each), history, SETTINGS);
      cut(compressed);
      expect((await peer(compressed)).toString()).toBe(each);
    }
  });

  it("makes messages that stand alone when there is no history", () => {
    for (const each of MESSAGES) {
      const compressed = codec().deflate(Buffer.from(each), null, SETTINGS);
      expect(inflateRawSync(compressed, sync).toString()).toBe(each);
    }
  });

  it("refers to what went before", () => {
    const history = new History(WINDOW);
    const first = codec().deflate(Buffer.from(json(20)), history, SETTINGS).length;
    expect(codec().deflate(Buffer.from(json(20)), history, SETTINGS).length).toBeLessThan(first / 4);
  });

  it("refers to nothing once the history was cleared", () => {
    const history = new History(WINDOW);
    for (let i = 0; i < 3; i++) {
      const compressed = Buffer.from(codec().deflate(Buffer.from(json(20)), history, SETTINGS));
      expect(inflateRawSync(compressed, sync).toString()).toBe(json(20));
      history.clear();
    }
  });

  it("notices what was appended to a history by others", () => {
    const history = new History(WINDOW);
    codec().deflate(Buffer.from(json(3)), history, SETTINGS);
    const others = Buffer.from("something else that is to be found again");
    history.append(others, 0, others.length);
    const compressed = codec().deflate(others, history, SETTINGS);
    expect(compressed.length).toBeLessThan(20);
    const dictionary = Buffer.concat([Buffer.from(json(3)), others]);
    expect(inflateRawSync(compressed, { ...sync, dictionary })).toEqual(others);
  });

  it("makes an empty stored block of nothing, however often", () => {
    const history = new History(WINDOW);
    for (const text of ["", "", "abc", "", ""]) {
      const compressed = codec().deflate(Buffer.from(text), history, SETTINGS);
      if (text === "") expect(compressed.toString("hex")).toBe("000000ffff");
    }
  });

  it("goes on with a history under other settings", () => {
    const history = new History(WINDOW);
    const mine = new History(WINDOW);
    for (const windowBits of [15, 9, 12, 15])
      for (const level of [1, 9]) {
        const compressed = codec().deflate(Buffer.from(json(30)), history, {
          level,
          windowBits,
          memLevel: 8,
        });
        expect(textOf(inflate(zlibCodec, cut(compressed), mine))).toBe(json(30));
      }
  });

  it("refers no further back than the window goes, for any settings", async () => {
    for (let windowBits = 9; windowBits <= 15; windowBits++)
      for (const [level, memLevel] of [
        [1, 1],
        [5, 9],
        [9, 4],
      ] as const) {
        const peer = streaming(createInflateRaw({ windowBits }));
        const history = new History(2 ** windowBits);
        for (const each of MESSAGES) {
          const compressed = codec().deflate(Buffer.from(each), history, { level, memLevel, windowBits });
          expect((await peer(compressed)).toString()).toBe(each);
        }
      }
  });

  it("serves many histories in turn", () => {
    const pairs = Array.from({ length: 150 }, () => [new History(4096), new History(WINDOW)] as const);
    for (let round = 0; round < 4; round++)
      for (const [index, [sent, received]] of pairs.entries()) {
        const text = json(round + 2, index);
        const compressed = codec().deflate(Buffer.from(text), sent, SETTINGS);
        expect(textOf(inflate(codec(), cut(compressed), received))).toBe(text);
      }
  });
}

function decompressing(codec: OnCodec): void {
  it.each([9, 12, 15])(
    "understands a peer with one stream for all messages, window bits %i",
    async (windowBits) => {
      const peer = streaming(createDeflateRaw({ windowBits }));
      const history = new History(2 ** windowBits);
      for (const each of MESSAGES.filter((text) => text !== "")) {
        const compressed = cut(await peer(Buffer.from(each)));
        expect(textOf(inflate(codec(), compressed, history))).toBe(each);
      }
    },
  );

  it("understands messages that stand alone", () => {
    for (const each of MESSAGES) expect(textOf(inflate(codec(), cut(deflateRawSync(each, sync))))).toBe(each);
  });

  it("undoes what any codec has made, with any settings, by turns with another session's", () => {
    const session = fc.record({ settings, messages: fc.array(message, { maxLength: 8 }) });
    fc.assert(
      fc.property(fc.tuple(session, session), fc.boolean(), (sessions, backwards) => {
        const [from, to] = backwards ? [zlibCodec, codec()] : [codec(), zlibCodec];
        const states = sessions.map(() => ({ sent: new History(WINDOW), received: new History(WINDOW) }));
        for (let i = 0; i < 8; i++)
          for (const [index, { sent, received }] of states.entries()) {
            const each = sessions[index].messages[i];
            if (each === undefined) continue;
            const compressed = from.deflate(each, sent, sessions[index].settings);
            const plain = inflate(to, cut(compressed), received);
            if (typeof plain === "number" || !plain.equals(each)) return false;
          }
        return true;
      }),
      { numRuns: 60 },
    );
  });

  it("takes a range of a larger buffer", () => {
    const compressed = cut(deflateRawSync("in the middle", sync));
    const data = Buffer.concat([Buffer.alloc(7, 255), compressed, Buffer.alloc(9, 255)]);
    expect(textOf(codec().inflate(data, 7, 7 + compressed.length, null, 100))).toBe("in the middle");
  });

  it("row 46: takes 00 for an empty message", () => {
    expect(textOf(inflate(codec(), hex("00"), new History(WINDOW)))).toBe("");
    expect(textOf(inflate(codec(), hex("00")))).toBe("");
  });

  it("row 45: goes on behind blocks that are marked as final", () => {
    const history = new History(WINDOW);
    // "Hello" in a final block, behind it the first byte of an empty stored block (RFC 7692 section 7.2.3.4).
    expect(textOf(inflate(codec(), hex("f348cdc9c907 00 00"), history))).toBe("Hello");
    const dictionary = Buffer.from("Hello");
    const second = cut(deflateRawSync("Hello, Hello", { ...sync, dictionary }));
    expect(textOf(inflate(codec(), second, history))).toBe("Hello, Hello");
    const mixed = Buffer.concat([
      hex("f348cdc9c90700"),
      hex("f348cdc9c90700"),
      cut(deflateRawSync("!", sync)),
    ]);
    expect(textOf(inflate(codec(), mixed, history))).toBe("HelloHello!");
  });

  it("takes the end of a final block for the end of the message, when nothing was appended", () => {
    const history = new History(WINDOW);
    expect(textOf(inflate(codec(), hex("f348cdc9c90700"), history))).toBe("Hello");
    expect(textOf(inflate(codec(), deflateRawSync(""), history))).toBe("");
    expect(textOf(inflate(codec(), deflateRawSync(json(50)), history))).toBe(json(50));
  });

  it("takes a last block that is stored and empty for an end, final or not", () => {
    expect(textOf(inflate(codec(), hex("01")))).toBe("");
    expect(textOf(inflate(codec(), hex("00 0500 faff 48656c6c6f 01")))).toBe("Hello");
  });

  it("knows text that ends as compressed messages do", () => {
    const text = hex("01020000ffff");
    for (const level of [0, 6]) {
      expect(inflate(codec(), cut(deflateRawSync(text, { ...sync, level })))).toEqual(text);
      expect(inflate(codec(), deflateRawSync(text, { level }))).toEqual(text);
    }
    expect(inflate(codec(), hex("00 0600 f9ff 0102")), "by the bytes that were taken off").toBe(CORRUPT);
  });

  it("finds what lies before a final block again behind it", () => {
    const dictionary = Buffer.from(json(30));
    const again = cut(deflateRawSync(json(30), { ...sync, dictionary }));
    expect(again.length).toBeLessThan(100);
    const both = Buffer.concat([deflateRawSync(json(30)), again]);
    expect(textOf(inflate(codec(), both))).toBe(json(30) + json(30));
    const history = new History(WINDOW);
    expect(textOf(inflate(codec(), both, history))).toBe(json(30) + json(30));
    expect(textOf(inflate(codec(), again, history))).toBe(json(30));
  });

  it("finds no reference to what its history has forgotten, whoever came in between", () => {
    const past = randomBytes(5000);
    const far = cut(deflateRawSync(past.subarray(1000, 1600), { ...sync, dictionary: past }));
    const history = new History(512);
    expect(Buffer.isBuffer(inflate(codec(), cut(deflateRawSync(past, sync)), history))).toBe(true);
    expect(inflate(codec(), far, history)).toBe(CORRUPT);
    const whole = new History(WINDOW);
    inflate(codec(), cut(deflateRawSync(past, sync)), whole);
    expect(inflate(codec(), far, whole)).toEqual(past.subarray(1000, 1600));
  });

  it("passes many final blocks, and not any number of them", () => {
    const final = hex("0300");
    const many = (count: number) => Buffer.concat(Array.from({ length: count }, () => final));
    expect(textOf(inflate(codec(), Buffer.concat([many(MAX_FINAL_BLOCKS), hex("00")])))).toBe("");
    expect(inflate(codec(), Buffer.concat([many(MAX_FINAL_BLOCKS + 1), hex("00")]))).toBe(CORRUPT);
  });
}

function refusing(codec: OnCodec): void {
  const works = () => {
    const history = new History(WINDOW);
    const compressed = codec().deflate(Buffer.from(json(9)), history, SETTINGS);
    expect(textOf(inflate(codec(), cut(compressed)))).toBe(json(9));
  };

  it.each([
    ["a block of the type that is none", "07"],
    ["a stored block whose length is not confirmed", "00 0500 0000 48656c6c6f"],
    ["no text at all, but letters", "48656c6c6f"],
    ["a stored block that is too short", "00 0900 f6ff 4865"],
    ["a stored block that swallows what is appended", "00 0400 fbff"],
    ["a final block that swallows what is appended", "01 0400 fbff"],
    ["a final block that swallows more than that", "01 0900 f6ff"],
    ["a block that stops behind its header", "02"],
  ])("row 43: is %s", (_, bytes) => {
    expect(inflate(codec(), hex(bytes), new History(WINDOW))).toBe(CORRUPT);
    works();
  });

  it("row 44: is a reference to before the history", () => {
    const dictionary = Buffer.from(json(20));
    const compressed = cut(deflateRawSync(json(20), { ...sync, dictionary }));
    expect(inflate(codec(), compressed)).toBe(CORRUPT);
    const history = new History(WINDOW);
    expect(inflate(codec(), compressed, history)).toBe(CORRUPT);
    history.clear();
    history.append(dictionary, 100, dictionary.length);
    expect(inflate(codec(), compressed, history)).toBe(CORRUPT);
    history.clear();
    history.append(dictionary, 0, dictionary.length);
    expect(textOf(inflate(codec(), compressed, history))).toBe(json(20));
    expect(inflate(codec(), compressed)).toBe(CORRUPT);
    works();
  });

  it("is a message that stops anywhere but at the end of a block", () => {
    for (const level of [0, 1, 6]) {
      const plain = json(40);
      const whole = cut(deflateRawSync(plain, { ...sync, level }));
      for (let end = 1; end < whole.length; end++) {
        const result = codec().inflate(whole, 0, end, null, MIB);
        if (typeof result === "number") expect(result).toBe(CORRUPT);
        else expect(plain.startsWith(result.toString())).toBe(true);
      }
    }
    works();
  });

  it("gives a buffer, CORRUPT or TOO_LONG for any bytes, and the same as the other codec", () => {
    const known = Buffer.from(json(5));
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      // Blocks with fixed codes, which most bytes are.
      fc.uint8Array({ minLength: 1, maxLength: 60 }).map((tail) => Uint8Array.of(0x4a, ...tail)),
      // A message with one byte that is another.
      fc.tuple(fc.nat(60), fc.nat(255)).map(([at, byte]) => {
        const whole = Buffer.from(deflateRawSync(json(4), sync));
        whole[at % whole.length] = byte;
        return whole;
      }),
    );
    fc.assert(
      fc.property(bytes, fc.boolean(), fc.nat(300), (data, remembers, maxLength) => {
        const results = [codec(), zlibCodec].map((each) => {
          const history = remembers ? new History(WINDOW) : null;
          history?.append(known, 0, known.length);
          const result = inflate(each, Buffer.from(data), history, maxLength);
          return typeof result === "number" ? "failed" : result.toString("hex");
        });
        return results[0] === results[1];
      }),
      { numRuns: 500 },
    );
    works();
  });
}

function limiting(codec: OnCodec): void {
  it.each([1, 100, 65_535, 65_536, 65_537, 300_000])(
    "lets exactly %i bytes pass, and not one more",
    (length) => {
      const plain = Buffer.alloc(length, "ab");
      const compressed = cut(deflateRawSync(plain, sync));
      const finished = deflateRawSync(plain);
      for (const message of [compressed, finished]) {
        expect(plain.compare(inflate(codec(), message, null, length) as Buffer)).toBe(0);
        expect(inflate(codec(), message, null, length - 1)).toBe(TOO_LONG);
      }
    },
  );

  it("may be none at all, for an empty message", () => {
    expect(textOf(inflate(codec(), hex("00"), null, 0))).toBe("");
    expect(inflate(codec(), cut(deflateRawSync("a", sync)), null, 0)).toBe(TOO_LONG);
  });

  it("counts what lies before and behind a final block", () => {
    const both = Buffer.concat([deflateRawSync("12345"), cut(deflateRawSync("678", sync))]);
    expect(textOf(inflate(codec(), both, null, 8))).toBe("12345678");
    expect(inflate(codec(), both, null, 7)).toBe(TOO_LONG);
    expect(inflate(codec(), both, null, 4)).toBe(TOO_LONG);
  });

  it("row 42: stops 64 MiB of zeros at 1 MiB, without their memory", () => {
    const bomb = cut(deflateRawSync(Buffer.alloc(64 * MIB), sync));
    const before = process.memoryUsage().arrayBuffers;
    expect(inflate(codec(), bomb, new History(WINDOW))).toBe(TOO_LONG);
    // What was made may not have been collected yet; all of it together is far from 64 MiB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
    expect(textOf(inflate(codec(), cut(deflateRawSync("next", sync))))).toBe("next");
  });

  it("may be any number", () => {
    const compressed = cut(deflateRawSync("text", sync));
    for (const most of [2 ** 31, 2 ** 32, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY])
      expect(textOf(inflate(codec(), compressed, null, most))).toBe("text");
  });
}

function lending(codec: OnCodec): void {
  it("may be compressed again, as an echo does", () => {
    const [received, sent, mine] = [new History(WINDOW), new History(WINDOW), new History(WINDOW)];
    for (const text of [json(3), json(4000), json(3)]) {
      const plain = inflate(codec(), cut(deflateRawSync(text, sync)), received) as Buffer;
      const compressed = codec().deflate(plain, sent, SETTINGS);
      expect(plain.toString()).toBe(text);
      expect(textOf(inflate(zlibCodec, cut(compressed), mine))).toBe(text);
    }
  });

  it("may be written to", () => {
    for (let i = 0; i < 2; i++) {
      const empty = codec().deflate(Buffer.alloc(0), null, SETTINGS);
      expect(empty.toString("hex")).toBe("000000ffff");
      empty.fill(7);
    }
  });

  it("may be taken away by whoever holds it", () => {
    for (let i = 0; i < 3; i++) {
      const compressed = codec().deflate(Buffer.from(json(3)), null, SETTINGS);
      const plain = inflate(codec(), cut(compressed));
      expect(textOf(plain)).toBe(json(3));
      for (const { buffer } of [compressed, plain as Buffer])
        structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    }
  });
}
