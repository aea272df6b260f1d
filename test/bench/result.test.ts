import { expect, test } from "vitest";
import { medians, NO_FIGURES } from "../../bench/result.ts";

test("medians takes each figure over the runs that have it", () => {
  const runs = [
    { ...NO_FIGURES, perSecond: 1, p50: 10 },
    { ...NO_FIGURES, perSecond: 3, p50: 30 },
    { ...NO_FIGURES, perSecond: 2 },
  ];
  expect(medians(runs)).toEqual({ ...NO_FIGURES, perSecond: 2, p50: 20 });
});
