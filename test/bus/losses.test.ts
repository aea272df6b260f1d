import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Losses } from "../../lib/bus/losses.ts";

describe("Losses", () => {
  let told: string[];
  let losses: Losses;
  const add = (why: string, packets?: number) => losses.add(new Error(why), packets);
  beforeEach(() => {
    vi.useFakeTimers();
    told = [];
    losses = new Losses((packets, error) => told.push(`${packets} ${error.message}`));
  });
  afterEach(() => vi.useRealTimers());

  it("are told of at once, then together once in a second", () => {
    add("first");
    add("second");
    add("third", 5);
    expect(told).toEqual(["1 first"]);
    vi.advanceTimersByTime(999);
    expect(told).toEqual(["1 first"]);
    vi.advanceTimersByTime(1);
    expect(told).toEqual(["1 first", "6 third"]);
    add("fourth");
    expect(told).toHaveLength(2);
    vi.advanceTimersByTime(1000);
    expect(told.at(-1)).toBe("1 fourth");
    expect(losses.total).toBe(8);
  });

  it("are told of at once again after a second without any", () => {
    add("first");
    vi.advanceTimersByTime(1000);
    add("second");
    expect(told).toEqual(["1 first", "1 second"]);
  });

  it("leave no timer behind, and nothing untold, at the end", () => {
    add("first");
    add("second");
    losses.end();
    expect(told).toEqual(["1 first", "1 second"]);
    expect(vi.getTimerCount()).toBe(0);
    losses.end();
    expect(told).toHaveLength(2);
  });
});
