import { setTimeout as delay } from "node:timers/promises";
import type { DestroyOptions } from "../api/context.ts";
import { monotonicMs } from "../base/clock.ts";
import { checkKnown } from "../base/known-options.ts";
import type { Timed } from "../base/timers.ts";
import type { Loop } from "../loop/loop.ts";
import { integer } from "./checks.ts";
import type { Connection } from "./connection.ts";
import { MAX_TIMEOUT } from "./options.ts";

/** How long the links that are dropped at last may take to be gone; they are closed, this is for their callbacks. */
const LAST_TURNS_MS = 1000;

/** What the end needs of its context. */
export interface EndingHost {
  readonly loop: Loop;
  readonly open: ReadonlySet<Connection>;
  /** The application turns the loop, by `run`. */
  isRunning(): boolean;
  /** Calls something in a coming turn. */
  putOff(what: () => void): void;
}

/**
 * How the connections of a context end, when it is destroyed:
 *
 * ```
 *   asked: HTTP at once, sessions spread over a time ──► waited for, `drain` at most ──► dropped
 * ```
 */
export class Ending implements Timed {
  deadline = 0;
  timerSlot = -1;
  /** Those that are left are dropped: it is too late for new ones. */
  dropping = false;
  readonly #host: EndingHost;
  /** Sessions that are closed one after the other, from `#asked` on between the moments `#from` and `#until`. */
  #sessions: Connection[] | null = null;
  #asked = 0;
  #from = 0;
  #until = Number.POSITIVE_INFINITY;
  #allGone: (() => void) | null = null;
  #allAsked = () => {};

  constructor(host: EndingHost) {
    this.#host = host;
  }

  /** A connection is gone. */
  left(): void {
    if (this.#host.open.size === 0) this.#allGone?.();
  }

  /** Ends all connections; resolves when none is left. */
  async run(spread: number, drain: number): Promise<void> {
    const { open, putOff } = this.#host;
    this.hurry(spread);
    const allAsked = new Promise<void>((resolve) => {
      this.#allAsked = resolve;
    });
    putOff(() => this.#begin());
    await this.#untilAllGone(allAsked);
    await this.#untilAllGone(drain);
    this.#host.loop.timers.clear(this);
    this.dropping = true;
    for (const connection of open) connection.link.destroy();
    await this.#untilAllGone(LAST_TURNS_MS);
    for (const connection of open) connection.giveUp();
  }

  /** Sees to it that the last session is asked within so many milliseconds; it may be sooner already. */
  hurry(spread: number): void {
    const now = monotonicMs();
    if (now + spread >= this.#until) return;
    this.#until = now + spread;
    if (this.#sessions === null) return;
    this.#sessions.splice(0, this.#asked);
    this.#asked = 0;
    this.#from = now;
    this.#host.putOff(() => this.onDeadline());
  }

  #begin(): void {
    this.#sessions = [];
    this.#from = Math.min(monotonicMs(), this.#until);
    for (const connection of this.#host.open) {
      if (connection.state === "ESTABLISHED") this.#sessions.push(connection);
      else connection.role.drain();
    }
    this.onDeadline();
  }

  /** The first is asked at once, the others at even distances; after a late turn all that were due. */
  onDeadline(): void {
    const sessions = this.#sessions;
    if (sessions === null) return;
    const span = this.#until - this.#from;
    const past = monotonicMs() - this.#from;
    const due = past < span ? Math.floor((sessions.length * past) / span) + 1 : sessions.length;
    while (this.#asked < Math.min(due, sessions.length)) sessions[this.#asked++].role.drain();
    if (this.#asked === sessions.length) this.#allAsked();
    else this.#host.loop.timers.set(this, this.#from + (span * this.#asked) / sessions.length);
  }

  /** Turns, or lets `run` turn, until no connection is left or the time is over: milliseconds, or a promise. */
  async #untilAllGone(limit: number | Promise<void>): Promise<void> {
    const timeout = new AbortController();
    const gone = new Promise<void>((resolve) => {
      this.#allGone = resolve;
      if (this.#host.open.size === 0) resolve();
    });
    const late =
      typeof limit === "number" ? delay(limit, undefined, { signal: timeout.signal }).catch(() => {}) : limit;
    const over = Promise.race([gone, late]);
    if (!this.#host.isRunning()) await this.#turnUntil(over);
    await over;
    timeout.abort();
  }

  async #turnUntil(over: Promise<void>): Promise<void> {
    let turning = true;
    void over.then(() => {
      turning = false;
      this.#host.loop.wake();
    });
    // A service call of the user's may still be on its way out.
    while (turning && this.#host.open.size > 0) await this.#host.loop.service(-1).catch(() => delay(1));
  }
}

const isSpread = integer(0, MAX_TIMEOUT);

/** @throws TypeError that names what is wrong. */
export function spreadOf(options: DestroyOptions): number {
  checkKnown("destroy", options, ["spread"]);
  const { spread = 0 } = options;
  isSpread(spread, "spread");
  return spread;
}
