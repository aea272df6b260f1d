import { describe, expect, it } from "vitest";
import { monotonicMs } from "../../lib/base/clock.ts";

describe("the clock", () => {
  it("tells whole milliseconds that never go back", () => {
    let before = monotonicMs();
    for (let i = 0; i < 10_000; i++) {
      const now = monotonicMs();
      expect(Number.isInteger(now)).toBe(true);
      expect(now).toBeGreaterThanOrEqual(before);
      before = now;
    }
  });

  it("counts from the start of the process, small enough for a small integer", () => {
    expect(monotonicMs()).toBeGreaterThanOrEqual(0);
    expect(monotonicMs()).toBeLessThan(2 ** 30);
  });
});
