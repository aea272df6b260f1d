import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { contentRange, MAX_RANGES, parseRange, resolveRange, resolveRanges } from "../../lib/http/range.ts";

const toEnd = Number.POSITIVE_INFINITY;

describe("a Range header", () => {
  it.each([
    ["bytes=0-4", [{ first: 0, last: 4 }]],
    ["BYTES=0-4", [{ first: 0, last: 4 }]],
    ["bytes=5-", [{ first: 5, last: toEnd }]],
    ["bytes=-5", [{ suffix: 5 }]],
    ["bytes=-0", [{ suffix: 0 }]],
    ["bytes=0-0,-1", [{ first: 0, last: 0 }, { suffix: 1 }]],
    [
      "bytes= 0-0 ,\t2-3, ,",
      [
        { first: 0, last: 0 },
        { first: 2, last: 3 },
      ],
    ],
    ["bytes=0-99999999999999999999", [{ first: 0, last: 1e20 }]],
  ])("row 78: %s asks for ranges", (text, specs) =>
    expect(parseRange(text)).toEqual({ kind: "ranges", specs }),
  );

  it.each(["bytes=5-2", "bytes=0-1,5-2"])("row 78: %s is invalid", (text) => {
    expect(parseRange(text)).toEqual({ kind: "invalid" });
  });

  it.each([
    "",
    "abc",
    "items=",
    "items=0-5",
    "bytes",
    "bytes=",
    "bytes=,",
    "bytes=abc",
    "bytes=0x0-",
    "bytes=-",
    "bytes=--5",
    "bytes=+0-5",
    "bytes=0-5-7",
    "bytes=0 - 5",
    "bytes=1.5-2",
    "bytes =0-5",
    "bytes=0-5;",
    "bytes=0-1, bytes=2-3",
    "bytes=\u0660-\u0665",
  ])("row 78: %j is ignored", (text) => expect(parseRange(text)).toEqual({ kind: "ignored" }));

  it("row 78: is ignored when it asks for too many", () => {
    const asking = (count: number) =>
      parseRange(`bytes=${Array.from({ length: count }, (_, at) => `${2 * at}-${2 * at}`).join(",")}`).kind;
    expect([MAX_RANGES, MAX_RANGES + 1, 2000].map(asking)).toEqual(["ranges", "ignored", "ignored"]);
  });
});

describe("a range of ten bytes", () => {
  it.each([
    ["0-4", [0, 5]],
    ["9-", [9, 10]],
    ["0-9", [0, 10]],
    ["-5", [5, 10]],
    ["-10", [0, 10]],
    ["-11", [0, 10]],
    ["0-99999999999999999999", [0, 10]],
    ["-99999999999999999999", [0, 10]],
    [`0-${"9".repeat(400)}`, [0, 10]],
    ["10-", null],
    ["100-", null],
    ["10-20", null],
    ["-0", null],
    [`${"9".repeat(400)}-`, null],
  ])("row 78: %s", (text, expected) => {
    const request = parseRange(`bytes=${text}`);
    if (request.kind !== "ranges") throw new Error(request.kind);
    const range = resolveRange(request.specs[0], 10);
    expect(range && [range.start, range.end]).toEqual(expected);
  });

  it("is told with its last byte", () => {
    expect(contentRange({ start: 5, end: 10 }, 10)).toBe("bytes 5-9/10");
  });
});

describe("several ranges", () => {
  const resolved = (text: string, size = 100) => {
    const request = parseRange(`bytes=${text}`);
    if (request.kind !== "ranges") throw new Error(request.kind);
    return resolveRanges(request.specs, size).map(({ start, end }) => `${start}-${end - 1}`);
  };

  it.each([
    ["0-1,5-6", ["0-1", "5-6"]],
    ["5-6,0-1", ["5-6", "0-1"]],
    ["0-1,200-", ["0-1"]],
    ["0-1,-0", ["0-1"]],
    ["200-,300-", []],
    ["0-5,3-8", ["0-8"]],
    ["0-1,2-3", ["0-3"]],
    ["0-1,3-4", ["0-1", "3-4"]],
    ["0-,0-,0-", ["0-99"]],
    ["50-60,0-1,55-70,1-5", ["50-70", "0-5"]],
    ["0-1,4-5,2-3", ["0-5"]],
    ["4-5,90-91,0-1,2-3", ["0-5", "90-91"]],
  ])("%s of a hundred bytes", (text, expected) => expect(resolved(text)).toEqual(expected));

  it("lie within the file, do not touch, and hold just the bytes that were asked for", () => {
    const bound = fc.nat(30);
    const spec = fc.oneof(
      fc.record({ suffix: bound }),
      fc.tuple(bound, bound).map(([first, more]) => ({ first, last: first + more })),
      bound.map((first) => ({ first, last: toEnd })),
    );
    fc.assert(
      fc.property(fc.array(spec, { maxLength: MAX_RANGES }), fc.nat(25), (specs, size) => {
        const ranges = resolveRanges(specs, size);
        const wanted = new Set<number>();
        for (let byte = 0; byte < size; byte++) {
          const isWanted = specs.some((spec) =>
            "suffix" in spec ? byte >= size - spec.suffix : byte >= spec.first && byte <= spec.last,
          );
          if (isWanted) wanted.add(byte);
        }
        const got: number[] = [];
        for (const { start, end } of ranges) {
          expect(start >= 0 && start < end && end <= size).toBe(true);
          for (let byte = start; byte < end; byte++) got.push(byte);
          for (const other of ranges)
            expect(other.start === start || other.end < start || end < other.start).toBe(true);
        }
        expect(got.sort((a, b) => a - b)).toEqual([...wanted]);
      }),
    );
  });
});
