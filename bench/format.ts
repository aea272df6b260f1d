import type { Figure } from "./cases.ts";

/** Three digits that count, with k or M: `153 k`, `2.41 M`, `27.3`. A dash for what is not there. */
export function compact(value: number | null): string {
  if (value === null || Number.isNaN(value)) return "–";
  const size = Math.abs(value);
  if (size >= 999_500) return `${threeDigits(value / 1e6)} M`;
  if (size >= 999.5) return `${threeDigits(value / 1e3)} k`;
  return threeDigits(value);
}

function threeDigits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** Binary units for memory: `0.71 KiB`, `48.2 MiB`, `1.53 GiB`. */
export function memory(bytes: number | null): string {
  if (bytes === null || Number.isNaN(bytes)) return "–";
  if (bytes >= 1024 ** 3) return `${threeDigits(bytes / 1024 ** 3)} GiB`;
  return bytes >= 1024 * 1024
    ? `${threeDigits(bytes / 1024 / 1024)} MiB`
    : `${threeDigits(bytes / 1024)} KiB`;
}

/** The figure that a case is told by, with its unit. */
export function figureText(figure: Figure, value: number | null): string {
  if (value === null) return "–";
  if (figure === "bytesPerSession") return memory(value);
  if (figure === "p50") return `${compact(value)} µs`;
  return figure === "timerP99" ? `${compact(value)} ms` : compact(value);
}

/** What a figure means, for the head of a table or chart. `who` is the one that is measured. */
export function figureTitle(figure: Figure, unit: string, who: "server" | "client" = "server"): string {
  if (figure === "bytesPerSession") return "resident memory per session";
  if (figure === "p50") return "round trip, median";
  return figure === "timerP99" ? "lateness, 99th percentile" : `${unit} per second of ${who} CPU time`;
}

/** True for the figures of which more is better. */
export function moreIsBetter(figure: Figure): boolean {
  return figure === "perCpuSecond";
}

/**
 * How many times better than the reference: over 1 is better, whichever way the figure counts. Null where there is
 * nothing to compare.
 */
export function ratio(figure: Figure, value: number | null, reference: number | null): number | null {
  if (value === null || reference === null || value <= 0 || reference <= 0) return null;
  return moreIsBetter(figure) ? value / reference : reference / value;
}

/** Columns of equal width: the first to the left, the others to the right. */
export function textTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}

/** The same as a table in Markdown; the first row is its head. */
export function markdownTable(rows: readonly (readonly string[])[]): string {
  const line = (row: readonly string[]) =>
    `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const rule = rows[0].map((_, i) => (i === 0 ? "---" : "---:"));
  return [line(rows[0]), line(rule), ...rows.slice(1).map(line)].join("\n");
}
