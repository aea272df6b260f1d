import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../support/free-port.ts";

/** How a broker's program is started, and the words by which it says that it listens. */
export interface Program {
  command: string;
  args: (port: number, folder: string) => string[];
  ready: string;
}

export const redisServer: Program = {
  command: "redis-server",
  args: (port, folder) =>
    ["--port", port, "--bind", "127.0.0.1", "--dir", folder, "--save", "", "--appendonly", "no"].map(String),
  ready: "Ready to accept connections",
};

export const natsServer: Program = {
  command: "nats-server",
  args: (port) => ["-a", "127.0.0.1", "-p", String(port)],
  ready: "Server is ready",
};

export function isInstalled(program: Program): boolean {
  return spawnSync(program.command, ["--version"], { stdio: "ignore" }).status === 0;
}

/** A broker of a test's own: on a port of loopback, in a folder that is removed. */
export class Broker {
  readonly port: number;
  readonly #program: Program;
  readonly #folder = mkdtempSync(join(tmpdir(), "broker-"));
  readonly #more: readonly string[];
  #child: ChildProcess | null = null;

  private constructor(program: Program, port: number, more: readonly string[]) {
    this.#program = program;
    this.port = port;
    this.#more = more;
  }

  /** @param more - Further arguments of the command. */
  static async start(program: Program, more: readonly string[] = []): Promise<Broker> {
    const broker = new Broker(program, await freePort(), more);
    await broker.start();
    return broker;
  }

  /** Starts it, on the port that it had before. */
  async start(): Promise<void> {
    const args = [...this.#program.args(this.port, this.#folder), ...this.#more];
    const child = spawn(this.#program.command, args, { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    let said = "";
    await new Promise<void>((resolve, reject) => {
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk: Buffer) => {
          said += chunk.toString();
          if (said.includes(this.#program.ready)) resolve();
        });
      }
      child.on("error", reject);
      child.on("exit", () => reject(new Error(`${this.#program.command} ended: ${said}`)));
    });
  }

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  /** Stops it where it is: its port takes connections, and nothing answers. */
  pause(): void {
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
