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

  constructor(args: readonly string[]) {
    if (!existsSync(program)) {
      execFileSync("npx", ["tsc", "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
    }
    this.#child = spawn(process.execPath, [program, ...args], {
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
  static async start(...args: string[]): Promise<ServerProcess> {
    const server = new ServerProcess(["-p", "0", ...args]);
    while (!server.stdout.includes("ends it")) {
      const event = await Promise.race([server.#ended, once(server.#child.stdout!, "data")]);
      if (server.#child.exitCode !== null) throw new Error(`it ended: ${server.stderr}${String(event)}`);
    }
    return server;
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
