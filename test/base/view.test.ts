import { describe, expect, it } from "vitest";
import { viewOf } from "../../lib/base/view.ts";

describe("a view", () => {
  it("is what subarray gives: a Buffer over the same memory", () => {
    const buffer = Buffer.from("hello, world");
    const view = viewOf(buffer, 7, 12);
    expect(Buffer.isBuffer(view)).toBe(true);
    expect(view.toString()).toBe("world");
    expect([view.buffer, view.byteOffset]).toEqual([buffer.buffer, buffer.subarray(7).byteOffset]);
    view[0] = 0x57;
    expect(buffer.toString()).toBe("hello, World");
  });

  it("is right for buffers in turn, those of one pool among them", () => {
    const [a, b] = [Buffer.from("aaaa"), Buffer.from("bbbb")];
    expect([viewOf(a, 0, 2), viewOf(b, 1, 3), viewOf(a, 3, 4)].map(String)).toEqual(["aa", "bb", "a"]);
  });
});
