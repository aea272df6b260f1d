import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { giveVectorBuffer, takeVectorBuffer } from "../../lib/base/vector.ts";
import { mask, randomKey, readKey, rotateKey } from "../../lib/ws/mask.ts";
import { spelled } from "../support/outlet.ts";
import { hex } from "../support/raw.ts";

const KEY = hex("37 fa 21 3d");

/** RFC 6455 section 5.3 as it stands: octet i is XORed with octet i modulo 4 of the key. */
const naive = (bytes: Uint8Array, phase = 0) => bytes.map((byte, i) => byte ^ KEY[(i + phase) & 3]);

const counting = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + 1) & 255));

describe("masking", () => {
  it("gives the example of RFC 6455 section 5.7", () => {
    const bytes = Buffer.from("Hello");
    mask(bytes, 0, 5, readKey(KEY, 0));
    expect(spelled(bytes)).toBe("7f 9f 4d 51 58");
  });

  it("undoes itself", () => {
    const bytes = hex("7f 9f 4d 51 58");
    mask(bytes, 0, 5, readKey(KEY, 0));
    expect(bytes.toString()).toBe("Hello");
  });

  it("reads the key from any offset", () => {
    expect(readKey(Buffer.concat([hex("00 00 00"), KEY]), 3)).toBe(readKey(KEY, 0));
    expect(readKey(hex("01 02 03 84"), 0) >>> 0).toBe(0x84030201);
  });

  it("is right at every alignment, phase and length up to 200, and touches nothing else", () => {
    const memory = new ArrayBuffer(512);
    for (let alignment = 0; alignment < 8; alignment++) {
      for (let phase = 0; phase < 4; phase++) {
        for (let length = 0; length <= 200; length++) {
          const bytes = Buffer.from(memory, alignment, 300).fill(0xee);
          const plain = counting(length);
          bytes.set(plain, 40);
          const key = mask(bytes, 40, 40 + length, rotateKey(readKey(KEY, 0), phase));
          const right =
            bytes.subarray(40, 40 + length).equals(naive(plain, phase)) &&
            bytes.subarray(0, 40).every((byte) => byte === 0xee) &&
            bytes.subarray(40 + length).every((byte) => byte === 0xee);
          if (!right) expect.fail(`wrong at alignment ${alignment}, phase ${phase}, length ${length}`);
          if (key !== rotateKey(readKey(KEY, 0), (phase + length) & 3))
            expect.fail(`wrong key behind alignment ${alignment}, phase ${phase}, length ${length}`);
        }
      }
    }
  });

  it("is right from any start within the buffer, around the 64 bytes from which it goes by words", () => {
    for (let start = 0; start < 12; start++) {
      for (let length = 60; length <= 72; length++) {
        const bytes = counting(100);
        mask(bytes, start, start + length, readKey(KEY, 0));
        expect(bytes.subarray(start, start + length)).toEqual(
          Buffer.from(naive(counting(100).subarray(start, start + length))),
        );
      }
    }
  });

  it("is right when buffers take turns, small ones of a shared pool among them", () => {
    for (let turn = 0; turn < 20; turn++) {
      const bytes = turn % 2 === 0 ? Buffer.from(counting(100 + turn)) : new Uint8Array(counting(100 + turn));
      const plain = Uint8Array.from(bytes);
      mask(bytes, 0, bytes.length, readKey(KEY, 0));
      expect(Buffer.from(bytes).equals(naive(plain))).toBe(true);
    }
  });

  it("is right in memory whose size is no multiple of four", () => {
    const bytes = new Uint8Array(new ArrayBuffer(103));
    bytes.set(counting(103));
    mask(bytes, 0, 103, readKey(KEY, 0));
    expect(Buffer.from(bytes).equals(naive(counting(103)))).toBe(true);
  });

  it("may be cut anywhere, as the phase travels with the key", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 400 }),
        fc.array(fc.nat(400), { maxLength: 6 }),
        (plain, cuts) => {
          const bytes = Buffer.from(plain);
          const ends = [...cuts.map((cut) => Math.min(cut, plain.length)), plain.length];
          let key = readKey(KEY, 0);
          let start = 0;
          for (const end of ends.sort((a, b) => a - b)) {
            key = mask(bytes, start, end, key);
            start = end;
          }
          expect(bytes.equals(naive(plain))).toBe(true);
        },
      ),
    );
  });
});

describe("masking in the memory of a vector buffer", () => {
  it("does the same, at every start and length, and touches nothing around it", () => {
    const buffer = takeVectorBuffer(65_536);
    fc.assert(
      fc.property(fc.nat(70), fc.nat(700), (start, length) => {
        const plain = Uint8Array.from({ length }, (_, i) => i * 11);
        buffer.fill(0xee, 0, 1024);
        buffer.set(plain, start);
        const key = mask(buffer, start, start + length, readKey(KEY, 0));
        expect(buffer.subarray(start, start + length).equals(naive(plain))).toBe(true);
        expect(key >>> 0).toBe(rotateKey(readKey(KEY, 0), length) >>> 0);
        const around = [...buffer.subarray(0, start), ...buffer.subarray(start + length, 1024)];
        expect(around.every((byte) => byte === 0xee)).toBe(true);
      }),
    );
    giveVectorBuffer(buffer);
  });
});

describe("a key that is rotated", () => {
  it("comes round after four bytes", () => {
    const key = readKey(hex("01 02 83 f4"), 0);
    expect(rotateKey(key, 0) >>> 0).toBe(key >>> 0);
    expect(rotateKey(key, 1) >>> 0).toBe(0x01f48302);
    expect(rotateKey(key, 3) >>> 0).toBe(0x8302_01f4);
    for (const count of [4, 8, 4_294_967_296]) expect(rotateKey(key, count) >>> 0).toBe(key >>> 0);
  });
});

describe("random keys", () => {
  it("are words of 32 bits that do not repeat, over more than one filling of the pool", () => {
    const keys = Array.from({ length: 3000 }, () => randomKey());
    expect(keys.every((key) => key === (key | 0))).toBe(true);
    // 3000 of 2^32: more than two pairs of equals are next to impossible.
    expect(new Set(keys).size).toBeGreaterThan(2997);
  });
});
