import { codedError } from "../base/errors.ts";

/** What a packet costs beside its bytes: many empty ones are no small thing. */
const OVERHEAD = 256;

/** Counts the bytes that are on their way, so that there is an end to them. */
export class Backlog {
  readonly #name: string;
  readonly #limit: number;
  #bytes = 0;
  readonly #onEmpty: (() => void)[] = [];

  /** @param name - Who tells of it when there is no room. */
  constructor(name: string, limit: number) {
    this.#name = name;
    this.#limit = limit;
  }

  /** What the packet costs, to be given to `release` when it has arrived; 0 when there is no room for it. */
  take(packet: Uint8Array): number {
    const cost = packet.length + OVERHEAD;
    if (this.#bytes + cost > this.#limit) return 0;
    this.#bytes += cost;
    return cost;
  }

  release(cost: number): void {
    this.#bytes -= cost;
    if (this.#bytes === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }

  /** Resolves when nothing is on its way. */
  async empty(): Promise<void> {
    if (this.#bytes === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty.push(resolve);
    });
  }

  /** What is told of a packet for which there was no room. */
  error(): Error {
    const room = `maxBacklog is ${this.#limit} bytes`;
    return codedError("ENOBUFS", `${this.#name}: too much is on its way already, ${room}`);
  }
}
