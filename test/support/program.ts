import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const running = new Set<Program>();

/** True when a program of this name is in the path. */
export function isInstalled(name: string): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((folder) => existsSync(join(folder, name)));
}

/** A program as a process of its own, with what it prints; its input stays open until it is stopped. */
export class Program {
  /** What it has printed so far, to standard output and to standard error. */
  output = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #isSilent = false;

  constructor(command: string, args: readonly string[]) {
    const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
        child.emit("printed");
      });
    child.stdin.on("error", () => {});
    child.on("close", () => {
      this.#isSilent = true;
    });
    this.#ended = once(child, "close");
    running.add(this);
  }

  /** Resolves with the match as soon as the output, from `start` on, has one. Rejects when the program ends without. */
  async prints(pattern: RegExp, start = 0): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output.slice(start));
      if (match !== null) return match;
      if (this.#isSilent) throw new Error(`it ended without ${pattern}: ${this.output}`);
      await Promise.race([this.#ended, once(this.#child, "printed")]);
    }
  }

  /** Writes a line to its input, and gives the line that it answers with. */
  async ask(question: string): Promise<string> {
    const start = this.output.length;
    this.write(question);
    return (await this.prints(/^(.*)\n/, start))[1];
  }

  /** Writes a line to its input. */
  write(line: string): void {
    this.#child.stdin!.write(`${line}\n`);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** The exit code, once it has ended; null when a signal ended it. */
  async ended(): Promise<number | null> {
    await this.#ended;
    running.delete(this);
    return this.#child.exitCode;
  }

  /** Sends a signal unless it has ended, and waits for the exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.#child.kill(signal);
    return this.ended();
  }
}

/** Ends what a test has left running; for `afterEach`. */
export async function stopPrograms(): Promise<void> {
  await Promise.all([...running].map((program) => program.stop("SIGKILL")));
}

/** The Python that has the module `websockets`: the system's own, or the first in the path. Undefined where there is none. */
export const findPython = (): string | undefined =>
  ["/usr/bin/python3", "python3"].find(
    (python) => spawnSync(python, ["-c", "import websockets"]).status === 0,
  );
