import { describe, expect, it } from "vitest";
import { abortError, bodyReadError, isAbort, repliedError } from "../../lib/engine/serving.ts";

describe("the errors of a request that does not go on", () => {
  it("are known from those of the application that have the same code", () => {
    expect(isAbort(abortError("ECONNRESET", "gone"))).toBe(true);
    expect(isAbort(Object.assign(new Error("gone"), { code: "ECONNRESET" }))).toBe(false);
    expect(isAbort("gone")).toBe(false);
    expect(isAbort(null)).toBe(false);
  });

  it("have codes", () => {
    expect(abortError("ERR_BODY_ABORTED", "x")).toMatchObject({ code: "ERR_BODY_ABORTED", message: "x" });
    expect(bodyReadError()).toMatchObject({ code: "ERR_BODY_READ" });
    expect(repliedError()).toMatchObject({ code: "ERR_REPLIED" });
  });
});
