import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { median } from "../stats.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const ROUNDS = 9;

/** As `heapBytesOf`, of calls that are awaited one after the other; their promises count with the rest. */
export async function heapBytesOfAwaited(call: () => Promise<unknown>, count: number): Promise<number> {
  for (let i = 0; i < 20_000; i++) await call();
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < count; i++) await call();
    rounds.push(Math.max(0, process.memoryUsage().heapUsed - before) / count);
  }
  return median(rounds);
}

/**
 * Bytes of JavaScript heap that a call leaves for the collector, the median of a few rounds.
 *
 * @param count - Calls in a round: so few that what they leave fits the young generation (16 MiB), because a
 *   collection in between would hide it.
 */
export function heapBytesOf(call: () => void, count: number): number {
  for (let i = 0; i < 20_000; i++) call();
  const rounds = Array.from({ length: ROUNDS }, () => {
    collect();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < count; i++) call();
    return Math.max(0, process.memoryUsage().heapUsed - before) / count;
  });
  return median(rounds);
}
