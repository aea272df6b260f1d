import { type BenchCase, SUITES } from "./cases.ts";
import { compact, figureText, figureTitle, markdownTable, memory, ratio, textTable } from "./format.ts";
import type { Measured, Report } from "./result.ts";

/** The generator was busy for more than this share of its core: the wall rate may be its own limit. */
const BUSY = 0.95;

/** The cases of a report, in the order of its suite, each with what was measured in it. */
export function casesOf(report: Report): { bench: BenchCase; measured: Measured[] }[] {
  return SUITES[report.suite].cases
    .map((bench) => ({
      bench,
      measured: report.results.filter((result) => result.case === bench.name),
    }))
    .filter(({ measured }) => measured.length > 0);
}

/** The names of the servers of a report, in the order in which they were measured. */
export function serversOf(report: Report): string[] {
  return [...new Set(report.results.map(({ server }) => server))];
}

/** What all others are compared with. */
export function referenceOf(report: Report): string {
  return SUITES[report.suite].reference;
}

/** The figure of the reference in the same case, null where it was not measured. */
function referenceFigure(reference: string, bench: BenchCase, measured: readonly Measured[]): number | null {
  return measured.find(({ server }) => server === reference)?.medians[bench.figure] ?? null;
}

function times(value: number | null): string {
  return value === null ? "–" : `${value >= 10 ? value.toFixed(0) : value.toFixed(1)}×`;
}

/** All figures, one block a case, for a terminal. */
export function detailTables(report: Report): string {
  const reference = referenceOf(report);
  const tables = casesOf(report).map(({ bench, measured }) => detailTable(reference, bench, measured));
  return tables.join("\n\n");
}

function detailTable(reference: string, bench: BenchCase, measured: readonly Measured[]): string {
  const compared = referenceFigure(reference, bench, measured);
  const isHttp = bench.mode === "http";
  const head = [
    "",
    "figure",
    `vs ${reference}`,
    "per s CPU",
    ...(isHttp ? ["bytes per s CPU"] : []),
    "per s",
    "p50 µs",
    "p99 µs",
    "RSS",
    "load busy",
    "errors",
  ];
  const rows = measured.map(({ server, medians: figures }) => [
    server,
    figureText(bench.figure, figures[bench.figure]),
    times(ratio(bench.figure, figures[bench.figure], compared)),
    compact(figures.perCpuSecond),
    ...(isHttp ? [memory(figures.bytesPerCpuSecond)] : []),
    compact(figures.perSecond) + ((figures.loadBusy ?? 0) > BUSY ? "*" : ""),
    compact(figures.p50),
    compact(figures.p99),
    memory(figures.resident),
    figures.loadBusy === null ? "–" : `${Math.round(figures.loadBusy * 100)} %`,
    figures.errors === null ? "–" : String(figures.errors),
  ]);
  const title = `${bench.name}: ${bench.title} (${figureTitle(bench.figure, bench.unit, bench.measured)})`;
  return `${title}\n${textTable([head, ...rows])}`;
}

/** One row a case, one column a server, each figure with its ratio to the reference: for the READMEs. */
export function summaryTable(report: Report): string {
  const servers = serversOf(report);
  const reference = referenceOf(report);
  const rows = casesOf(report).map(({ bench, measured }) => {
    const referred = referenceFigure(reference, bench, measured);
    const cells = servers.map((server) => {
      const value = measured.find((result) => result.server === server)?.medians[bench.figure] ?? null;
      const text = figureText(bench.figure, value);
      const compared = server === reference ? null : ratio(bench.figure, value, referred);
      return compared === null ? text : `${text} (${times(compared)})`;
    });
    return [`${bench.title}: ${figureTitle(bench.figure, bench.unit, bench.measured)}`, ...cells];
  });
  return markdownTable([["", ...servers], ...rows]);
}

/** The summary with what it was measured on, as it stands between the markers. */
export function summaryText(report: Report): string {
  const { cpu, node, kernel } = report.machine;
  const load = report.load === "wrk" ? "load by wrk, " : "";
  const how = `${load}${report.rounds} × ${report.seconds} s, medians`;
  const note = `In brackets: how many times better than ${referenceOf(report)} in the same run. ${cpu}, Linux ${kernel}, Node ${node}, ${how}, ${report.date.slice(0, 10)}.`;
  return `${summaryTable(report)}\n\n${note}`;
}

/** Puts `text` between the two markers of that name in a document; null when it has none. */
export function replaceMarked(document: string, marker: string, text: string): string | null {
  const marked = new RegExp(`(<!-- ${marker} -->\\n)[\\s\\S]*?(<!-- /?${marker} -->)`);
  if (!marked.test(document)) return null;
  return document.replace(marked, (_all, begin: string, end: string) => `${begin}\n${text}\n\n${end}`);
}
