import { RoundTrips } from "./ping-statistics.ts";

/** How many pings are remembered. A reply to an older one counts as none. */
export const WINDOW = 4096;

/** What a reply says. */
export interface Reply {
  sequence: number;
  /** Milliseconds since the ping. */
  time: number;
  /** There was a reply to this ping already. */
  duplicate: boolean;
}

/** The pings that were sent, and what came back. Instants are in milliseconds. */
export class PingLog {
  readonly times = new RoundTrips();
  received = 0;
  duplicates = 0;
  /** Also the number of the last one: they are numbered from 1. */
  sent = 0;
  readonly #sentAt = new Float64Array(WINDOW);
  readonly #answered = new Uint8Array(WINDOW);

  /** Gives the next ping its sequence number. */
  send(now: number): number {
    this.sent += 1;
    this.#sentAt[this.sent % WINDOW] = now;
    this.#answered[this.sent % WINDOW] = 0;
    return this.sent;
  }

  /** Undefined for a ping that was never sent, or too long ago. */
  reply(sequence: number, now: number): Reply | undefined {
    if (sequence < 1 || sequence > this.sent || sequence <= this.sent - WINDOW) return undefined;
    const slot = sequence % WINDOW;
    const time = now - this.#sentAt[slot]!;
    const duplicate = this.#answered[slot] === 1;
    this.#answered[slot] = 1;
    if (duplicate) this.duplicates += 1;
    else this.received += 1;
    this.times.add(time);
    return { sequence, time, duplicate };
  }
}
