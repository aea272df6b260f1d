import type { PingLog, Reply } from "./ping-log.ts";
import type { RoundTrips } from "./ping-statistics.ts";

const PERCENTILES = [50, 90, 99, 99.9];

/** A line as of ping(8): `64 bytes from 127.0.0.1: seq=3 time=0.123 ms (DUP!)`. */
export function replyLine(size: number, host: string, { sequence, time, duplicate }: Reply): string {
  const mark = duplicate ? " (DUP!)" : "";
  return `${size} bytes from ${host}: seq=${sequence} time=${time.toFixed(3)} ms${mark}`;
}

/** The lines at the end, as of ping(8), and the percentiles. @param elapsed - Milliseconds since the first ping. */
export function report(host: string, log: PingLog, elapsed: number): string {
  const lines = ["", `--- ${host} ping statistics ---`, counts(log, elapsed)];
  if (log.times.count > 0) lines.push(...roundTripLines(log.times));
  return lines.join("\n");
}

function counts({ sent, received, duplicates }: PingLog, elapsed: number): string {
  const parts = [`${sent} sent`, `${received} received`];
  if (duplicates > 0) parts.push(`+${duplicates} duplicates`);
  if (sent > 0) parts.push(`${lossPercent(sent, received)}% loss`);
  return [...parts, `time ${Math.round(elapsed)} ms`].join(", ");
}

/** With as many digits as it needs, six at most: `0`, `33.3333`. */
function lossPercent(sent: number, received: number): string {
  return String(Number(((100 * (sent - received)) / sent).toPrecision(6)));
}

function roundTripLines(times: RoundTrips): string[] {
  const { min, average, max, deviation } = times;
  const names = PERCENTILES.map((percent) => `p${percent}`).join("/");
  return [
    `rtt min/avg/max/mdev = ${joined([min, average, max, deviation])} ms`,
    `rtt ${names} = ${joined(times.percentiles(PERCENTILES))} ms`,
  ];
}

function joined(times: readonly number[]): string {
  return times.map((time) => time.toFixed(3)).join("/");
}
