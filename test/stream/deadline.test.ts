import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Alarm, deadlineOf, FOREVER, now, signalOf } from "../../lib/stream/deadline.ts";
import { rounds } from "../support/raw.ts";

it("counts whole milliseconds that never go back", () => {
  const moments = Array.from({ length: 1000 }, now);
  expect(moments.every(Number.isInteger)).toBe(true);
  expect(moments).toEqual(moments.toSorted((a, b) => a - b));
});

it("begins far from zero, so that a moment before now is no flag", () => {
  expect(now() - 86_400_000).toBeGreaterThan(0);
});

it.each([
  [undefined, FOREVER],
  [-1, FOREVER],
  [Number.POSITIVE_INFINITY, FOREVER],
  [{}, FOREVER],
  [{ deadline: -1 }, FOREVER],
  [0, 0],
  [5, 5],
  [{ deadline: 5 }, 5],
])("takes the deadline %j as %j", (until, deadline) => {
  expect(deadlineOf(until)).toBe(deadline);
});

it.each([-2, Number.NaN, Number.NEGATIVE_INFINITY, "5", null, true])("takes %j for no deadline", (until) => {
  expect(() => deadlineOf(until as never)).toThrow(expect.objectContaining({ code: "EINVAL" }));
});

it("takes a signal from the object only", () => {
  const { signal } = new AbortController();
  expect(signalOf({ signal })).toBe(signal);
  expect(signalOf({})).toBeUndefined();
  expect(signalOf(5)).toBeUndefined();
  expect(() => signalOf({ signal: {} as never })).toThrow(expect.objectContaining({ code: "EINVAL" }));
});

describe("an alarm", () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
  afterEach(() => void vi.useRealTimers());

  it("rings at its deadline, once", () => {
    const ring = vi.fn();
    new Alarm(ring).set(now() + 100);
    vi.advanceTimersByTime(99);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledOnce();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("rings at a deadline further than timers go", () => {
    const ring = vi.fn();
    new Alarm(ring).set(now() + 2 ** 32);
    vi.advanceTimersByTime(2 ** 32 - 1);
    expect(ring).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ring).toHaveBeenCalledOnce();
  });

  it("leaves nothing behind when it is cleared, or set for ever", () => {
    const ring = vi.fn();
    const alarm = new Alarm(ring);
    alarm.set(now() + 100);
    alarm.clear();
    alarm.set(FOREVER);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("lets the process poll once before it rings for a deadline that has passed", async () => {
    const rung: string[] = [];
    const alarm = new Alarm(() => rung.push("ring"));
    setImmediate(() => rung.push("first turn"));
    alarm.set(0);
    expect(rung).toEqual([]);
    await rounds(3);
    expect(rung).toEqual(["first turn", "ring"]);
  });

  it("does not ring when it is cleared between those turns", async () => {
    const ring = vi.fn();
    const alarm = new Alarm(ring);
    alarm.set(0);
    await rounds(1);
    alarm.clear();
    await rounds(3);
    expect(ring).not.toHaveBeenCalled();
  });
});
