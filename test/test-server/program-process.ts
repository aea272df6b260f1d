import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** How a program ended. */
export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** One of the compiled programs as a process of its own, by the name of its file: `new ProgramProcess("ping", ["-h"])`. */
export class ProgramProcess {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;

  constructor(name: string, args: readonly string[]) {
    const program = `${root}dist/test-server/${name}.js`;
    if (!existsSync(program))
      execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
    const stdio = ["ignore", "pipe", "pipe"] as const;
    this.#child = spawn(process.execPath, [program, ...args], { cwd: root, stdio: [...stdio] });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#ended = once(this.#child, "close");
  }

  /** Waits until the output holds it. */
  async prints(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stdout)) {
      await Promise.race([this.#ended, once(this.#child.stdout!, "data")]);
      const over = this.#child.exitCode !== null || this.#child.signalCode !== null;
      if (over && !pattern.test(this.stdout)) throw new Error(`it ended: ${this.stdout}${this.stderr}`);
    }
  }

  /** Reads no more, as `| head` does when it has enough. */
  stopReading(): void {
    this.#child.stdout?.destroy();
  }

  signal(name: NodeJS.Signals): void {
    if (this.#child.exitCode === null) this.#child.kill(name);
  }

  async ended(): Promise<Ended> {
    await this.#ended;
    return { code: this.#child.exitCode, stdout: this.stdout, stderr: this.stderr };
  }
}
