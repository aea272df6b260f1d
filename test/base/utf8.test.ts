import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkUtf8, UTF8_BOUNDARY, UTF8_INVALID } from "../../lib/base/utf8.ts";
import { spelled } from "../support/outlet.ts";
import { hex } from "../support/raw.ts";

/** From 96 bytes on the native check is used: a sequence is looked at alone, and with that much around it. */
const PAD = Buffer.alloc(100, "a");
const surroundings: [string, (sequence: Buffer) => Buffer][] = [
  ["alone", (sequence) => sequence],
  ["behind 100 bytes", (sequence) => Buffer.concat([PAD, sequence])],
  ["before 100 bytes", (sequence) => Buffer.concat([sequence, PAD])],
  ["between 100 and 100 bytes", (sequence) => Buffer.concat([PAD, sequence, PAD])],
];

const check = (bytes: Buffer) => checkUtf8(UTF8_BOUNDARY, bytes, 0, bytes.length);

/** Checks in pieces that end at `cuts`, which need not be in order. */
function checkInPieces(bytes: Buffer, cuts: readonly number[]): number {
  const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
  let at = UTF8_BOUNDARY;
  let start = 0;
  for (const end of ends) {
    at = checkUtf8(at, bytes, start, end);
    if (at === UTF8_INVALID) return at;
    start = end;
  }
  return at;
}

// RFC 3629 section 4: the first and the last character of each row of the grammar.
const first = ["00", "c2 80", "e0 a0 80", "e1 80 80", "ed 80 80", "ee 80 80", "f0 90 80 80", "f1 80 80 80"];
const last = ["7f", "df bf", "e0 bf bf", "ec bf bf", "ed 9f bf", "ef bf bf", "f0 bf bf bf", "f3 bf bf bf"];
const valid = [...first, ...last, "f4 80 80 80", "f4 8f bf bf"];

/** What is wrong, and the index of the first byte that makes it so. */
const wrong: [string, number, string][] = [
  ["80", 0, "a continuation without a lead byte"],
  ["bf", 0, "a continuation without a lead byte"],
  ["c0 80", 0, "NUL in two bytes"],
  ["c0 af", 0, "a slash in two bytes"],
  ["c1 bf", 0, "7F in two bytes"],
  ["e0 80 80", 1, "NUL in three bytes"],
  ["e0 9f bf", 1, "7FF in three bytes"],
  ["f0 80 80 80", 1, "NUL in four bytes"],
  ["f0 8f bf bf", 1, "FFFF in four bytes"],
  ["ed a0 80", 1, "the first surrogate"],
  ["ed bf bf", 1, "the last surrogate"],
  ["f4 90 80 80", 1, "110000"],
  ["f5 80 80 80", 0, "a lead byte over F4"],
  ["f8 88 80 80 80", 0, "five bytes"],
  ["fc 84 80 80 80 80", 0, "six bytes"],
  ["fe", 0, "FE"],
  ["ff", 0, "FF"],
  ["c2 7f", 1, "7F in place of a continuation"],
  ["c2 c0", 1, "C0 in place of a continuation"],
  ["e1 80 7f", 2, "7F in place of a third byte"],
  ["e1 80 c0", 2, "C0 in place of a third byte"],
  ["f1 80 80 7f", 3, "7F in place of a fourth byte"],
  ["f1 80 80 c0", 3, "C0 in place of a fourth byte"],
];

describe.each(surroundings)("UTF-8, %s", (_where, surround) => {
  it.each(valid)("%s is a character", (sequence) => {
    expect(check(surround(hex(sequence)))).toBe(UTF8_BOUNDARY);
  });

  it.each(wrong)("%s is wrong at byte %i: %s", (sequence) => {
    expect(check(surround(hex(sequence)))).toBe(UTF8_INVALID);
  });

  it("agrees with Node on all pairs of bytes", () => {
    for (let pair = 0; pair < 65_536; pair++) {
      const bytes = surround(Buffer.of(pair >> 8, pair & 255));
      if ((check(bytes) === UTF8_BOUNDARY) !== isUtf8(bytes)) expect.fail(`disagrees on ${spelled(bytes)}`);
    }
  });

  it("agrees with Node on three and four bytes at every edge", () => {
    const edges = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
    for (let lead = 0xe0; lead < 0x100; lead++) {
      for (const second of edges)
        for (const third of edges)
          for (const fourth of edges) {
            const bytes = surround(Buffer.of(lead, second, third, fourth));
            if ((check(bytes) === UTF8_BOUNDARY) !== isUtf8(bytes))
              expect.fail(`disagrees on ${spelled(bytes)}`);
          }
    }
  });
});

describe("UTF-8 in pieces", () => {
  it.each(wrong)("%s fails at byte %i and not before: %s", (sequence, at) => {
    const bytes = hex(sequence);
    expect(checkUtf8(UTF8_BOUNDARY, bytes, 0, at)).not.toBe(UTF8_INVALID);
    expect(checkUtf8(UTF8_BOUNDARY, bytes, 0, at + 1)).toBe(UTF8_INVALID);
  });

  it.each(valid.filter((sequence) => sequence.length > 2))(
    "%s that is cut short is neither whole nor wrong",
    (sequence) => {
      const bytes = hex(sequence);
      for (const [where, surround] of surroundings.slice(0, 2)) {
        for (let size = 1; size < bytes.length; size++) {
          const at = check(surround(bytes.subarray(0, size)));
          expect(at, `${size} bytes ${where}`).not.toBe(UTF8_BOUNDARY);
          expect(at, `${size} bytes ${where}`).not.toBe(UTF8_INVALID);
        }
      }
    },
  );

  it("is accepted however a text of all kinds of characters is cut in two or three", () => {
    const text = hex(valid.join(""));
    for (let a = 0; a <= text.length; a++)
      for (let b = a; b <= text.length; b++) expect(checkInPieces(text, [a, b])).toBe(UTF8_BOUNDARY);
  });

  it("is accepted however a long text is cut in two, both halves on the native path", () => {
    const text = Buffer.from("aé€😀".repeat(60));
    for (let cut = 0; cut <= text.length; cut++) expect(checkInPieces(text, [cut])).toBe(UTF8_BOUNDARY);
  });

  it("looks at nothing outside of its range", () => {
    const bytes = hex("ff 41 c3 a9 ff");
    expect(checkUtf8(UTF8_BOUNDARY, bytes, 1, 4)).toBe(UTF8_BOUNDARY);
    expect(checkUtf8(UTF8_BOUNDARY, bytes, 1, 1)).toBe(UTF8_BOUNDARY);
    const long = Buffer.concat([hex("ff"), PAD, hex("c3 a9 ff")]);
    expect(checkUtf8(UTF8_BOUNDARY, long, 1, long.length - 1)).toBe(UTF8_BOUNDARY);
  });
});

describe("UTF-8 of any kind", () => {
  const cuts = fc.array(fc.nat(400), { maxLength: 4 });
  const agree = (bytes: Buffer, at: readonly number[]) => {
    expect(checkInPieces(bytes, at) === UTF8_BOUNDARY).toBe(isUtf8(bytes));
  };

  it("agrees with Node on random bytes, in any pieces", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), cuts, (bytes, at) => agree(Buffer.from(bytes), at)),
    );
  });

  it("agrees with Node on texts, whole and with one byte changed, in any pieces", () => {
    const text = fc.string({ unit: "binary", maxLength: 150 }).map((each) => Buffer.from(each));
    fc.assert(
      fc.property(text, fc.nat(), fc.nat(255), cuts, (bytes, where, byte, at) => {
        agree(bytes, at);
        if (bytes.length > 0) bytes[where % bytes.length] = byte;
        agree(bytes, at);
      }),
      { numRuns: 1000 },
    );
  });
});
