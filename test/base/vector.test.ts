import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { giveVectorBuffer, takeVectorBuffer, vectorXor } from "../../lib/base/vector.ts";

describe("a vector buffer", () => {
  it("has at least the size asked for, and a function for its memory", () => {
    const buffer = takeVectorBuffer(100_000);
    expect(buffer.length).toBeGreaterThanOrEqual(100_000);
    expect(vectorXor(buffer.buffer)).toBeTypeOf("function");
    giveVectorBuffer(buffer);
  });

  it("is used again when it was given back, and is nobody else's until then", () => {
    const first = takeVectorBuffer(70_000);
    const second = takeVectorBuffer(70_000);
    expect(second.buffer).not.toBe(first.buffer);
    giveVectorBuffer(first);
    expect(takeVectorBuffer(70_000).buffer).toBe(first.buffer);
    giveVectorBuffer(second);
  });

  it("cannot be taken away from under a loop, as other buffers can", () => {
    const { buffer } = takeVectorBuffer(65_536);
    try {
      structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    } catch {
      // Some versions of Node refuse it, others make a copy.
    }
    expect(buffer.byteLength).toBeGreaterThanOrEqual(65_536);
  });
});

describe("the function of a vector buffer", () => {
  it("is there for no other memory", () => {
    expect(vectorXor(Buffer.alloc(64).buffer)).toBeUndefined();
  });

  it("XORs whole blocks, wherever they begin, and nothing around them", () => {
    const buffer = takeVectorBuffer(65_536);
    const xor = vectorXor(buffer.buffer)!;
    const bounds = fc.record({
      from: fc.nat(300),
      blocks: fc.integer({ min: 1, max: 40 }),
      key: fc.integer(),
    });
    fc.assert(
      fc.property(bounds, ({ from, blocks, key }) => {
        for (let i = 0; i < 4096; i++) buffer[i] = i * 7;
        const to = from + 64 * blocks;
        xor(from, to, key);
        for (let i = 0; i < 4096; i++) {
          const mask = i < from || i >= to ? 0 : (key >>> (8 * ((i - from) & 3))) & 255;
          if (buffer[i] !== (((i * 7) & 255) ^ mask)) return false;
        }
        return true;
      }),
    );
    giveVectorBuffer(buffer);
  });

  it("reaches no byte outside of its memory, but traps", () => {
    const buffer = takeVectorBuffer(65_536);
    const xor = vectorXor(buffer.buffer)!;
    expect(() => xor(buffer.length - 32, buffer.length + 32, 1)).toThrow(/out of bounds/);
  });
});
