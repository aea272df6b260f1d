import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Random, RandomText } from "../../test-server/random.ts";

describe("random numbers", () => {
  it("are the same for the same seed, and others for the next one", () => {
    const take = (seed: number) => new Random(seed).fill(Buffer.alloc(33)).toString("hex");
    expect(take(7)).toBe(take(7));
    expect(new Set([0, 1, 2, 0x9e3779b9, 2 ** 32 - 1].map(take)).size).toBe(5);
  });

  it("lie within their bounds, and reach both", () => {
    const random = new Random(1);
    const seen = new Set(Array.from({ length: 200 }, () => random.between(3, 6)));
    expect([...seen].sort()).toEqual([3, 4, 5, 6]);
  });
});

describe("random text", () => {
  it("is UTF-8, wherever it is cut into pieces", () => {
    const sizes = fc.array(fc.nat(9), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(fc.nat(), sizes, (seed, [...lengths]) => {
        const text = new RandomText(new Random(seed));
        const pieces = lengths.map((length) => text.fill(Buffer.alloc(length), false));
        pieces.push(text.fill(Buffer.alloc(Math.max(2, text.missing)), true));
        expect(text.missing).toBe(0);
        return isUtf8(Buffer.concat(pieces));
      }),
    );
  });

  it("has characters of one, two, three and four bytes", () => {
    const text = new RandomText(new Random(1)).fill(Buffer.alloc(1000), true).toString();
    expect(new Set([...text].map((character) => Buffer.byteLength(character)))).toEqual(
      new Set([1, 2, 3, 4]),
    );
  });
});
