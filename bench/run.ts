import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { fileURLToPath } from "node:url";
import { SUITES } from "./cases.ts";
import { chart } from "./chart.ts";
import { measureClients } from "./clients.ts";
import { findHttpServers, makeFiles } from "./http-servers.ts";
import { runCase, tryServers, withinLimits } from "./macro.ts";
import { runMicro } from "./micro/micro.ts";
import { type RunOptions, readOptions, USAGE } from "./options.ts";
import { findProcessServers, Redis } from "./process-servers.ts";
import { hasProgram, LOAD_CORE, pinned, SERVER_CORE } from "./processes.ts";
import type { LoadProgram, Measured, Report } from "./result.ts";
import { type BenchServer, type FoundServers, findServers } from "./servers.ts";
import { findStreamServers } from "./stream-servers.ts";
import { detailTables, replaceMarked, summaryText } from "./tables.ts";
import { findTlsServers, makeCertificate } from "./tls-servers.ts";

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

async function chooseServers(
  { servers, missing }: FoundServers,
  { servers: asked }: RunOptions,
): Promise<BenchServer[]> {
  const wanted = servers.filter(({ name }) => asked === null || asked.includes(name));
  const able = await tryServers(wanted, missing);
  for (const line of missing)
    if (asked === null || asked.includes(line.split(":")[0])) say(`not measured: ${line}`);
  if (able.length === 0) throw new Error("there is no server to measure");
  return able;
}

/** wrk for HTTP where it is installed, the project's own generator otherwise, unless one is asked for. */
function chooseLoad({ load, suite }: RunOptions): LoadProgram {
  if (load === "own" || suite !== "files") return "own";
  if (hasProgram("wrk")) return "wrk";
  if (load === "wrk") throw new Error("wrk is not installed");
  say("wrk is not installed: the project's own generator puts the load on");
  return "own";
}

/** The suite, with files to be served where it needs them. */
async function runSuite(options: RunOptions): Promise<Report> {
  if (!pinned) say("taskset or a second core is missing: server and load share what there is");
  if (options.suite === "tls") return runTls(options);
  if (options.suite === "stream") return runMacro(options, findStreamServers());
  if (options.suite === "processes") return runProcesses(options);
  if (options.suite === "clients")
    return newReport(options, "own", await measureClients(options, say, progress));
  if (options.suite !== "files") return runMacro(options, findServers());
  const folder = makeFiles();
  try {
    return await runMacro(options, findHttpServers(folder));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** With a certificate that is made for this run. */
async function runTls(options: RunOptions): Promise<Report> {
  const folder = makeCertificate();
  try {
    return await runMacro(options, findTlsServers(folder));
  } finally {
    if (folder !== null) rmSync(folder, { recursive: true });
  }
}

async function runProcesses(options: RunOptions): Promise<Report> {
  const redis = await Redis.start();
  try {
    return await runMacro(options, findProcessServers(redis));
  } finally {
    await redis?.stop();
  }
}

function newReport(
  { suite, rounds, seconds }: RunOptions,
  load: LoadProgram,
  results: Measured[] = [],
): Report {
  return { suite, load, date: new Date().toISOString(), machine: machine(), rounds, seconds, results };
}

async function runMacro(options: RunOptions, found: FoundServers): Promise<Report> {
  const servers = await chooseServers(found, options);
  const { rounds, seconds } = options;
  const load = chooseLoad(options);
  const report = newReport(options, load);
  for (const bench of options.cases) {
    const asked = { rounds, seconds, load };
    report.results.push(...(await runCase(withinLimits(bench, say), servers, asked, progress)));
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
    const { marker } = SUITES[report.suite];
    const replaced = replaceMarked(readOrEmpty(root(file)), marker, summaryText(report));
    if (replaced === null) say(`${file}: no <!-- ${marker} --> markers`);
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
  const report = await runSuite(options);
  console.log(detailTables(report));
  if (report.suite === "files")
    console.log(`\nload: ${report.load === "wrk" ? "wrk" : "the project's own generator"}`);
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
