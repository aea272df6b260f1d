import { afterEach, describe, expect, it, vi } from "vitest";
import { describeError, quietLogger } from "../../lib/base/log.ts";

describe("the default logger", () => {
  afterEach(() => void vi.restoreAllMocks());

  it("says errors and warnings under the package's name, and nothing else", () => {
    const error = vi.spyOn(console, "error").mockReturnValue(undefined);
    const warn = vi.spyOn(console, "warn").mockReturnValue(undefined);
    const others = (["log", "info", "debug"] as const).map((name) =>
      vi.spyOn(console, name).mockReturnValue(undefined),
    );
    quietLogger.error("one");
    quietLogger.warn("two");
    quietLogger.info("three");
    quietLogger.debug("four");
    expect(error.mock.calls).toEqual([["sluice: one"]]);
    expect(warn.mock.calls).toEqual([["sluice: two"]]);
    for (const other of others) expect(other).not.toHaveBeenCalled();
  });
});

describe("the description of what was thrown", () => {
  it("has the stack of an error", () => {
    const error = new TypeError("wrong");
    expect(describeError(error)).toBe(error.stack);
    expect(describeError(error)).toContain("log.test.ts");
  });

  it("has name and message of an error without a stack", () => {
    const error = new TypeError("wrong");
    delete error.stack;
    expect(describeError(error)).toBe("TypeError: wrong");
  });

  it.each([
    ["text", "text"],
    [5, "5"],
    [undefined, "undefined"],
    [null, "null"],
    [Symbol("s"), "Symbol(s)"],
  ])("of %s is %s", (thrown, text) => expect(describeError(thrown)).toBe(text));
});
