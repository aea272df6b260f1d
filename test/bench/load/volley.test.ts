import { constants, inflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import {
  DeflatedVolley,
  deflatedFrame,
  EqualVolley,
  jsonText,
  maskedFrame,
  RequestVolley,
} from "../../../bench/load/volley.ts";
import type { Link } from "../../../lib/loop/loop.ts";
import { type ParsedFrame, parseFrame } from "../../support/frames.ts";

describe("maskedFrame", () => {
  test("is a masked text frame of letters", () => {
    // RFC 6455 section 5.7 has "Hello" under the same key.
    expect(maskedFrame(3).toString("hex")).toBe(
      `818337fa213d${Buffer.from([0x61 ^ 0x37, 0x62 ^ 0xfa, 0x63 ^ 0x21]).toString("hex")}`,
    );
  });

  test.each([
    [0, "8180"],
    [125, "81fd"],
    [126, "81fe007e"],
    [65_535, "81feffff"],
    [65_536, "81ff0000000000010000"],
  ])("writes the shortest header for %d bytes", (bytes, header) => {
    const frame = maskedFrame(bytes);
    expect(frame.subarray(0, header.length / 2).toString("hex")).toBe(header);
    expect(frame.length).toBe(header.length / 2 + 4 + bytes);
  });
});

/** The part of a link that a volley uses; keeps what was sent. */
function memoryLink(): { link: Link; sent: () => Buffer } {
  const parts: Buffer[] = [];
  const block = Buffer.alloc(65_536);
  const link = {
    block,
    reserve: () => 7,
    commit: (size: number) => parts.push(Buffer.from(block.subarray(7, 7 + size))),
    send: (bytes: Uint8Array, start: number, end: number) =>
      parts.push(Buffer.from(bytes.subarray(start, end))),
  };
  return { link: link as unknown as Link, sent: () => Buffer.concat(parts) };
}

describe("EqualVolley", () => {
  test.each([20, 1024, 65_536])("sends as many frames of %d bytes as it is asked for", (bytes) => {
    const volley = new EqualVolley(bytes, 16);
    for (const count of [1, 5, 16]) {
      const { link, sent } = memoryLink();
      volley.send(link, count);
      expect(sent().equals(Buffer.concat(Array<Buffer>(count).fill(maskedFrame(bytes))))).toBe(true);
    }
  });
});

test("RequestVolley sends its request as it is, one at a time", () => {
  const { link, sent } = memoryLink();
  const volley = new RequestVolley(Buffer.from("GET /"));
  volley.send(link);
  volley.send(link);
  expect(volley.depth).toBe(1);
  expect(sent().toString()).toBe("GET /GET /");
});

describe("DeflatedVolley", () => {
  const inflated = (payload: Buffer) =>
    inflateRawSync(Buffer.concat([payload, Buffer.of(0, 0, 0xff, 0xff)]), {
      finishFlush: constants.Z_SYNC_FLUSH,
    }).toString();

  /** Frames that are longer than 126 bytes and shorter than 64 KiB, each under the volley's key. */
  function unmasked(bytes: Buffer): ParsedFrame[] {
    const frames: ParsedFrame[] = [];
    for (let at = 0; at < bytes.length; ) {
      const { size, ...frame } = parseFrame(bytes.subarray(at))!;
      const key = frame.payload.subarray(0, 4);
      const payload = Buffer.from(bytes.subarray(at + 8, at + size + 4).map((byte, i) => byte ^ key[i & 3]));
      frames.push({ ...frame, payload, size: size + 4 });
      at += size + 4;
    }
    return frames;
  }

  test("sends different messages in turn, each compressed by itself, RSV1 set", () => {
    const { link, sent } = memoryLink();
    const volley = new DeflatedVolley(1024, 4);
    volley.send(link, 3);
    volley.send(link, 1);
    const frames = unmasked(sent());
    expect(frames.map(({ payload }) => inflated(payload))).toEqual(
      [0, 1, 2, 3].map((n) => jsonText(1024, n)),
    );
    expect(frames.every(({ rsv, opcode, fin }) => rsv === 4 && opcode === 1 && fin)).toBe(true);
    expect(deflatedFrame(1024, 2).length).toBe(frames[2].size);
  });
});

test("jsonText is of the length asked for, and another for each seed", () => {
  expect(jsonText(1024, 1)).toHaveLength(1024);
  expect(jsonText(1024, 1)).not.toBe(jsonText(1024, 2));
});
