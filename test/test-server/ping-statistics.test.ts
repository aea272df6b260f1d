import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { RoundTrips } from "../../test-server/ping-statistics.ts";

function roundTrips(times: readonly number[], random?: () => number): RoundTrips {
  const trips = new RoundTrips(random);
  for (const time of times) trips.add(time);
  return trips;
}

describe("round trips", () => {
  it("have extremes, an average and a deviation", () => {
    const { count, min, max, average, deviation } = roundTrips([2, 4, 4, 4, 5, 5, 7, 9]);
    expect({ count, min, max, average, deviation }).toEqual({
      count: 8,
      min: 2,
      max: 9,
      average: 5,
      deviation: 2,
    });
  });

  it("deviate by nothing when they are all the same, however the sums are rounded", () => {
    expect(roundTrips(new Array(1000).fill(0.1)).deviation).toBeCloseTo(0);
  });

  it("have percentiles by the nearest rank", () => {
    const times = Array.from({ length: 100 }, (_, n) => 100 - n);
    expect(roundTrips(times).percentiles([0, 1, 50, 90, 99, 99.9, 100])).toEqual([
      1, 1, 50, 90, 99, 100, 100,
    ]);
    expect(roundTrips([7]).percentiles([50, 99])).toEqual([7, 7]);
  });

  it("have percentiles that are some of them, and in order", () => {
    const time = fc.double({ min: 0, max: 1e6, noNaN: true });
    fc.assert(
      fc.property(fc.array(time, { minLength: 1 }), (times) => {
        const trips = roundTrips(times);
        const found = trips.percentiles([0, 25, 50, 75, 100]);
        expect(found).toEqual(found.toSorted((a, b) => a - b));
        expect([found[0], found[4]]).toEqual([trips.min, trips.max]);
        for (const each of found) expect(times).toContain(each);
      }),
    );
  });

  it("are kept by chance when there are very many, and counted all the same", () => {
    const kept = 65_536;
    const first = new Array<number>(kept).fill(1);
    const taken = roundTrips([...first, 3], () => 0);
    expect(taken.percentiles([100])).toEqual([3]);
    const left = roundTrips([...first, 3], () => 0.999_999_9);
    expect(left.percentiles([100])).toEqual([1]);
    expect(left).toMatchObject({ count: kept + 1, max: 3 });
  });
});
