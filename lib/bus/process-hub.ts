import { checkKnown } from "../base/known-options.ts";
import type { Bus } from "./bus.ts";
import { isBytes, NotePipe, type ProcessEnd, readNote } from "./ipc.ts";
import { Losses } from "./losses.ts";
import { checkBacklog } from "./options.ts";
import { Room } from "./room.ts";

export interface ProcessHubOptions {
  /**
   * Bytes that may wait for one child at a time, each packet counted with 256 more. What is above is lost to that child;
   * the others get it. Default 16 MiB; it costs as much memory for each child that does not read.
   */
  maxBacklog?: number;
  /** Packets were lost on the way to a child: the first is told at once, the others at most once in a second. */
  onLoss?: (packets: number, error: Error) => void;
}

/**
 * The parent's side of `processBus`: hands what one child publishes to all others, and to the parent itself.
 *
 * ```ts
 * const hub = new ProcessHub();
 * hub.add(fork("server.js", { serialization: "advanced" }));
 * ```
 */
export class ProcessHub {
  readonly #maxBacklog: number;
  readonly #losses: Losses;
  readonly #children = new Map<ProcessEnd, Child>();
  readonly #room: Room;

  /** @throws TypeError that names the option which is wrong. */
  constructor(options: ProcessHubOptions = {}) {
    checkKnown("ProcessHub", options, ["maxBacklog", "onLoss"]);
    this.#maxBacklog = checkBacklog("ProcessHub", options.maxBacklog);
    if (options.onLoss !== undefined && typeof options.onLoss !== "function") {
      throw new TypeError("ProcessHub: onLoss is not a function");
    }
    this.#losses = new Losses((packets, error) => options.onLoss?.(packets, error));
    this.#room = new Room("processes", {
      open: async () => {},
      send: (packet) => this.#relay(packet, null),
      sent: async () => {
        await Promise.all([...this.#children.values()].map((child) => child.pipe.empty()));
      },
      close: () => {},
    });
  }

  /** How many packets were lost on the way to children. */
  get lost(): number {
    return this.#losses.total;
  }

  /** How many children there are. */
  get size(): number {
    return this.#children.size;
  }

  /** A bus for the parent itself: for a context in this process. */
  bus(): Bus {
    return this.#room.bus();
  }

  /**
   * Takes a child in, until it ends. To be called right after `fork` with `serialization: "advanced"`; for workers of
   * `node:cluster` it is `worker.process`. Harmless when called again.
   *
   * @throws TypeError when the child has no channel.
   */
  add(child: ProcessEnd): void {
    if (typeof child?.send !== "function")
      throw new TypeError("ProcessHub.add: the child has no IPC channel");
    if (this.#children.has(child)) return;
    this.#children.set(child, new Child(child, this.#maxBacklog, this.#losses));
    const onMessage = (message: unknown) => this.#onMessage(child, message);
    const onDisconnect = () => {
      child.off("message", onMessage);
      child.off("disconnect", onDisconnect);
      this.#children.delete(child);
    };
    child.on("message", onMessage);
    child.on("disconnect", onDisconnect);
  }

  #onMessage(end: ProcessEnd, message: unknown): void {
    const note = readNote(message);
    const child = this.#children.get(end);
    if (note === undefined || child === undefined) return;
    if (note.kind === "join") child.answer(isBytes(note.packet));
    else if (note.kind === "leave") child.hears = false;
    else if (note.kind === "packet" && isBytes(note.packet)) {
      this.#relay(note.packet, child);
      this.#room.deliver(note.packet);
    }
  }

  #relay(packet: Uint8Array, from: Child | null): void {
    for (const child of this.#children.values()) if (child !== from && child.hears) child.pipe.packet(packet);
  }
}

class Child {
  readonly pipe: NotePipe;
  /** A bus in it is subscribed. */
  hears = false;

  constructor(end: ProcessEnd, maxBacklog: number, losses: Losses) {
    this.pipe = new NotePipe(end, "processes", maxBacklog, (packets, error) => losses.add(error, packets));
  }

  answer(right: boolean): void {
    this.hears = right;
    this.pipe.note(right ? "joined" : "refused");
  }
}
