import { Socket } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { MAX_HANDSHAKES, TlsDoor } from "../../lib/loop/tls-door.ts";
import { pemOf } from "../support/certificates.ts";
import { certificate } from "../support/server.ts";

// What goes through a door is in the contract of the loops.

const host = { enter: vi.fn(), refused: vi.fn() };
const openDoor = (timeout = 60_000) =>
  new TlsDoor({ ...pemOf(certificate), allowPlain: true }, host, timeout);

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** So many connections from which nothing comes. */
function fill(door: TlsDoor, count = MAX_HANDSHAKES): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = new Socket();
    door.take(socket);
    return socket;
  });
}

test("one connection more than may wait is dropped", () => {
  const door = openDoor();
  const waiting = fill(door);
  const [late] = fill(door, 1);
  expect(late.destroyed).toBe(true);
  expect(waiting.some(({ destroyed }) => destroyed)).toBe(false);
  door.close();
});

test("one that has waited for more than a second makes room for it", () => {
  const door = openDoor();
  const waiting = fill(door);
  vi.advanceTimersByTime(1000);
  const [late] = fill(door, 1);
  expect(late.destroyed).toBe(false);
  expect(waiting.map(({ destroyed }) => destroyed).indexOf(true)).toBe(0);
  expect(waiting[1].destroyed).toBe(false);
  door.close();
});

test("each has the same time, whenever it came", () => {
  const door = openDoor(100);
  const [first] = fill(door, 1);
  vi.advanceTimersByTime(60);
  const [second] = fill(door, 1);
  vi.advanceTimersByTime(40);
  expect([first.destroyed, second.destroyed]).toEqual([true, false]);
  vi.advanceTimersByTime(60);
  expect(second.destroyed).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

test("all who wait are dropped when it is closed", () => {
  const door = openDoor();
  const waiting = fill(door, 3);
  door.close();
  expect(waiting.every(({ destroyed }) => destroyed)).toBe(true);
});
