import { describe, expect, it } from "vitest";
import { loadPageModule } from "./load.ts";

type Values = (number | undefined)[];
const { sparkline, History, RateMeter } = await loadPageModule<{
  sparkline(
    values: Values,
    size: { width: number; height: number; length: number; atLeast?: number },
  ): { line: string; area: string };
  History: new (length: number) => { values: Values; add(value: number | undefined): void };
  RateMeter: new () => { count(now: number): void; perSecond(now: number): number };
}>("sparkline.js");

const size = { width: 100, height: 23, length: 5 };

describe("sparkline", () => {
  it("puts the newest value at the right edge and zero at the bottom", () => {
    expect(sparkline([10, 0], size).line).toBe("M75 3L100 23");
  });

  it("fills the area down to the bottom", () => {
    expect(sparkline([10, 0], size).area).toBe("M75 23L75 3L100 23L100 23Z");
  });

  it("leaves a gap where there is no value", () => {
    expect(sparkline([10, undefined, 10], size).line).toBe("M50 3M100 3");
  });

  it("does not blow up small values", () => {
    expect(sparkline([10], { ...size, atLeast: 20 }).line).toBe("M100 13");
  });

  it("draws nothing of nothing, and a flat line of zeros", () => {
    expect(sparkline([], size)).toEqual({ line: "", area: "" });
    expect(sparkline([0, 0], size).line).toBe("M75 23L100 23");
  });
});

describe("History", () => {
  it("keeps the last values", () => {
    const history = new History(2);
    for (const value of [1, 2, 3]) history.add(value);
    expect(history.values).toEqual([2, 3]);
  });
});

describe("RateMeter", () => {
  it("counts what came in the last second", () => {
    const meter = new RateMeter();
    for (const time of [0, 500, 900, 1400]) meter.count(time);
    expect(meter.perSecond(1400)).toBe(3);
    expect(meter.perSecond(2399)).toBe(1);
    expect(meter.perSecond(5000)).toBe(0);
  });
});
