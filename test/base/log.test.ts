import { afterEach, describe, expect, it, vi } from "vitest";
import { describeError, guarded, quietLogger } from "../../lib/base/log.ts";

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

describe("a guarded logger", () => {
  it("passes lines on to the logger's own method, and throws for nothing", () => {
    const lines: string[] = [];
    const fail = () => {
      throw new Error("the disk is full");
    };
    const own = {
      lines,
      error(this: { lines: string[] }, message: string) {
        this.lines.push(message);
      },
    };
    const logger = guarded({ ...own, warn: fail, info: fail, debug: fail });
    logger.error("one");
    for (const level of ["warn", "info", "debug"] as const) expect(() => logger[level]("two")).not.toThrow();
    expect(lines).toEqual(["one"]);
  });
});
