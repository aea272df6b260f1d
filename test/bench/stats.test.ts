import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { median, percentile, Samples } from "../../bench/stats.ts";

describe("median", () => {
  test("is the value in the middle, in whatever order they come", () => {
    expect(median([3, 1, 2])).toBe(2);
  });

  test("is the mean of the two in the middle of an even number", () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  test("orders numbers as numbers and leaves the list as it was", () => {
    const values = [10, 9, 100];
    expect(median(values)).toBe(10);
    expect(values).toEqual([10, 9, 100]);
  });

  test("of nothing is NaN", () => {
    expect(median([])).toBeNaN();
  });
});

describe("percentile", () => {
  const hundred = Array.from({ length: 100 }, (_, i) => i + 1);

  test("takes the nearest rank", () => {
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile([7], 0.99)).toBe(7);
  });

  test("takes the ends for shares of 0 and 1", () => {
    expect(percentile(hundred, 0)).toBe(1);
    expect(percentile(hundred, 1)).toBe(100);
  });

  test("of nothing is NaN", () => {
    expect(percentile([], 0.5)).toBeNaN();
  });

  test("is not exceeded by that share of the values", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(1000), { minLength: 1 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (values, share) => {
          const sorted = values.sort((a, b) => a - b);
          const limit = percentile(sorted, share);
          const within = sorted.filter((value) => value <= limit).length;
          expect(within).toBeGreaterThanOrEqual(Math.ceil(share * sorted.length));
        },
      ),
    );
  });
});

describe("Samples", () => {
  test("gives what was added in ascending order", () => {
    const samples = new Samples(10);
    for (const value of [3, 100, 20]) samples.add(value);
    expect([...samples.sorted()]).toEqual([3, 20, 100]);
  });

  test("keeps no more than it has room for", () => {
    const samples = new Samples(2);
    for (const value of [1, 2, 3]) samples.add(value);
    expect([...samples.sorted()]).toEqual([1, 2]);
  });

  test("begins anew after clear", () => {
    const samples = new Samples(2);
    samples.add(1);
    samples.clear();
    samples.add(2);
    expect(samples.count).toBe(1);
    expect([...samples.sorted()]).toEqual([2]);
  });
});
