import { afterEach, beforeEach, expect, test } from "vitest";
import { EPOLLIN, EPOLLOUT, type Libc, loadLibc } from "../../../lib/loop/epoll/libc.ts";
import { Pollset, type Source } from "../../../lib/loop/epoll/pollset.ts";

class Probe implements Source {
  fd: number;
  generation = 0;
  constructor(fd: number) {
    this.fd = fd;
  }
  onEvent(): void {}
  destroy(): void {}
}

let libc: Libc;
let set: Pollset;
beforeEach(() => {
  libc = loadLibc();
  set = new Pollset(libc);
});
afterEach(() => {
  for (const source of set.all()) set.close(source);
  set.destroy();
});

// An eventfd is writable at once, which makes it a source that is always ready.
const ready = () => new Probe(libc.spare());

test("gives an event to its source, with its mask", () => {
  const probe = ready();
  set.add(probe, EPOLLOUT, false);
  expect(set.wait(0)).toBe(1);
  expect(set.source(0)).toBe(probe);
  expect(set.mask(0)).toBe(EPOLLOUT);
  expect(set.opensLinks(0)).toBe(false);
});

test("knows an event for a descriptor that was closed and whose number was used again within the batch", () => {
  const first = ready();
  set.add(first, EPOLLOUT, false);
  expect(set.wait(0)).toBe(1);
  const number = first.fd;
  set.close(first);
  expect(set.source(0)).toBe(undefined);
  const second = ready();
  expect(second.fd).toBe(number);
  set.add(second, EPOLLOUT, false);
  expect(set.source(0)).toBe(undefined);
  expect(set.wait(0)).toBe(1);
  expect(set.source(0)).toBe(second);
});

test("knows what opens links from its event alone", () => {
  const probe = ready();
  set.add(probe, EPOLLOUT, true);
  expect([set.wait(0), set.opensLinks(0), set.source(0)]).toEqual([1, true, probe]);
  expect([set.size, set.openers]).toEqual([1, 1]);
  const fd = set.detach(probe);
  expect([set.size, set.openers, set.wait(0)]).toEqual([0, 0, 0]);
  expect(libc.close(fd)).toBe(0);
});

test("gives no event for a parked source", () => {
  const probe = ready();
  set.add(probe, EPOLLOUT, false);
  set.park(probe);
  expect(set.wait(0)).toBe(0);
  set.unpark(probe, EPOLLOUT);
  expect(set.wait(0)).toBe(1);
});

test("applies changes of interest once, just before the wait", () => {
  const probe = ready();
  set.add(probe, EPOLLOUT, false);
  let applied = 0;
  set.change(
    Object.assign(probe, {
      applyInterest: () => {
        applied++;
        set.modify(probe, EPOLLIN);
      },
    }),
  );
  expect([set.wait(0), set.wait(0), applied]).toEqual([0, 0, 1]);
});

test("throws the system's error for a descriptor that cannot be watched", () => {
  expect(() => set.add(new Probe(-1), EPOLLIN, false)).toThrowError(
    expect.objectContaining({ code: "EBADF" }),
  );
  expect(set.size).toBe(0);
});
