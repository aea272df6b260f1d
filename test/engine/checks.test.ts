import { describe, expect, test } from "vitest";
import { atOnce, flag, integer, list, oneOf, text, wrong } from "../../lib/engine/checks.ts";

describe("a check", () => {
  test.each([
    ["integer", integer(1, 5), [1, 5], [0, 6, 1.5, "1", Number.NaN, null]],
    ["an open integer", integer(0), [0, Number.MAX_SAFE_INTEGER], [-1, 2 ** 53, Infinity]],
    ["oneOf", oneOf("a", "b"), ["a", "b"], ["c", "", undefined, ["a"]]],
    ["text", text, ["a"], ["", 5, null]],
    ["flag", flag, [true, false], [0, "true", null]],
    ["list", list, [[], [1]], [{}, "a", { length: 0 }]],
  ])("%s takes what is right, and throws a TypeError that names what is not", (_name, check, right, bad) => {
    for (const value of right) expect(() => check(value, "it")).not.toThrow();
    for (const value of bad) {
      expect(() => check(value, "it")).toThrow(TypeError);
      expect(() => check(value, "it")).toThrow(/^it: has to be /);
    }
  });

  test("of an answer throws for a promise, and nobody else has to hear how that ends", () => {
    for (const answer of [true, 0, undefined, null, {}]) expect(atOnce(answer)).toBe(answer);
    expect(() => atOnce(Promise.reject(new Error("unheard")))).toThrow(/at once/);
  });

  test("shows what was given, but for objects", () => {
    expect(wrong("port", "a number", "80").message).toBe('port: has to be a number, not "80"');
    expect(wrong("port", "a number", { a: 1 }).message).toBe("port: has to be a number, not an object");
    expect(wrong("port", "a number", []).message).toBe("port: has to be a number, not a list");
    expect(wrong("port", "a number", Number.NaN).message).toBe("port: has to be a number, not NaN");
    expect(wrong("port", "a number", () => 1).message).toBe("port: has to be a number, not function");
  });
});
