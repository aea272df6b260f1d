import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Assembly, HEADROOM } from "../../lib/ws/assembly.ts";

const content = ({ buffer, end }: Assembly) => buffer.subarray(HEADROOM, end).toString();

/** Appends the whole of `text`, with `toCome` bytes announced behind it. */
function append(assembly: Assembly, text: string, toCome = 0): void {
  const bytes = Buffer.from(`<<${text}>>`);
  assembly.append(bytes, 2, bytes.length - 2, toCome);
}

describe("an assembly", () => {
  it("is empty at first, with room for a header in front", () => {
    const assembly = new Assembly(10);
    expect(assembly.end).toBe(HEADROOM);
    expect(HEADROOM).toBeGreaterThanOrEqual(14);
    expect(assembly.buffer.length).toBeGreaterThanOrEqual(HEADROOM + 10);
  });

  it("holds what was appended, in order, ranges of buffers that are free again at once", () => {
    const assembly = new Assembly(3);
    const bytes = Buffer.from("abcdef");
    assembly.append(bytes, 1, 3, 0);
    bytes.fill("x");
    append(assembly, "");
    append(assembly, "123");
    expect(content(assembly)).toBe("bc123");
  });

  it("row 28: makes no room for what is announced beyond 64 KiB, until it arrives", () => {
    const assembly = new Assembly(1_073_741_824);
    expect(assembly.buffer.length).toBeLessThanOrEqual(HEADROOM + 65_536 + 262_144);
    const piece = Buffer.alloc(65_536, 1);
    for (let i = 0; i < 8; i++) {
      assembly.append(piece, 0, piece.length, 1_073_741_824);
      expect(assembly.buffer.length).toBeLessThanOrEqual(2 * assembly.end + 262_144);
    }
  });

  it("takes no more than a frame's own length when that is known", () => {
    const assembly = new Assembly(65_536);
    const piece = Buffer.alloc(65_536);
    assembly.append(piece, 0, 65_536, 1000);
    assembly.append(piece, 0, 1000, 0);
    expect(assembly.end).toBe(HEADROOM + 66_536);
    expect(assembly.buffer.length).toBeLessThanOrEqual(2 * (HEADROOM + 65_536));
  });

  it("grows by doubling under many small fragments, so that their copying stays linear", () => {
    const assembly = new Assembly(1);
    const byte = Buffer.alloc(1, "a");
    const buffers = new Set<Buffer>();
    for (let i = 0; i < 300_000; i++) {
      assembly.append(byte, 0, 1, 0);
      buffers.add(assembly.buffer);
    }
    expect(buffers.size).toBeLessThan(20);
    expect(content(assembly)).toBe("a".repeat(300_000));
  });

  it("holds any pieces, whatever was announced", () => {
    const piece = fc.record({ bytes: fc.uint8Array({ maxLength: 3000 }), toCome: fc.nat(5000) });
    fc.assert(
      fc.property(fc.nat(5000), fc.array(piece, { maxLength: 12 }), (expected, pieces) => {
        const assembly = new Assembly(expected);
        for (const { bytes, toCome } of pieces) assembly.append(Buffer.from(bytes), 0, bytes.length, toCome);
        const whole = Buffer.concat(pieces.map(({ bytes }) => bytes));
        expect(assembly.buffer.subarray(HEADROOM, assembly.end).equals(whole)).toBe(true);
        assembly.release();
      }),
    );
  });
});

describe("a buffer that was given back", () => {
  it("is used for the next message that it is large enough for", () => {
    const one = new Assembly(65_536);
    const { buffer } = one;
    one.release();
    const two = new Assembly(10);
    const same = two.buffer;
    append(two, "two");
    expect(content(two)).toBe("two");
    expect(same.length).toBeGreaterThanOrEqual(buffer.length);
  });

  it("is used by one at a time", () => {
    const one = new Assembly(100);
    one.release();
    const two = new Assembly(100);
    const three = new Assembly(100);
    expect(three.buffer).not.toBe(two.buffer);
    append(two, "two");
    append(three, "three");
    expect(content(two)).toBe("two");
  });

  it("is let go when it is over 256 KiB", () => {
    const large = new Assembly(65_536);
    const megabyte = Buffer.alloc(1_048_576);
    large.append(megabyte, 0, megabyte.length, 0);
    const { buffer } = large;
    large.release();
    expect(new Assembly(10).buffer).not.toBe(buffer);
  });
});
