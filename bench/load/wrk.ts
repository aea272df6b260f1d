import { childrenCpuSeconds, cpuSeconds } from "../proc.ts";
import { LOAD_CORE, outputOf } from "../processes.ts";
import type { LoadFigures } from "./generate.ts";

/* wrk, a load generator in C: HTTP on kept connections, one request in flight on each. */

const WARMUP_MS = 500;

export interface WrkOptions {
  port: number;
  path: string;
  connections: number;
  /** Rounded up: wrk knows whole seconds only. */
  seconds: number;
  /** The server's process. */
  pid: number;
}

/** What wrk says of a run. */
export interface WrkReport {
  requests: number;
  /** All that was read, heads too; in three or four digits. */
  bytes: number;
  /** Failures of sockets, and answers other than 2xx and 3xx. */
  errors: number;
}

const UNITS: Record<string, number> = { "": 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3, T: 1024 ** 4 };

/** Reads what wrk prints. Throws an Error where its sum is not there. */
export function parseWrk(text: string): WrkReport {
  const sum = /^\s*(\d+) requests in \S+, ([\d.]+)([KMGT]?)B read$/m.exec(text);
  if (sum === null) throw new Error(`wrk: ${text.trim().split("\n").at(-1) || "no output"}`);
  const sockets = /^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$/m.exec(text);
  const refused = /^\s*Non-2xx or 3xx responses: (\d+)$/m.exec(text);
  const errors = [...(sockets?.slice(1) ?? []), refused?.[1] ?? "0"];
  return {
    requests: Number(sum[1]),
    bytes: Math.round(Number(sum[2]) * UNITS[sum[3]]),
    errors: errors.reduce((all, count) => all + Number(count), 0),
  };
}

/** The command of one run. */
export function wrkCommand({ port, path, connections, seconds }: WrkOptions): string[] {
  const duration = `-d${Math.ceil(seconds)}s`;
  return ["wrk", "-t1", `-c${connections}`, duration, `http://127.0.0.1:${port}${path}`];
}

/** Puts the load on, and measures around wrk, after a run that is not counted. */
export async function runWrk(options: WrkOptions): Promise<LoadFigures> {
  const command = wrkCommand(options);
  await outputOf(command, LOAD_CORE, WARMUP_MS);
  const loadBefore = childrenCpuSeconds();
  const serverBefore = cpuSeconds(options.pid);
  const start = performance.now();
  const text = await outputOf(command, LOAD_CORE);
  const seconds = (performance.now() - start) / 1000;
  const { requests, bytes, errors } = parseWrk(text);
  return {
    count: requests,
    bytes,
    errors,
    seconds,
    p50: null,
    p99: null,
    serverCpu: cpuSeconds(options.pid) - serverBefore,
    loadCpu: childrenCpuSeconds() - loadBefore,
  };
}
