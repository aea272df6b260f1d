import { expect, it } from "vitest";
import { BackOff } from "../../lib/fork/back-off.ts";

it("waits twice as long each time, from 100 ms to 30 s", () => {
  const backOff = new BackOff();
  const waits = Array.from({ length: 11 }, () => backOff.after(50));
  expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000]);
});

it("begins anew after a child that lived for 10 s", () => {
  const backOff = new BackOff();
  for (let i = 0; i < 5; i++) backOff.after(50);
  expect(backOff.after(9999)).toBe(3200);
  expect(backOff.after(10_000)).toBe(100);
  expect(backOff.after(50)).toBe(200);
});
