import { type ChildProcess, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { Bus, BusReceiver } from "../../lib/bus/bus.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Compiles test/bus/peer.ts, which other processes cannot run as it is. */
export class PeerProgram {
  readonly file: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "peer-"));

  constructor() {
    const tsc = join(root, "node_modules/.bin/tsc");
    const config = join(this.#folder, "tsconfig.json");
    const compilerOptions = {
      noEmit: false,
      outDir: this.#folder,
      rootDir: root,
      noCheck: true,
      typeRoots: [],
    };
    writeFileSync(
      config,
      JSON.stringify({
        extends: join(root, "tsconfig.json"),
        compilerOptions: { ...compilerOptions, types: [], paths: {} },
        include: [],
        files: [join(root, "test/bus/peer.ts")],
      }),
    );
    writeFileSync(join(this.#folder, "package.json"), '{"type":"module"}');
    execFileSync(tsc, ["-p", config], { stdio: "inherit" });
    this.file = join(this.#folder, "test/bus/peer.js");
  }

  fork(serialization: "advanced" | "json" = "advanced"): ChildProcess {
    return fork(this.file, { serialization, execArgv: [] });
  }

  work(channel: string): Worker {
    return new Worker(this.file, { workerData: channel, execArgv: [] });
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Told {
  bus: number;
  packet?: Uint8Array;
  state?: "up" | "down";
  error?: string;
  lost?: number;
  packets?: number;
  done?: string;
  refusal?: string;
}

/** What a child process and a worker have in common, for asking them. */
interface Line {
  on(event: "message", listener: (message: Told) => void): unknown;
  off(event: "message", listener: (message: Told) => void): unknown;
}

let numbers = 0;

/** A bus that is in another process or thread, as seen from here. */
export class RemoteBus implements Bus {
  readonly name = "remote";
  lost = 0;
  readonly #line: Line;
  readonly #number = numbers++;
  readonly #send: (message: object) => void;
  #receiver: BusReceiver | null = null;

  constructor(peer: ChildProcess | Worker) {
    this.#line = peer as Line;
    this.#send = (message) => {
      if (peer instanceof Worker) peer.postMessage(message);
      // One that has ended meanwhile hears nothing any more.
      else if (peer.connected) peer.send(message);
    };
    this.#line.on("message", this.#onMessage);
    this.#send({ ask: "new", bus: this.#number });
  }

  async subscribe(receiver: BusReceiver): Promise<void> {
    this.#receiver ??= receiver;
    await this.#ask("subscribe");
  }

  publish(packet: Uint8Array): void {
    this.#send({ ask: "publish", bus: this.#number, packet: new Uint8Array(packet) });
  }

  close(): Promise<void> {
    return this.#ask("close");
  }

  /** Resolves when it has done so. */
  #ask(what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAnswer = ({ bus, done, refusal }: Told) => {
        if (bus !== this.#number || done !== what) return;
        this.#line.off("message", onAnswer);
        if (refusal === undefined) resolve();
        else reject(new Error(refusal));
      };
      this.#line.on("message", onAnswer);
      this.#send({ ask: what, bus: this.#number });
    });
  }

  readonly #onMessage = (told: Told) => {
    if (told.bus !== this.#number) return;
    const error = new Error(told.error);
    if (told.packet !== undefined) this.#receiver?.onPacket(told.packet);
    if (told.state !== undefined) this.#receiver?.onState(told.state, error);
    if (told.lost !== undefined) {
      this.lost = told.lost;
      this.#receiver?.onLoss?.(told.packets ?? 0, error);
    }
  };
}

/** Ends a child and waits until it is gone. */
export async function endChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
