import { expect, test } from "vitest";
import { nanosecondsOf } from "../../../bench/micro/timing.ts";

test("a call takes some time", () => {
  let calls = 0;
  expect(nanosecondsOf(() => calls++)).toBeGreaterThan(0);
  expect(calls).toBeGreaterThan(0);
});
