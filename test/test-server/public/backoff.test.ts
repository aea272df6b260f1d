import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadPageModule } from "./load.ts";

const { backoff, SHORTEST, LONGEST } = await loadPageModule<{
  backoff(attempt: number, random?: () => number): number;
  SHORTEST: number;
  LONGEST: number;
}>("backoff.js");

describe("backoff", () => {
  it("doubles from try to try, up to the longest wait", () => {
    const waits = [0, 1, 2, 3, 4, 5, 6].map((attempt) => backoff(attempt, () => 1));
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000]);
  });

  it("stays within the upper half of each wait, whatever the attempt", () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
        const most = Math.min(LONGEST, SHORTEST * 2 ** attempt);
        const wait = backoff(attempt, () => random);
        expect(wait).toBeGreaterThanOrEqual(most / 2);
        expect(wait).toBeLessThanOrEqual(most);
      }),
    );
  });
});
