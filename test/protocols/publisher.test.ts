import type { Context } from "sluice";
import { echo, lwsStatus } from "sluice/protocols";
import { afterEach, expect, it, vi } from "vitest";
import { readPart } from "../../protocols/lws-status/part.ts";
import { Publisher, SIGN_EVERY, TELL_EVERY } from "../../protocols/lws-status/publisher.ts";
import { FakeWsi, fakeContext } from "./fake-wsi.ts";

afterEach(() => vi.useRealTimers());

/** A publisher of a context, and how many sessions each part tells of that it has broadcast. */
function start(maxSessions = 500) {
  vi.useFakeTimers();
  const sessions: FakeWsi[] = [];
  const told: number[] = [];
  const ids = new Set<string>();
  const broadcast = (protocol: unknown, data: Buffer, options: { filter: () => boolean }) => {
    expect([protocol, options.filter()]).toEqual([lwsStatus, false]);
    const { id, sessions } = readPart(data)!;
    ids.add(id);
    told.push(sessions.length);
  };
  const context = Object.assign(fakeContext(sessions), { busStats: {}, broadcast }) as Context;
  const publisher = new Publisher(context, lwsStatus as never, maxSessions);
  const open = () => sessions.push(new FakeWsi(echo, context));
  return { publisher, sessions, told, ids, open };
}

it("tells of sessions that came or went, at most every half second", () => {
  const { publisher, sessions, told, open } = start();
  publisher.begin();
  for (let i = 0; i < 10; i++) open();
  expect(told).toEqual([]);
  vi.advanceTimersByTime(TELL_EVERY);
  for (let i = 0; i < 4; i++) sessions.pop();
  vi.advanceTimersByTime(TELL_EVERY - 1);
  expect(told).toEqual([10]);
  vi.advanceTimersByTime(1);
  expect(told).toEqual([10, 6]);
  publisher.end();
});

it("gives a sign of life as long as it has sessions, then one that it has none", () => {
  const { publisher, sessions, told, ids, open } = start();
  publisher.begin();
  vi.advanceTimersByTime(3 * SIGN_EVERY);
  expect(told).toEqual([]);
  open();
  vi.advanceTimersByTime(TELL_EVERY + 3 * SIGN_EVERY);
  expect(told).toEqual([1, 1, 1, 1]);
  sessions.pop();
  vi.advanceTimersByTime(3 * SIGN_EVERY);
  expect(told).toEqual([1, 1, 1, 1, 0]);
  expect(ids.size).toBe(1);
  publisher.end();
});

it("says goodbye at the end if it has told of sessions, and nothing more", () => {
  const { publisher, sessions, told, open } = start();
  publisher.begin();
  open();
  vi.advanceTimersByTime(TELL_EVERY);
  sessions.pop();
  publisher.end();
  expect(told).toEqual([1, 0]);
  expect(vi.getTimerCount()).toBe(0);
  const { publisher: idle, told: nothing } = start();
  idle.begin();
  vi.advanceTimersByTime(SIGN_EVERY);
  idle.end();
  expect(nothing).toEqual([]);
});

it("has no timer without a bus, and one only with it", () => {
  vi.useFakeTimers();
  const context = fakeContext() as { busStats?: object };
  const publisher = new Publisher(context as Context, lwsStatus as never, 500);
  publisher.begin();
  expect(vi.getTimerCount()).toBe(0);
  context.busStats = {};
  publisher.begin();
  publisher.begin();
  expect(vi.getTimerCount()).toBe(1);
  publisher.end();
  expect(vi.getTimerCount()).toBe(0);
});

it("does not keep a program that has nothing else to do", () => {
  const { publisher } = start();
  vi.useRealTimers();
  const before = process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
  publisher.begin();
  expect(process.getActiveResourcesInfo().filter((kind) => kind === "Timeout")).toHaveLength(before);
  publisher.end();
});

it("tells of no more sessions than it may", () => {
  const { publisher, told, open } = start(3);
  for (let i = 0; i < 5; i++) open();
  publisher.tell();
  expect(told).toEqual([3]);
  publisher.end();
});
