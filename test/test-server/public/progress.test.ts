import { describe, expect, it } from "vitest";
import { loadPageModule } from "./load.ts";

interface Meter {
  add(now: number, bytes: number): void;
  readonly rate: number | undefined;
}

const { ProgressMeter, percent, progressText } = await loadPageModule<{
  ProgressMeter: new () => Meter;
  percent(loaded: number, total: number): number;
  progressText(loaded: number, total: number, rate?: number): string;
}>("progress.js");

const meterOf = (...samples: [now: number, bytes: number][]) => {
  const meter = new ProgressMeter();
  for (const [now, bytes] of samples) meter.add(now, bytes);
  return meter;
};

describe("a meter of progress", () => {
  it("says nothing before two moments are known", () => {
    expect(meterOf().rate).toBeUndefined();
    expect(meterOf([5, 0]).rate).toBeUndefined();
    expect(meterOf([5, 0], [5, 100]).rate).toBeUndefined();
  });

  it("tells bytes a second", () => {
    expect(meterOf([1000, 0], [1500, 100]).rate).toBe(200);
  });

  it("forgets what was more than two seconds ago", () => {
    expect(meterOf([0, 0], [1000, 9000], [3000, 9100], [3500, 9200]).rate).toBe(80);
  });

  it("spans a pause that is longer than that", () => {
    expect(meterOf([0, 0], [10_000, 100]).rate).toBe(10);
  });
});

describe("the words for progress", () => {
  it("are bytes, percent, and the rate where it is known", () => {
    expect(progressText(5_242_880, 20_971_520, 2_621_440)).toBe("5.0 MiB of 20.0 MiB · 25 % · 2.5 MiB/s");
    expect(progressText(0, 100)).toBe("0 B of 100 B · 0 %");
  });

  it("say 100 only when all is done", () => {
    expect(percent(999, 1000)).toBe(99);
    expect(percent(1000, 1000)).toBe(100);
    expect(percent(0, 0)).toBe(100);
  });
});
