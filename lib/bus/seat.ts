import { codedError } from "../base/errors.ts";
import { Backlog } from "./backlog.ts";
import type { BusReceiver } from "./bus.ts";
import { Losses } from "./losses.ts";

/**
 * ```
 *   new ── enter ──► joining ── arrive ──► up ◄──► down
 *                       │                 │        │
 *                       └───── leave ─────┴────────┴──► gone
 * ```
 */
type State = "new" | "joining" | "up" | "down" | "gone";

/** The side of a bus that faces its receiver: what state it is in, how much is on its way, what was lost. */
export class Seat {
  readonly #name: string;
  readonly #backlog: Backlog;
  readonly #losses: Losses;
  #receiver: BusReceiver | null = null;
  #state: State = "new";
  #whyDown: Error | undefined;

  /** @param maxBacklog - Bytes that may be on their way at a time. */
  constructor(name: string, maxBacklog = Number.POSITIVE_INFINITY) {
    this.#name = name;
    this.#backlog = new Backlog(name, maxBacklog);
    this.#losses = new Losses((packets, error) => this.#receiver?.onLoss?.(packets, error));
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  get isGone(): boolean {
    return this.#state === "gone";
  }

  get lost(): number {
    return this.#losses.total;
  }

  /** @throws Error when it is not the first call, or comes after `leave`. */
  enter(receiver: BusReceiver): void {
    if (this.#state !== "new") throw new Error(`${this.#name}: a bus is subscribed to once`);
    this.#state = "joining";
    this.#receiver = receiver;
  }

  /** Connected for the first time. @throws Error when it was left meanwhile. */
  arrive(): void {
    if (this.#state !== "joining") throw new Error(`${this.#name}: closed while it connected`);
    this.#state = "up";
  }

  /** Connected again; tells the receiver when it was not so before. */
  up(): void {
    if (this.#state !== "down") return;
    this.#state = "up";
    this.#receiver?.onState("up");
  }

  /** The way out is gone; tells the receiver when it was there before. */
  down(error: Error): void {
    if (this.#state !== "up") return;
    this.#state = "down";
    this.#whyDown = error;
    this.#receiver?.onState("down", error);
  }

  packet(packet: Uint8Array): void {
    this.#receiver?.onPacket(packet);
  }

  /** Counts a packet as on its way, until `release` of what this returns; 0 when it is lost and must not be sent. */
  take(packet: Uint8Array): number {
    if (this.#state === "up") {
      const cost = this.#backlog.take(packet);
      if (cost === 0) this.lose(this.#backlog.error());
      return cost;
    }
    // Who publishes before and after knows that nobody hears it.
    if (this.#state === "down" || this.#state === "joining") this.lose(this.#absence());
    return 0;
  }

  release(cost: number): void {
    this.#backlog.release(cost);
  }

  /** Resolves when nothing is on its way. */
  empty(): Promise<void> {
    return this.#backlog.empty();
  }

  lose(error: Error, packets = 1): void {
    this.#losses.add(error, packets);
  }

  /** The receiver hears of the last losses, and then nothing more. Returns false when it had left already. */
  leave(): boolean {
    if (this.#state === "gone") return false;
    this.#state = "gone";
    this.#losses.end();
    this.#receiver = null;
    return true;
  }

  #absence(): Error {
    return codedError("ENOTCONN", `${this.#name}: not connected`, this.#whyDown);
  }
}
