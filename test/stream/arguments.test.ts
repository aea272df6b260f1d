import { expect, it } from "vitest";
import { checkClose, checkData, isText, joined, kept, limitOf } from "../../lib/stream/arguments.ts";

const einval = expect.objectContaining({ code: "EINVAL" });

it.each([
  [0, false],
  [1, true],
  [2, false],
  [3, true],
])("reads flags %i", (flags, text) => {
  expect(isText(flags)).toBe(text);
});

it.each([4, -1, 0.5, "1", undefined])("takes %j for no flags", (flags) => {
  expect(() => isText(flags as never)).toThrow(einval);
});

it("takes any bytes as binary, and UTF-8 alone as text", () => {
  const bytes = Buffer.of(0xff);
  expect(checkData(bytes, false)).toBe(bytes);
  expect(() => checkData(bytes, true)).toThrow(einval);
  expect(() => checkData(new ArrayBuffer(1) as never, false)).toThrow(einval);
});

it("joins parts of any kind; text may be cut inside of a character", () => {
  const euro = Buffer.from("€");
  const bytes = joined(["a", new Uint8Array([0x62]), euro.subarray(0, 1), euro.subarray(1)], true);
  expect(bytes.toString()).toBe("ab€");
  expect(joined([], true)).toHaveLength(0);
  expect(() => joined([euro.subarray(1)], true)).toThrow(einval);
});

it("takes the caller's limit, else the usual one", () => {
  expect(limitOf(undefined, 7)).toBe(7);
  expect(limitOf(0, 7)).toBe(0);
  for (const wrong of [-1, 0.5, Number.NaN, "1", null]) {
    expect(() => limitOf(wrong as never, 7)).toThrow(einval);
  }
});

it.each([
  [0, "", ""],
  [1000, "OK", "OK"],
  [1000, Buffer.from("€"), "€"],
  [4999, "x".repeat(123), "x".repeat(123)],
  [1014, "", ""],
])("takes status %i with %j", (status, message, text) => {
  expect(checkClose(status, message)).toBe(text);
});

it.each([1, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, Number.NaN])("takes no status %d", (status) => {
  expect(() => checkClose(status, "")).toThrow(einval);
});

it("keeps a copy of bytes, which are the caller's", () => {
  const bytes = new Uint8Array([0x61]);
  const copy = kept(bytes);
  bytes.fill(0x62);
  expect(String(copy)).toBe("a");
  expect(kept("text")).toBe("text");
});
