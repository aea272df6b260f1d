import { describe, expect, test } from "vitest";
import { maskedFrame, Volley } from "../../../bench/load/volley.ts";
import type { Link } from "../../../lib/loop/loop.ts";

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

describe("Volley", () => {
  test.each([20, 1024, 65_536])("sends as many frames of %d bytes as it is asked for", (bytes) => {
    const volley = new Volley(bytes, 16);
    for (const count of [1, 5, 16]) {
      const { link, sent } = memoryLink();
      volley.send(link, count);
      expect(sent().equals(Buffer.concat(Array<Buffer>(count).fill(maskedFrame(bytes))))).toBe(true);
    }
  });
});
