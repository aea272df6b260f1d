import { expect, test } from "vitest";
import { chart } from "../../bench/chart.ts";
import { report } from "./report.ts";

const svg = chart(report);
const attributes = (pattern: RegExp) => [...svg.matchAll(pattern)].map((found) => found[1]);

test("draws a panel for each case and a bar for each server, the longest over the whole room", () => {
  expect(attributes(/class="title"[^>]*>([^<]*)/g)).toEqual(["echo, 20 B", "idle session, memory"]);
  expect(attributes(/class="(?:own|reference)"[^>]*? width="([\d.]+)"/g)).toEqual([
    "508.0",
    "169.3",
    "84.7",
    "508.0",
  ]);
});

test("says of each panel what is better", () => {
  expect(svg).toContain("messages per second of server CPU time, more is better");
  expect(svg).toContain("resident memory per session, less is better");
});

test("has colours for dark ground and names itself for those who cannot see it", () => {
  expect(svg).toContain("@media (prefers-color-scheme: dark)");
  expect(svg).toContain('role="img" aria-label="Bars for 2 cases: sluice-epoll, ws"');
});

test("escapes what XML would take for markup", () => {
  const odd = { ...report, results: report.results.map((result) => ({ ...result, server: "<a&b>" })) };
  expect(chart(odd)).toContain(">&lt;a&amp;b></text>");
});

test("leaves out a case that nobody has a figure for", () => {
  const results = report.results.filter(({ case: name }) => name === "idle");
  const without = results.map((result) => ({
    ...result,
    medians: { ...result.medians, bytesPerSession: null },
  }));
  expect(chart({ ...report, results: without })).not.toContain("<rect");
});
