import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import {
  FIN,
  headerSize,
  lend,
  SharedPayload,
  sendFrame,
  sendMaskedFrame,
  share,
  sharedPayload,
  takeBack,
} from "../../lib/ws/frame.ts";
import type { FrameLimits } from "../../lib/ws/parser.ts";
import { CLIENT, joined, parse, SERVER } from "../support/frame-events.ts";
import { parseFrame, parseFrames } from "../support/frames.ts";
import { MemoryOutlet, spelled } from "../support/outlet.ts";

const TEXT = 0x81;
const BINARY = 0x82;

/** Around every size at which something changes: length forms, copying, the block. */
const sizes = [
  0, 1, 40, 41, 42, 43, 47, 48, 49, 124, 125, 126, 127, 128, 4095, 4096, 4097, 16_383, 16_384, 16_385, 21_839,
  21_840, 21_841, 65_534, 65_535, 65_536, 65_537, 70_000,
];
const counting = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 31 + 7) & 255));

/** Strings of `length` UTF-16 units with characters of one, two, three and four bytes, and of no character at all. */
const kinds: [string, string][] = [
  ["ASCII", "a"],
  ["characters of two bytes", "é"],
  ["characters of three bytes", "€"],
  ["characters of four bytes", "😀"],
  ["high surrogates alone", "\ud83d"],
  ["low surrogates alone", "\ude00"],
  ["all kinds", "aé€😀\ud83d"],
];
const ofLength = (unit: string, length: number) =>
  unit.repeat(Math.ceil(length / unit.length)).slice(0, length);

/** The payload of the one frame that was sent, with its header checked. */
function sentPayload(bytes: Buffer, first: number): Buffer {
  const frame = parseFrame(bytes)!;
  expect(frame.size).toBe(bytes.length);
  expect(bytes[0]).toBe(first);
  const header = headerSize(frame.payload.length);
  expect(bytes.length).toBe(header + frame.payload.length);
  return frame.payload;
}

describe("the header of a frame", () => {
  it.each([
    [0, 2],
    [125, 2],
    [126, 4],
    [65_535, 4],
    [65_536, 10],
    [2 ** 40, 10],
  ])("for %i bytes of payload has %i", (length, size) => expect(headerSize(length)).toBe(size));

  it.each([
    [0, "82 00"],
    [125, "82 7d"],
    [126, "82 7e 00 7e"],
    [256, "82 7e 01 00"],
    [65_535, "82 7e ff ff"],
    [65_536, "82 7f 00 00 00 00 00 01 00 00"],
    [70_000, "82 7f 00 00 00 00 00 01 11 70"],
  ])("for %i bytes is %s", (length, header) => {
    const outlet = new MemoryOutlet();
    sendFrame(outlet, BINARY, Buffer.alloc(length));
    expect(spelled(outlet.takeBytes().subarray(0, headerSize(length)))).toBe(header);
  });

  it("begins with the byte that is given", () => {
    const outlet = new MemoryOutlet();
    for (const first of [0x01, 0x00, 0x80, FIN | 9, 0xc2]) sendFrame(outlet, first, "x");
    expect(outlet.take()).toBe("01 01 78 00 01 78 80 01 78 89 01 78 c2 01 78");
  });
});

describe("a frame of a server", () => {
  it("is the one of RFC 6455 section 5.7", () => {
    const outlet = new MemoryOutlet();
    expect(sendFrame(outlet, TEXT, "Hello")).toBe(5);
    expect(outlet.take()).toBe("81 05 48 65 6c 6c 6f");
  });

  it.each(sizes)("carries %i bytes", (size) => {
    const outlet = new MemoryOutlet();
    const data = counting(size);
    expect(sendFrame(outlet, BINARY, data)).toBe(size);
    expect(sentPayload(outlet.takeBytes(), BINARY).equals(data)).toBe(true);
    expect(data.equals(counting(size))).toBe(true);
  });

  it("carries a Uint8Array that is no Buffer, and a view into another", () => {
    const outlet = new MemoryOutlet();
    sendFrame(outlet, BINARY, Uint8Array.of(1, 2, 3));
    sendFrame(outlet, BINARY, counting(100).subarray(50, 52));
    expect(outlet.take()).toBe("82 03 01 02 03 82 02 15 34");
  });

  it("leaves in one piece, header and payload, up to 16 KiB", () => {
    const outlet = new MemoryOutlet();
    sendFrame(outlet, BINARY, counting(16_384));
    expect(outlet).toMatchObject({ commits: 1, sends: 0 });
    sendFrame(outlet, BINARY, counting(16_385));
    expect(outlet).toMatchObject({ commits: 2, sends: 1 });
  });

  it.each(kinds)("carries strings of %s in every size, and returns their size in bytes", (_what, unit) => {
    const outlet = new MemoryOutlet();
    for (const size of sizes) {
      const text = ofLength(unit, size);
      const bytes = Buffer.from(text);
      expect(sendFrame(outlet, TEXT, text), `${size} units`).toBe(bytes.length);
      expect(sentPayload(outlet.takeBytes(), TEXT).equals(bytes), `${size} units`).toBe(true);
    }
  });

  it("carries strings whose last character alone is wide, at every size up to 130", () => {
    const outlet = new MemoryOutlet();
    for (let size = 1; size <= 130; size++) {
      for (const last of ["é", "€", "😀", "\ud83d"]) {
        const text = "a".repeat(size - 1) + last;
        sendFrame(outlet, TEXT, text);
        expect(sentPayload(outlet.takeBytes(), TEXT).equals(Buffer.from(text))).toBe(true);
      }
    }
  });

  it("replaces lone surrogates by U+FFFD, as UTF-8 has none", () => {
    const outlet = new MemoryOutlet();
    sendFrame(outlet, TEXT, "\ud83d");
    sendFrame(outlet, TEXT, "\ude00a");
    expect(outlet.take()).toBe("81 03 ef bf bd 81 04 ef bf bd 61");
  });
});

/** Unmasks by the text of section 5.3. */
function unmasked(frame: Buffer): Buffer {
  const short = frame[1] & 0x7f;
  const at = short < 126 ? 2 : short === 126 ? 4 : 10;
  const key = frame.subarray(at, at + 4);
  return frame.subarray(at + 4).map((byte, i) => byte ^ key[i & 3]) as Buffer;
}

describe("a frame of a client", () => {
  it.each(sizes)("carries %i bytes, masked", (size) => {
    const outlet = new MemoryOutlet();
    const data = counting(size);
    expect(sendMaskedFrame(outlet, BINARY, data)).toBe(size);
    const sent = outlet.takeBytes();
    expect(sent[0]).toBe(BINARY);
    expect(sent[1] & 0x80).toBe(0x80);
    expect(sent).toHaveLength(headerSize(size) + 4 + size);
    expect(Buffer.from(unmasked(sent)).equals(data)).toBe(true);
    expect(data.equals(counting(size)), "the caller's bytes stay as they are").toBe(true);
  });

  it.each(kinds)("carries strings of %s in every size", (_what, unit) => {
    const outlet = new MemoryOutlet();
    for (const size of sizes) {
      const text = ofLength(unit, size);
      expect(sendMaskedFrame(outlet, TEXT, text)).toBe(Buffer.byteLength(text));
      expect(Buffer.from(unmasked(outlet.takeBytes())).equals(Buffer.from(text))).toBe(true);
    }
  });

  it("has a key of its own each time (section 5.3)", () => {
    const outlet = new MemoryOutlet();
    const keys = new Set<string>();
    for (let i = 0; i < 50; i++) {
      sendMaskedFrame(outlet, BINARY, "");
      keys.add(outlet.take());
    }
    expect(keys.size).toBeGreaterThan(48);
  });
});

describe("a payload that is lent", () => {
  afterEach(takeBack);

  /** A payload of `size` bytes in a buffer, with `room` bytes in front of it, lent as the session does it. */
  function lent(size: number, room: number) {
    const buffer = Buffer.concat([Buffer.alloc(room, 0xaa), counting(size), Buffer.alloc(4, 0xbb)]);
    const view = buffer.subarray(room, room + size);
    lend(view, buffer, room, room);
    return { buffer, view };
  }

  it.each([
    [4096, 4],
    [4096, 8],
    [65_535, 4],
    [65_536, 10],
    [70_000, 14],
  ])("of %i bytes with %i bytes of room leaves from where it stands", (size, room) => {
    const outlet = new MemoryOutlet();
    const { view } = lent(size, room);
    expect(sendFrame(outlet, BINARY, view)).toBe(size);
    expect(outlet).toMatchObject({ commits: 0, sends: 1 });
    expect(sentPayload(outlet.takeBytes(), BINARY).equals(counting(size))).toBe(true);
    expect(view.equals(counting(size))).toBe(true);
  });

  it("keeps all bytes but those of the header", () => {
    const { buffer, view } = lent(4096, 20);
    sendFrame(new MemoryOutlet(), BINARY, view);
    expect(spelled(buffer.subarray(0, 20))).toBe(`${"aa ".repeat(16)}82 7e 10 00`);
    expect(spelled(buffer.subarray(-4))).toBe("bb bb bb bb");
  });

  it.each([
    ["is small", 4095, 20],
    ["has no room for a header", 4096, 3],
    ["has no room for a header of 10", 65_536, 9],
  ])("is copied as any other when it %s", (_why, size, room) => {
    const outlet = new MemoryOutlet();
    const { buffer, view } = lent(size, room);
    sendFrame(outlet, BINARY, view);
    expect(outlet.commits).toBe(1);
    expect(sentPayload(outlet.takeBytes(), BINARY).equals(counting(size))).toBe(true);
    expect(buffer.subarray(0, room).every((byte) => byte === 0xaa)).toBe(true);
  });

  it("is good for one frame: the second one is copied", () => {
    const outlet = new MemoryOutlet();
    const { view } = lent(4096, 8);
    sendFrame(outlet, BINARY, view);
    sendFrame(outlet, TEXT, view);
    expect(outlet).toMatchObject({ commits: 1, sends: 1 });
    const frames = parseFrames(outlet.takeBytes());
    expect(frames.map(({ opcode }) => opcode)).toEqual([2, 1]);
    for (const { payload } of frames) expect(payload.equals(counting(4096))).toBe(true);
  });

  it("is copied after takeBack, and so are a part of it and another view of it", () => {
    const outlet = new MemoryOutlet();
    const { buffer, view } = lent(5000, 8);
    sendFrame(outlet, BINARY, view.subarray(0, 4500));
    sendFrame(outlet, BINARY, buffer.subarray(8, 5008));
    takeBack();
    sendFrame(outlet, BINARY, view);
    expect(outlet).toMatchObject({ commits: 3, sends: 0 });
  });

  it("is masked into a copy on the side of a client", () => {
    const outlet = new MemoryOutlet();
    const { view } = lent(5000, 16);
    sendMaskedFrame(outlet, BINARY, view);
    expect(view.equals(counting(5000))).toBe(true);
    expect(Buffer.from(unmasked(outlet.takeBytes())).equals(counting(5000))).toBe(true);
  });
});

describe("a payload that is shared", () => {
  /** What `count` sessions send in a round. */
  function round(data: string | Uint8Array, send: (outlet: MemoryOutlet, data: Buffer) => void, count = 3) {
    const payload = new SharedPayload(data);
    const outlets = Array.from({ length: count }, () => new MemoryOutlet());
    share(payload, () => {
      for (const outlet of outlets) send(outlet, payload.data);
    });
    return { payload, outlets };
  }

  it("is a copy of bytes, and UTF-8 of a string", () => {
    const bytes = Buffer.from("bytes");
    const { data } = new SharedPayload(bytes);
    bytes.fill(0);
    expect(data.toString()).toBe("bytes");
    expect(new SharedPayload(Uint8Array.of(1, 2)).data).toEqual(Buffer.of(1, 2));
    expect(new SharedPayload("één").data).toEqual(Buffer.from("één"));
    expect(new SharedPayload("").data).toHaveLength(0);
  });

  it.each(sizes)("of %i bytes is the same frame for each that sends it", (size) => {
    const sent: number[] = [];
    const { outlets } = round(counting(size), (outlet, data) => sent.push(sendFrame(outlet, BINARY, data)));
    expect(sent).toEqual([size, size, size]);
    for (const outlet of outlets)
      expect(sentPayload(outlet.takeBytes(), BINARY).equals(counting(size))).toBe(true);
  });

  it("leaves in one copy while it is small, and from where it stands from then on", () => {
    const [small] = round(counting(4092), (outlet, data) => sendFrame(outlet, BINARY, data)).outlets;
    expect(small).toMatchObject({ commits: 1, sends: 0 });
    const [large] = round(counting(4093), (outlet, data) => sendFrame(outlet, BINARY, data)).outlets;
    expect(large).toMatchObject({ commits: 0, sends: 1 });
  });

  it("has the first byte that each of them gives: text, binary, a fragment", () => {
    const firsts = [0x81, 0x82, 0x01, 0x80, 0x82];
    for (const size of [3, 5000]) {
      const outlet = new MemoryOutlet();
      const payload = new SharedPayload(counting(size));
      share(payload, () => {
        for (const first of firsts) sendFrame(outlet, first, payload.data);
      });
      const bytes = outlet.takeBytes();
      const length = headerSize(size) + size;
      expect(bytes).toHaveLength(firsts.length * length);
      for (const [i, first] of firsts.entries())
        expect(sentPayload(bytes.subarray(i * length, (i + 1) * length), first)).toEqual(counting(size));
    }
  });

  it("leaves other frames between as they are: of other bytes, of a part of it, of a string", () => {
    const { outlets } = round("abcd", (outlet, data) => {
      sendFrame(outlet, TEXT, "before");
      sendFrame(outlet, TEXT, data);
      sendFrame(outlet, TEXT, data.subarray(1, 3));
      sendFrame(outlet, BINARY, Buffer.from(data));
      sendFrame(outlet, TEXT, data);
    });
    for (const outlet of outlets) {
      const texts = parseFrames(outlet.takeBytes()).map(({ opcode, payload }) => `${opcode} ${payload}`);
      expect(texts).toEqual(["1 before", "1 abcd", "1 bc", "2 abcd", "1 abcd"]);
    }
  });

  it("that somebody changes all the same is sent as it is then", () => {
    let stamp = 0x30;
    const { outlets } = round("____", (outlet, data) => {
      data[0] = stamp++;
      sendFrame(outlet, TEXT, data);
    });
    expect(outlets.map((outlet) => outlet.takeBytes().toString("latin1", 2))).toEqual([
      "0___",
      "1___",
      "2___",
    ]);
  });

  it("is masked for a server like any other, with a key for each, and stays as it is", () => {
    const { payload, outlets } = round(counting(5000), (outlet, data) => {
      sendMaskedFrame(outlet, BINARY, data);
      sendFrame(outlet, BINARY, data);
    });
    for (const outlet of outlets) {
      const bytes = outlet.takeBytes();
      expect(Buffer.from(unmasked(bytes.subarray(0, 5008))).equals(counting(5000))).toBe(true);
      expect(sentPayload(bytes.subarray(5008), BINARY).equals(counting(5000))).toBe(true);
    }
    expect(payload.data.equals(counting(5000))).toBe(true);
  });

  it("is shared in its round only, though that throws", () => {
    const payload = new SharedPayload("x");
    expect(sharedPayload(payload.data)).toBeNull();
    const fail = () => {
      expect(sharedPayload(payload.data)).toBe(payload);
      expect(sharedPayload(Buffer.from("x"))).toBeNull();
      throw new Error("on purpose");
    };
    expect(() => share(payload, fail)).toThrow("on purpose");
    expect(sharedPayload(payload.data)).toBeNull();
    const outlet = new MemoryOutlet();
    sendFrame(outlet, TEXT, payload.data);
    expect(outlet.take()).toBe("81 01 78");
  });

  it("keeps a copy of each of its compressed forms", () => {
    const payload = new SharedPayload("x");
    const [one, other] = [{}, {}];
    const bytes = Buffer.of(1, 2);
    expect(payload.compressed(one)).toBeUndefined();
    const kept = payload.keepCompressed(one, bytes);
    bytes.fill(0);
    expect(payload.compressed(one)).toBe(kept);
    expect(kept).toEqual(Buffer.of(1, 2));
    expect(payload.compressed(other)).toBeUndefined();
  });
});

describe("any frames", () => {
  const data = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.constantFrom(...sizes).map(counting),
    fc.tuple(fc.constantFrom(...kinds), fc.nat(400)).map(([[, unit], length]) => ofLength(unit, length)),
  );

  it.each([
    ["a server sends are read by a client's parser", sendFrame, CLIENT],
    ["a client sends are read by a server's parser", sendMaskedFrame, SERVER],
  ] as [string, typeof sendFrame, FrameLimits][])("that %s", (_what, send, limits) => {
    fc.assert(
      fc.property(fc.array(data, { maxLength: 5 }), (all) => {
        const outlet = new MemoryOutlet();
        const expected = all.flatMap((each) => {
          const size = send(outlet, BINARY, each);
          return [`frame 2 fin ${size}`, `payload ${spelled(Buffer.from(each as string))}`.trimEnd()];
        });
        expect(joined(parse(outlet.takeBytes(), limits))).toEqual(expected);
      }),
    );
  });
});
