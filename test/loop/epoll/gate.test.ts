import { expect, test } from "vitest";
import { Gate } from "../../../lib/loop/epoll/gate.ts";

test("is open while a service call waits, and ends it with the turn that served something", async () => {
  const gate = new Gate();
  expect([gate.open, gate.waiting, gate.until]).toEqual([false, false, Number.POSITIVE_INFINITY]);
  const waiting = gate.service(-1);
  expect([gate.open, gate.waiting, gate.until]).toEqual([true, true, Number.POSITIVE_INFINITY]);
  expect(gate.endWait(0)).toBe(false);
  expect(gate.endWait(3)).toBe(true);
  expect(gate.open).toBe(false);
  expect(await waiting).toBe(3);
});

test("ends service(0) with its first turn, and a woken call with the next one", async () => {
  const gate = new Gate();
  const once = gate.service(0);
  expect(gate.endWait(0)).toBe(true);
  expect(await once).toBe(0);
  const woken = gate.service(-1);
  gate.wake();
  expect(gate.endWait(0)).toBe(true);
  expect(await woken).toBe(0);
  gate.wake();
});

test("is open while run lasts, which no turn ends", async () => {
  const gate = new Gate();
  const running = gate.run();
  expect([gate.open, gate.waiting, gate.endWait(5), gate.open]).toEqual([true, false, false, true]);
  gate.shut(0);
  await running;
  expect(gate.open).toBe(false);
});
