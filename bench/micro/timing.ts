import { median } from "../stats.ts";

const WARM_UP_MS = 100;
const ROUND_MS = 100;
const ROUNDS = 5;
/** Calls between two looks at the clock. */
const BATCH = 200;

function callsWithin(milliseconds: number, call: () => void): { calls: number; took: number } {
  const start = performance.now();
  let calls = 0;
  let took = 0;
  while (took < milliseconds) {
    for (let i = 0; i < BATCH; i++) call();
    calls += BATCH;
    took = performance.now() - start;
  }
  return { calls, took };
}

/** Nanoseconds that a call takes: the median of a few rounds, warm. */
export function nanosecondsOf(call: () => void): number {
  callsWithin(WARM_UP_MS, call);
  const rounds = Array.from({ length: ROUNDS }, () => callsWithin(ROUND_MS, call));
  return median(rounds.map(({ calls, took }) => (took * 1e6) / calls));
}
