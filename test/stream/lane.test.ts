import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { type Attempt, Lane, PENDING } from "../../lib/stream/lane.ts";
import { codeOf, stateOf } from "./support.ts";

/** Succeeds at the attempt with that number. */
function succeedAt(number: number): Attempt<string> {
  let attempts = 0;
  return () => (++attempts === number ? "done" : PENDING);
}

it("tries at once, and waits for nothing when that does it", async () => {
  const lane = new Lane();
  const running = lane.run(succeedAt(1), 0);
  expect(lane.busy).toBe(false);
  expect(await running).toBe("done");
});

it("tries again whenever something has happened", async () => {
  const lane = new Lane();
  const running = lane.run(succeedAt(3), undefined);
  lane.poke();
  expect(lane.busy).toBe(true);
  lane.poke();
  expect(lane.busy).toBe(false);
  expect(await running).toBe("done");
});

it("takes undefined for a result", async () => {
  expect(await new Lane().run(() => undefined, undefined)).toBeUndefined();
});

it("throws what an attempt throws, the first or a later one", async () => {
  const lane = new Lane();
  const error = new Error("no");
  const fail = () => {
    throw error;
  };
  await expect(lane.run(fail, undefined)).rejects.toBe(error);
  let attempt: Attempt<never> = () => PENDING;
  const running = lane.run(() => attempt(), undefined);
  attempt = fail;
  lane.poke();
  await expect(running).rejects.toBe(error);
  expect(lane.busy).toBe(false);
});

it("takes one call at a time", async () => {
  const lane = new Lane();
  const first = lane.run(succeedAt(2), undefined);
  expect(await codeOf(lane.run(succeedAt(1), undefined))).toBe("EBUSY");
  lane.poke();
  expect(await first).toBe("done");
});

it("ends a call at its deadline, and is free again", async () => {
  const lane = new Lane();
  expect(await codeOf(lane.run(succeedAt(2), 0))).toBe("ETIMEDOUT");
  expect(await lane.run(succeedAt(1), 0)).toBe("done");
});

it("ends a call at its signal, with the reason as the cause, and no longer listens", async () => {
  const lane = new Lane();
  const controller = new AbortController();
  const { signal } = controller;
  const running = lane.run(succeedAt(2), { signal });
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  const reason = new Error("enough");
  controller.abort(reason);
  await expect(running).rejects.toMatchObject({ code: "ECANCELED", cause: reason });
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
  expect(await codeOf(lane.run(succeedAt(1), { signal }))).toBe("ECANCELED");
});

it("no longer listens to a signal when the call is done", async () => {
  const lane = new Lane();
  const { signal } = new AbortController();
  const running = lane.run(succeedAt(2), { signal });
  lane.poke();
  await running;
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

it("does not try inside of an attempt", async () => {
  const lane = new Lane();
  let depth = 0;
  let deepest = 0;
  const attempt: Attempt<void> = () => {
    deepest = Math.max(deepest, ++depth);
    lane.poke();
    depth--;
    return PENDING;
  };
  void lane.run(attempt, undefined);
  lane.poke();
  expect(deepest).toBe(1);
});

it("may be run again from what follows a call", async () => {
  const lane = new Lane();
  const running = lane.run(succeedAt(2), undefined).then(() => lane.run(succeedAt(1), undefined));
  lane.poke();
  expect(await running).toBe("done");
});

it("does nothing at a poke or a failure when nobody waits", async () => {
  const lane = new Lane();
  lane.poke();
  lane.fail(new Error("unheard"));
  expect(await stateOf(lane.run(succeedAt(2), undefined))).toBe("pending");
});
