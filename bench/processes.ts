import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { allowedCores } from "./proc.ts";

const START_TIMEOUT = 10_000;
const STOP_TIMEOUT = 3_000;
/** How often a port is tried that nobody listens on yet. */
const TRY_MS = 20;

const [serverCore = 0, loadCore = -1] = allowedCores();

export const SERVER_CORE = serverCore;
export const LOAD_CORE = loadCore;

/** True when `name` can be run as a program. */
export function hasProgram(name: string): boolean {
  return spawnSync("which", [name], { stdio: "ignore" }).status === 0;
}

/** True when the server and the load can have a core each. */
export const pinned = LOAD_CORE >= 0 && hasProgram("taskset");

/** A TCP port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "0.0.0.0");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Starts a program on a core, where there is more than one. */
function spawnOn(command: readonly string[], core: number, options: SpawnOptions): ChildProcess {
  const [program, ...args] = pinned ? ["taskset", "-c", String(core), ...command] : command;
  return spawn(program, args, options);
}

/**
 * What a program prints until it ends by itself. Rejects when it fails.
 *
 * @param interruptAfter - Milliseconds to SIGINT.
 */
export async function outputOf(
  command: readonly string[],
  core: number,
  interruptAfter?: number,
): Promise<string> {
  const child = spawnOn(command, core, { stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let complaint = "";
  child.stdout!.setEncoding("utf8").on("data", (more: string) => (text += more));
  child.stderr!.setEncoding("utf8").on("data", (more: string) => (complaint += more));
  const timer =
    interruptAfter === undefined ? undefined : setTimeout(() => child.kill("SIGINT"), interruptAfter);
  try {
    const [code, signal] = await once(child, "close");
    if (code !== 0)
      throw new Error(errorLine(complaint || text) || `${command[0]} ended with ${code ?? signal}`);
    return text;
  } finally {
    clearTimeout(timer);
  }
}

/** A child process on a core of its own that talks in lines; it ends when its input does. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #complaint = "";

  constructor(command: readonly string[], core: number) {
    this.#child = spawnOn(command, core, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child.on("error", (error) => {
      this.#complaint ||= error.message;
    });
    this.#child.stdin!.on("error", () => {});
    this.#child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#complaint = (this.#complaint + text).slice(-4096);
    });
    this.#lines = createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    const { exitCode, signalCode, pid } = this.#child;
    return exitCode === null && signalCode === null && pid !== undefined;
  }

  /** The next line of its output. Rejects, with what it said on standard error, when it ended instead. */
  async line(timeout = 600_000): Promise<string> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout);
    });
    try {
      const { done, value } = await Promise.race([this.#lines.next(), late]);
      if (done) throw new Error(errorLine(this.#complaint) || "it ended without a word");
      return value;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends a line and resolves with the answer, one line of JSON. */
  async ask(word: string): Promise<Record<string, number>> {
    this.#child.stdin!.write(`${word}\n`);
    return JSON.parse(await this.line(START_TIMEOUT)) as Record<string, number>;
  }

  /** Ends its input, sends it `signal` if there is one, and kills it when it does not end then. */
  async stop(signal?: NodeJS.Signals): Promise<void> {
    if (!this.running) return;
    const ended = once(this.#child, "exit");
    this.#child.stdin!.end();
    if (signal !== undefined) this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), STOP_TIMEOUT);
    await ended;
    clearTimeout(timer);
  }
}

/** The line of a stack trace that names the error, or the last one that is not empty. */
export function errorLine(complaint: string): string {
  const lines = complaint.split("\n").filter((line) => line.trim() !== "");
  return (lines.find((line) => /^(\w*Error\b|.*error:)/.test(line)) ?? lines.at(-1) ?? "").trim();
}

/** Starts a server that says nothing, and resolves when its port can be connected to. */
export async function startSilentServer(
  command: readonly string[],
  port: number,
  core = SERVER_CORE,
): Promise<LineProcess> {
  const server = new LineProcess(command, core);
  const latest = performance.now() + START_TIMEOUT;
  try {
    while (!(await canConnect(port))) {
      // Rejects with what it said.
      if (!server.running) await server.line(START_TIMEOUT);
      if (performance.now() > latest) throw new Error(`it does not listen after ${START_TIMEOUT} ms`);
      await delay(TRY_MS);
    }
    return server;
  } catch (error) {
    await server.stop("SIGTERM");
    throw error;
  }
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** Starts a server and resolves when it listens. */
export async function startServer(command: readonly string[]): Promise<LineProcess> {
  const server = new LineProcess(command, SERVER_CORE);
  try {
    await server.line(START_TIMEOUT);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}
