import type { SuiteName } from "./cases.ts";
import { median } from "./stats.ts";

/** The figures of one run, or their medians over the rounds; null for what a case does not take. */
export interface Figures {
  /** What the case counts, for each second of the server's CPU time. */
  perCpuSecond: number | null;
  /** Bytes of HTTP answers for each second of the server's CPU time. */
  bytesPerCpuSecond: number | null;
  /** What the case counts, for each second on the clock. */
  perSecond: number | null;
  /** Round trips, in microseconds. */
  p50: number | null;
  p99: number | null;
  /** The server's resident memory, in bytes. */
  resident: number | null;
  /** Resident memory that each idle session has added, in bytes. */
  bytesPerSession: number | null;
  /** How late the timer was at the 99th percentile, in milliseconds. */
  timerP99: number | null;
  /** The share of its core that the load generator used, 0 to 1. */
  loadBusy: number | null;
  /** Connections that failed. */
  errors: number | null;
}

export const NO_FIGURES: Figures = Object.freeze({
  perCpuSecond: null,
  bytesPerCpuSecond: null,
  perSecond: null,
  p50: null,
  p99: null,
  resident: null,
  bytesPerSession: null,
  timerP99: null,
  loadBusy: null,
  errors: null,
});

/** All runs of one server in one case. */
export interface Measured {
  case: string;
  server: string;
  runs: Figures[];
  medians: Figures;
}

/** What puts the load on: the project's own generator, or wrk, which speaks HTTP only. */
export type LoadProgram = "own" | "wrk";

/** What is written to bench/results. */
export interface Report {
  suite: SuiteName;
  load: LoadProgram;
  date: string;
  machine: Record<string, string>;
  rounds: number;
  seconds: number;
  results: Measured[];
}

/** The median of each figure, over the runs that have it. */
export function medians(runs: readonly Figures[]): Figures {
  const result = { ...NO_FIGURES };
  for (const key of Object.keys(NO_FIGURES) as (keyof Figures)[]) {
    const values = runs.map((run) => run[key]).filter((value) => value !== null);
    result[key] = values.length === 0 ? null : median(values);
  }
  return result;
}
