import { percentile } from "../stats.ts";

/*
 * What the bench asks of a server's process, one word a line on its standard input; each is answered by one line of
 * JSON. The end of the input ends the process, so that none outlives the bench.
 *
 *   gc        collects garbage, where the runtime lets us
 *   timer     starts a timer of 10 ms
 *   lateness  stops it, and tells how late it was: the 50th and 99th percentile in milliseconds
 */

const INTERVAL_MS = 10;

declare const Bun: { gc(force: boolean): void } | undefined;

function collectGarbage(): void {
  if (typeof Bun !== "undefined") Bun.gc(true);
  else for (let i = 0; i < 3; i++) (globalThis as { gc?: () => void }).gc?.();
}

let timer: NodeJS.Timeout | undefined;
let late: number[] = [];

function startTimer(): void {
  late = [];
  let last = performance.now();
  timer = setInterval(() => {
    const now = performance.now();
    late.push(now - last - INTERVAL_MS);
    last = now;
  }, INTERVAL_MS);
}

function stopTimer(): object {
  clearInterval(timer);
  const sorted = late.sort((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

function answer(word: string): object {
  if (word === "lateness") return stopTimer();
  if (word === "gc") collectGarbage();
  else if (word === "timer") startTimer();
  return {};
}

/** Says that the server listens, and answers the bench from then on. */
export function listening(port: number): void {
  process.stdin.setEncoding("utf8");
  process.stdin.on("data", (words: string) => {
    for (const word of words.split("\n")) if (word !== "") console.log(JSON.stringify(answer(word)));
  });
  process.stdin.on("end", () => process.exit(0));
  console.log(`listening on ${port}`);
}
