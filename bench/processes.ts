import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { allowedCores } from "./proc.ts";

const START_TIMEOUT = 10_000;
const STOP_TIMEOUT = 3_000;

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

/** A child process on a core of its own that talks in lines; it ends when its input does. */
export class LineProcess {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #complaint = "";

  constructor(command: readonly string[], core: number) {
    const [program, ...args] = pinned ? ["taskset", "-c", String(core), ...command] : command;
    this.#child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
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

  /** Ends its input, and kills it when it does not end then. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined)
      return;
    const ended = once(this.#child, "exit");
    this.#child.stdin!.end();
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
