import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { BenchCase, Deflate } from "./cases.ts";
import type { LoadFigures } from "./load/generate.ts";
import { runWrk } from "./load/wrk.ts";
import { openFilesLimit, residentBytes } from "./proc.ts";
import { freePort, LineProcess, LOAD_CORE, startServer, startSilentServer } from "./processes.ts";
import { type Figures, type LoadProgram, type Measured, medians, NO_FIGURES } from "./result.ts";
import type { BenchServer } from "./servers.ts";

const LOAD = fileURLToPath(new URL("./load/main.js", import.meta.url));
/** Descriptors that server and generator need beside the connections. */
const SPARE_DESCRIPTORS = 200;
const SETTLE_MS = 500;

export interface MacroOptions {
  rounds: number;
  seconds: number;
  load: LoadProgram;
}

/** Where a run says what it does. */
export type Progress = (text: string) => void;

interface Running {
  server: BenchServer;
  port: number;
  process: LineProcess;
}

async function start(server: BenchServer, deflate?: Deflate): Promise<Running> {
  const port = await freePort();
  const command = server.command(port, deflate);
  const process = await (server.silent ? startSilentServer(command, port) : startServer(command));
  return { server, port, process };
}

function stop({ server, process }: Running): Promise<void> {
  return process.stop(server.silent ? "SIGTERM" : undefined);
}

/** Starts each server once; those that cannot run are named in `missing` and left out. */
export async function tryServers(servers: readonly BenchServer[], missing: string[]): Promise<BenchServer[]> {
  const able: BenchServer[] = [];
  for (const server of servers) {
    try {
      await stop(await start(server));
      able.push(server);
    } catch (error) {
      missing.push(`${server.name}: ${(error as Error).message}`);
    }
  }
  return able;
}

/** Fewer connections where the system allows fewer descriptors. */
export function withinLimits(bench: BenchCase, progress: Progress): BenchCase {
  const most = openFilesLimit() - SPARE_DESCRIPTORS;
  if (bench.connections <= most) return bench;
  progress(`${bench.name}: ${most} connections instead of ${bench.connections} (limit of open descriptors)`);
  return { ...bench, connections: most };
}

/** Measures one case: round by round, one server after the other, so that what disturbs the machine disturbs all. */
export async function runCase(
  bench: BenchCase,
  servers: readonly BenchServer[],
  options: MacroOptions,
  progress: Progress,
): Promise<Measured[]> {
  const able = servers.filter(({ deflates }) => deflates || bench.deflate === undefined);
  const runs = new Map<string, Figures[]>(able.map(({ name }) => [name, []]));
  const standing = bench.freshServer
    ? []
    : await Promise.all(able.map((server) => start(server, bench.deflate)));
  try {
    for (let round = 1; round <= options.rounds; round++) {
      for (const server of able) {
        progress(`${bench.name}  round ${round}/${options.rounds}  ${server.name}`);
        const running = standing.find((one) => one.server === server);
        runs.get(server.name)!.push(await runOn(running, server, bench, options));
      }
    }
  } finally {
    await Promise.all(standing.map(stop));
  }
  return [...runs].map(([server, all]) => ({ case: bench.name, server, runs: all, medians: medians(all) }));
}

/** One run on a server that stands, or on one of its own. */
async function runOn(
  standing: Running | undefined,
  server: BenchServer,
  bench: BenchCase,
  options: MacroOptions,
): Promise<Figures> {
  const running = standing ?? (await start(server, bench.deflate));
  try {
    return bench.mode === "idle"
      ? await measureIdle(running, bench)
      : await measureLoad(running, bench, options);
  } finally {
    if (standing === undefined) await stop(running);
  }
}

function startLoad({ port, process: { pid } }: Running, bench: BenchCase, seconds: number): LineProcess {
  const args = {
    port,
    pid,
    seconds,
    mode: bench.mode,
    connections: bench.connections,
    bytes: bench.bytes,
    depth: bench.depth,
    subprotocol: bench.mode === "broadcast" ? "broadcast" : "",
    deflate: bench.deflate ?? "",
    path: bench.path ?? "",
    tls: bench.tls ?? "",
    exchanged: bench.exchanged ?? 0,
  };
  const words = Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return new LineProcess([process.execPath, LOAD, ...words], LOAD_CORE);
}

async function measureLoad(running: Running, bench: BenchCase, options: MacroOptions): Promise<Figures> {
  const timed = bench.timer === true && running.server.controlled;
  if (timed) await running.process.ask("timer");
  const result = await (options.load === "wrk" && bench.path !== undefined
    ? runWrk({ ...running, ...bench, path: bench.path, seconds: options.seconds, pid: running.process.pid })
    : runOwnLoad(running, bench, options.seconds));
  const resident = residentBytes(running.process.pid);
  const timerP99 = timed ? (await running.process.ask("lateness"))["p99"] : null;
  return { ...figuresOf(bench, result), resident, timerP99 };
}

async function runOwnLoad(running: Running, bench: BenchCase, seconds: number): Promise<LoadFigures> {
  const load = startLoad(running, bench, seconds);
  try {
    return JSON.parse(await load.line()) as LoadFigures;
  } finally {
    await load.stop();
  }
}

/** @internal */
export function figuresOf(bench: BenchCase, result: LoadFigures): Figures {
  const { serverCpu } = result;
  const count = bench.inParts ? result.bytes / bench.bytes : result.count;
  const perCpuSecond = (value: number) => (serverCpu === null || serverCpu === 0 ? null : value / serverCpu);
  return {
    ...NO_FIGURES,
    perCpuSecond: perCpuSecond(count),
    bytesPerCpuSecond: bench.mode === "http" ? perCpuSecond(result.bytes) : null,
    perSecond: count / result.seconds,
    p50: result.p50,
    p99: result.p99,
    loadBusy: result.loadCpu / result.seconds,
    errors: result.errors,
  };
}

/** What the sessions add to a server that has just started: its memory before, and when they have come to rest. */
async function measureIdle(running: Running, bench: BenchCase): Promise<Figures> {
  const before = await settledMemory(running);
  const load = startLoad(running, bench, 0);
  try {
    const { opened } = JSON.parse(await load.line()) as { opened: number };
    const resident = await settledMemory(running);
    const bytesPerSession = (resident - before) / opened;
    return { ...NO_FIGURES, resident, bytesPerSession, errors: bench.connections - opened };
  } finally {
    await load.stop();
  }
}

async function settledMemory({ server, process: { pid }, process }: Running): Promise<number> {
  await delay(SETTLE_MS);
  if (server.controlled) await process.ask("gc");
  await delay(SETTLE_MS);
  return residentBytes(pid);
}
