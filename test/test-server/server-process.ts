import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));
const program = `${root}dist/test-server/server.js`;

/** The compiled test server as a process of its own. */
export class ServerProcess {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown[]>;

  /** @param before - Words before the command, such as those that run it on another host. */
  constructor(args: readonly string[], before: readonly string[] = []) {
    if (!existsSync(program)) {
      execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
    }
    const [command, ...words] = [...before, process.execPath, program, ...args];
    this.#child = spawn(command, words, {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.on("data", (chunk: Buffer) => {
      this.stdout += chunk.toString();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.#ended = once(this.#child, "close");
  }

  /** Starts one, on a free port unless the arguments say otherwise, and waits until it listens. */
  static start(...args: string[]): Promise<ServerProcess> {
    return new ServerProcess(["-p", "0", ...args]).#listening();
  }

  /** As `start`, by a command that runs it somewhere else. */
  static startBy(before: readonly string[], ...args: string[]): Promise<ServerProcess> {
    return new ServerProcess(["-p", "0", ...args], before).#listening();
  }

  async #listening(): Promise<ServerProcess> {
    while (!this.stdout.includes("ends it")) {
      const event = await Promise.race([this.#ended, once(this.#child.stdout!, "data")]);
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.stderr}${String(event)}`);
    }
    return this;
  }

  get url(): string {
    return /open\s+(\S+)/.exec(this.stdout)?.[1] ?? "";
  }

  get port(): number {
    return Number(new URL(this.url).port);
  }

  /** The exit code, once it has ended. */
  async exitCode(): Promise<number | null> {
    await this.#ended;
    return this.#child.exitCode;
  }

  /** Sends a signal, and waits for the exit code. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    if (this.#child.exitCode === null) this.#child.kill(signal);
    return this.exitCode();
  }
}
