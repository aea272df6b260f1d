import { Samples } from "../stats.ts";
import type { Client } from "./client.ts";
import type { Volley } from "./volley.ts";

export type Mode = "echo" | "broadcast" | "connect" | "idle" | "http";

/** What the clients do once they are open. */
export interface Workload {
  /** False when a connection that is open has served its purpose. */
  readonly keeps: boolean;
  /** Round trips in milliseconds; empty where none are taken. */
  readonly latencies: Samples;
  opened(client: Client): void;
  /** All connections are open. */
  start(clients: readonly Client[]): void;
  received(client: Client, count: number): void;
}

const MAX_SAMPLES = 1 << 21;

/** Keeps `depth` messages or requests in flight on each connection. Latency is taken with one in flight only. */
class EchoLoad implements Workload {
  readonly keeps = true;
  readonly latencies: Samples;
  readonly #volley: Volley;
  readonly #timed: boolean;

  constructor(volley: Volley) {
    this.#volley = volley;
    this.#timed = volley.depth === 1;
    this.latencies = new Samples(this.#timed ? MAX_SAMPLES : 0);
  }

  opened(): void {}

  start(clients: readonly Client[]): void {
    for (const client of clients) {
      client.sentAt = performance.now();
      this.#volley.send(client.link, this.#volley.depth);
    }
  }

  received(client: Client, count: number): void {
    if (this.#timed) {
      const now = performance.now();
      this.latencies.add(now - client.sentAt);
      client.sentAt = now;
    }
    this.#volley.send(client.link, Math.min(count, this.#volley.depth));
  }
}

/**
 * One connection sends, all receive. The sender is the one that was opened last, which servers commonly serve last:
 * its next message is on its way when the one before has gone to all.
 */
class BroadcastLoad implements Workload {
  readonly keeps = true;
  readonly latencies = new Samples(0);
  readonly #volley: Volley;
  #sender: Client | undefined;

  constructor(volley: Volley) {
    this.#volley = volley;
  }

  opened(): void {}

  start(clients: readonly Client[]): void {
    this.#sender = clients.at(-1);
    if (this.#sender !== undefined) this.#volley.send(this.#sender.link, this.#volley.depth);
  }

  received(client: Client, count: number): void {
    if (client === this.#sender) this.#volley.send(client.link, Math.min(count, this.#volley.depth));
  }
}

/** Opens, upgrades and drops connections, without a pause. */
class ConnectLoad implements Workload {
  readonly keeps = false;
  readonly latencies = new Samples(0);

  opened(client: Client): void {
    client.link.destroy();
  }

  start(): void {}
  received(): void {}
}

/** Opens connections, exchanges a number of messages on each, one at a time, and leaves them alone. */
class IdleLoad implements Workload {
  readonly keeps = true;
  readonly latencies = new Samples(0);
  readonly #volley: Volley;
  readonly #toSend = new Map<Client, number>();
  readonly #exchanged: number;

  constructor(volley: Volley, exchanged: number) {
    this.#volley = volley;
    this.#exchanged = exchanged;
  }

  opened(): void {}

  start(clients: readonly Client[]): void {
    for (const client of clients) {
      this.#toSend.set(client, this.#exchanged);
      this.received(client);
    }
  }

  received(client: Client): void {
    const left = this.#toSend.get(client) ?? 0;
    if (left === 0) return;
    this.#toSend.set(client, left - 1);
    this.#volley.send(client.link, 1);
  }
}

/** @param exchanged - Messages on each connection before it rests, in `idle`. */
export function createWorkload(mode: Mode, volley: Volley, exchanged = 0): Workload {
  if (mode === "echo" || mode === "http") return new EchoLoad(volley);
  if (mode === "broadcast") return new BroadcastLoad(volley);
  return mode === "connect" ? new ConnectLoad() : new IdleLoad(volley, exchanged);
}
