import { rmSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { BusStats } from "../../lib/index.ts";
import { build, childBuild } from "../loop/epoll/child.ts";
import { Program } from "../support/program.ts";
import type { LoopName } from "../support/server.ts";

const fixture = fileURLToPath(new URL("./server.mjs", import.meta.url));

process.once("exit", () => rmSync(childBuild, { recursive: true, force: true }));

export interface TreeOptions {
  eventLoop: LoopName;
  processes: number;
  broker: "redis" | "nats";
  /** Of the broker, as its bus takes it. */
  address: string;
  channel: string;
}

/** A process and the children that it has forked: what one machine runs. */
export class Tree extends Program {
  url = "";

  private constructor(options: TreeOptions) {
    build();
    process.env["LIB"] = `${childBuild}/lib`;
    super(process.execPath, [fixture, JSON.stringify(options)]);
  }

  /** Starts it, and waits until its children serve. */
  static async start(options: TreeOptions): Promise<Tree> {
    const tree = new Tree(options);
    const [, port] = await tree.prints(/^ready on (\d+)$/m);
    tree.url = `ws://127.0.0.1:${port}/`;
    return tree;
  }

  say(text: string): void {
    this.write(`say ${text}`);
  }

  /** The ids of its children. */
  async pids(): Promise<number[]> {
    return JSON.parse(await this.#answer("pids")) as number[];
  }

  /** What the parent knows of the bus. */
  async stats(): Promise<BusStats> {
    return JSON.parse(await this.#answer("stats")) as BusStats;
  }

  async #answer(question: string): Promise<string> {
    const start = this.output.length;
    this.write(question);
    return (await this.prints(new RegExp(`^${question} (.*)$`, "m"), start))[1];
  }

  /** Waits until all of its processes have told, in the output from `start` on, that their bus is in this state. */
  async bus(state: "up" | "down", start: number): Promise<void> {
    for (const pid of [this.pid, ...(await this.pids())])
      await this.prints(new RegExp(`^bus ${state} in ${pid}$`, "m"), start);
  }

  /** Has all of its processes end, and gives the exit code of the parent. */
  async destroy(): Promise<number | null> {
    this.write("destroy");
    return this.ended();
  }
}
