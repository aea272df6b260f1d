import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { errorCode } from "../../lib/base/errors.ts";
import { backOff, checkBacklog, checkHanded, checkName, loadPackage } from "../../lib/bus/options.ts";

describe("options", () => {
  it("that are names are not empty", () => {
    expect(checkName("aBus", "channel", "x")).toBe("x");
    expect(() => checkName("aBus", "channel", "")).toThrow(new TypeError("aBus: channel is not a name"));
  });

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, "5", null])(
    "that are numbers of bytes are not %s",
    (wrong) => {
      expect(() => checkBacklog("aBus", wrong)).toThrow("aBus: maxBacklog is a number of bytes above 0");
    },
  );

  it("have 16 MiB for the backlog, and nothing for the package, by default", () => {
    expect(checkBacklog("aBus")).toBe(16_777_216);
    expect(checkHanded("aBus")).toEqual({});
  });
});

describe("loadPackage", () => {
  it("gives the package, or says how to get it", async () => {
    expect(await loadPackage("aBus", "thing", async () => "thing")).toBe("thing");
    const error = await loadPackage("aBus", "thing", () => Promise.reject(new Error("no"))).catch((e) => e);
    expect(error.message).toBe('aBus needs the package "thing": npm install thing');
    expect([errorCode(error), error.cause.message]).toEqual(["ENOTSUP", "no"]);
  });
});

describe("backOff", () => {
  it("grows from 100 ms to 5 s, give or take a half", () => {
    fc.assert(
      fc.property(fc.nat(100_000), (attempt) => {
        const middle = Math.min(100 * 2 ** attempt, 5000);
        const pause = backOff(attempt);
        expect(pause).toBeGreaterThanOrEqual(Math.floor(middle / 2));
        expect(pause).toBeLessThanOrEqual(Math.ceil(middle * 1.5));
      }),
    );
  });
});
