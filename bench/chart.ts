import { figureText, figureTitle, moreIsBetter } from "./format.ts";
import type { Report } from "./result.ts";
import { casesOf, referenceOf, serversOf } from "./tables.ts";

const WIDTH = 760;
const LABEL = 130;
const VALUE = 90;
const BAR = 16;
const GAP = 5;
const TITLE = 26;
const PANEL_GAP = 20;
const MARGIN = 16;

const STYLE = `
  text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 13px; }
  .note { fill: #57606a; font-weight: 400; }
  .own { fill: #0969da; }
  .other { fill: #8c959f; }
  .reference { fill: #bf8700; }
  .track { fill: #8c959f; opacity: 0.13; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .note { fill: #8b949e; }
    .own { fill: #58a6ff; }
    .other { fill: #6e7681; }
    .reference { fill: #d29922; }
  }`;

interface Bar {
  label: string;
  value: number;
  text: string;
}

interface Panel {
  title: string;
  note: string;
  bars: Bar[];
}

/**
 * A bar chart of a report: one panel a case, each with its own scale from zero. Readable on light and on dark ground,
 * by the reader's own setting.
 */
export function chart(report: Report): string {
  const panels = panelsOf(report);
  const reference = referenceOf(report);
  let y = MARGIN;
  const parts = panels.map((panel) => {
    const drawn = drawPanel(panel, reference, y);
    y += panelHeight(panel) + PANEL_GAP;
    return drawn;
  });
  const height = y - PANEL_GAP + MARGIN;
  const label = `Bars for ${panels.length} cases: ${serversOf(report).join(", ")}`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(label)}">`,
    `<style>${STYLE}\n</style>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function panelsOf(report: Report): Panel[] {
  return casesOf(report)
    .map(({ bench, measured }) => ({
      title: bench.title,
      note: `${figureTitle(bench.figure, bench.unit)}, ${moreIsBetter(bench.figure) ? "more" : "less"} is better`,
      bars: measured.flatMap(({ server, medians }) => {
        const value = medians[bench.figure];
        return value === null ? [] : [{ label: server, value, text: figureText(bench.figure, value) }];
      }),
    }))
    .filter(({ bars }) => bars.length > 0);
}

function panelHeight({ bars }: Panel): number {
  return TITLE + bars.length * (BAR + GAP) - GAP;
}

function drawPanel({ title, note, bars }: Panel, reference: string, y: number): string {
  const most = Math.max(...bars.map(({ value }) => value));
  const head = `<text class="title" x="${MARGIN}" y="${y + 13}">${escapeXml(title)}<tspan class="note" dx="8">${escapeXml(note)}</tspan></text>`;
  const drawn = bars.map((bar, i) => {
    const kind = bar.label === reference ? "reference" : bar.label.startsWith("sluice") ? "own" : "other";
    return drawBar(bar, kind, most, y + TITLE + i * (BAR + GAP));
  });
  return [head, ...drawn].join("\n");
}

function drawBar({ label, value, text }: Bar, kind: string, most: number, y: number): string {
  const room = WIDTH - 2 * MARGIN - LABEL - VALUE;
  const length = Math.max(1, most > 0 ? (value / most) * room : 0).toFixed(1);
  const baseline = y + BAR - 4;
  return [
    `<text x="${MARGIN + LABEL - 8}" y="${baseline}" text-anchor="end">${escapeXml(label)}</text>`,
    `<rect class="track" x="${MARGIN + LABEL}" y="${y}" width="${room}" height="${BAR}" rx="2"/>`,
    `<rect class="${kind}" x="${MARGIN + LABEL}" y="${y}" width="${length}" height="${BAR}" rx="2"/>`,
    `<text x="${WIDTH - MARGIN}" y="${baseline}" text-anchor="end">${escapeXml(text)}</text>`,
  ].join("\n");
}

function escapeXml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
