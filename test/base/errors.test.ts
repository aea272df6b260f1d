import { describe, expect, it } from "vitest";
import { codedError, errorCode } from "../../lib/base/errors.ts";

describe("a coded error", () => {
  it("is an Error with code and message", () => {
    const error = codedError("ENOTSUP", "it cannot run here");
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ code: "ENOTSUP", message: "it cannot run here" });
    expect(error).not.toHaveProperty("cause");
  });

  it("carries its cause where there is one", () => {
    const cause = new Error("below");
    expect(codedError("EIO", "above", cause).cause).toBe(cause);
  });
});

describe("the code of an error", () => {
  it("is that of Node's errors and of our own", () => {
    expect(errorCode(codedError("EPIPE", "gone"))).toBe("EPIPE");
    expect(errorCode(Object.assign(new Error("in use"), { code: "EADDRINUSE" }))).toBe("EADDRINUSE");
  });

  it.each([new Error("without"), { code: 5 }, "EPIPE", 5, null, undefined])("is empty for %j", (thrown) => {
    expect(errorCode(thrown)).toBe("");
  });
});
