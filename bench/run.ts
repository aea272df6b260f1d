import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { fileURLToPath } from "node:url";
import { chart } from "./chart.ts";
import { runCase, tryServers, withinLimits } from "./macro.ts";
import { runMicro } from "./micro/micro.ts";
import { type RunOptions, readOptions, USAGE } from "./options.ts";
import { LOAD_CORE, pinned, SERVER_CORE } from "./processes.ts";
import type { Report } from "./result.ts";
import { type BenchServer, findServers } from "./servers.ts";
import { detailTables, replaceMarked, summaryText } from "./tables.ts";

/*
 * `npm run bench`. Progress goes to standard error, the tables to standard output.
 */

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** One line that is written over, on a terminal only. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

function machine(): Record<string, string> {
  const all = cpus();
  return {
    cpu: `${all.length} × ${all[0]?.model.trim() ?? "unknown"}`,
    kernel: release(),
    node: process.versions.node,
    pinned: pinned ? `server on core ${SERVER_CORE}, load on core ${LOAD_CORE}` : "not pinned",
  };
}

async function chooseServers({ servers: asked }: RunOptions): Promise<BenchServer[]> {
  const { servers, missing } = findServers();
  const wanted = servers.filter(({ name }) => asked === null || asked.includes(name));
  const able = await tryServers(wanted, missing);
  for (const line of missing)
    if (asked === null || asked.includes(line.split(":")[0])) say(`not measured: ${line}`);
  if (able.length === 0) throw new Error("there is no server to measure");
  return able;
}

async function runMacro(options: RunOptions): Promise<Report> {
  const servers = await chooseServers(options);
  if (!pinned) say("taskset or a second core is missing: server and load share what there is");
  const { rounds, seconds } = options;
  const report: Report = { date: new Date().toISOString(), machine: machine(), rounds, seconds, results: [] };
  for (const bench of options.cases) {
    report.results.push(...(await runCase(withinLimits(bench, say), servers, options, progress)));
  }
  progress("");
  return report;
}

function writeResults(report: Report): void {
  mkdirSync(root("bench/results"), { recursive: true });
  const file = `bench/results/${report.date.replaceAll(":", "-").slice(0, 19)}.json`;
  writeFileSync(root(file), `${JSON.stringify(report, null, 2)}\n`);
  say(`written: ${file}`);
}

function writeReadmes(report: Report): void {
  for (const file of ["README.md", "bench/README.md"]) {
    const replaced = replaceMarked(readOrEmpty(root(file)), summaryText(report));
    if (replaced === null) say(`${file}: no <!-- bench --> markers`);
    else writeFileSync(root(file), replaced);
  }
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

async function main(options: RunOptions): Promise<void> {
  if (options.micro) return runMicro();
  const report = await runMacro(options);
  console.log(detailTables(report));
  if (report.results.some(({ medians }) => (medians.loadBusy ?? 0) > 0.95))
    console.log("\n* the load generator had no time left: the wall rate may be its limit, not the server's");
  writeResults(report);
  if (options.chart) {
    mkdirSync(root("docs"), { recursive: true });
    writeFileSync(root("docs/bench.svg"), chart(report));
    say("written: docs/bench.svg");
  }
  if (options.readme) writeReadmes(report);
}

try {
  await main(readOptions(process.argv.slice(2)));
} catch (error) {
  say(`bench: ${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 1;
}
