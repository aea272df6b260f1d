import { describe, expect, it } from "vitest";
import { checkClose, checkClosePayload } from "../../lib/engine/close-code.ts";
import { hex } from "../support/raw.ts";

describe("what a user closes with", () => {
  it.each([
    [undefined, ""],
    [1000, ""],
    [1001, "bye"],
    [3000, "é".repeat(61)],
    [4999, "a".repeat(123)],
  ])("may be %s %j", (code, reason) => expect(() => checkClose(code, reason)).not.toThrow());

  it.each([
    0,
    -1,
    999,
    1004,
    1005,
    1006,
    1015,
    2999,
    5000,
    65_536,
    1000.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ])("may not be the code %s", (code) => expect(() => checkClose(code, "")).toThrow(RangeError));

  it("row 41: is a reason of at most 123 bytes of UTF-8", () => {
    expect(() => checkClose(1000, "a".repeat(124))).toThrow(RangeError);
    expect(() => checkClose(1000, "é".repeat(62))).toThrow(/124/);
    expect(() => checkClose(1000, "\ud800".repeat(42))).toThrow(RangeError);
  });

  it("row 41: is a reason that is a string, and a code that is a number", () => {
    for (const reason of [5, null, Buffer.from("x"), {}] as unknown[])
      expect(() => checkClose(1000, reason as string)).toThrow(TypeError);
    expect(() => checkClose("1000" as unknown as number, "")).toThrow(TypeError);
    expect(() => checkClose(null as unknown as number, "")).toThrow(TypeError);
  });

  it("has no reason without a code, as no frame could hold it", () => {
    expect(() => checkClose(undefined, "why")).toThrow(RangeError);
  });
});

describe("the payload that a user gives for a Close frame", () => {
  it.each([
    ["", { reason: "", size: 0 }],
    ["03 e8", { code: 1000, reason: "", size: 2 }],
    ["0f a0 62 79 65", { code: 4000, reason: "bye", size: 5 }],
    ["03 e9 c3 a9", { code: 1001, reason: "é", size: 4 }],
  ])("%s is taken apart", (bytes, parts) => {
    expect(checkClosePayload(hex(bytes))).toEqual(parts);
    expect(checkClosePayload(new Uint8Array(hex(bytes)))).toEqual(parts);
  });

  it("may be a string, whose UTF-8 is the payload", () => {
    expect(checkClosePayload("")).toEqual({ reason: "", size: 0 });
    // 0C 1C is 3100.
    expect(checkClosePayload("\f\x1cbye")).toEqual({ code: 3100, reason: "bye", size: 5 });
    expect(() => checkClosePayload("bye")).toThrow(RangeError);
  });

  it("of one byte, with a bad code, or with more than 123 bytes of reason throws a RangeError", () => {
    for (const bytes of ["03", "03 ed", "00 00"])
      expect(() => checkClosePayload(hex(bytes)), bytes).toThrow(RangeError);
    expect(() => checkClosePayload(Buffer.concat([hex("03 e8"), Buffer.alloc(124, "a")]))).toThrow(
      RangeError,
    );
  });

  it("whose reason is no UTF-8 throws a TypeError", () => {
    expect(() => checkClosePayload(hex("03 e8 ff"))).toThrow(TypeError);
  });
});
