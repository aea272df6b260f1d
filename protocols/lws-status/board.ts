import type { Context } from "sluice";
import { OtherSessions } from "./other-sessions.ts";
import { OwnSessions } from "./own-sessions.ts";
import { readPart } from "./part.ts";
import { SIGN_EVERY } from "./publisher.ts";

/** How often a board may look for sessions that came or went, and how often it counts anew, in milliseconds. */
export const LOOK_EVERY = 100;
export const COUNT_EVERY = 500;
/** A context that did not say goodbye is gone when three of its signs of life are missing. */
export const FORGET_AFTER = 3.5 * SIGN_EVERY;

/**
 * The list of sessions, those of this context and then those of others on its bus, as JSON, made once for all watchers.
 *
 * A board does nothing by itself: whoever wants to see it looks, and pays at most for one look in `LOOK_EVERY`.
 */
export class Board {
  /** The list. A JSON array of `SessionReport`. */
  text = "[]";
  /** Goes up whenever `text` changes. */
  edition = 0;

  readonly #maxSessions: number;
  readonly #own: OwnSessions;
  readonly #others: OtherSessions;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #countedAt = Number.NEGATIVE_INFINITY;
  /** Broadcasts that were looked at: each watcher is told of the same ones. */
  readonly #heard = new WeakSet<Buffer>();

  constructor(context: Context, maxSessions: number) {
    this.#maxSessions = maxSessions;
    this.#own = new OwnSessions(context, maxSessions);
    this.#others = new OtherSessions(maxSessions, FORGET_AFTER);
  }

  /** Takes a broadcast, which each watcher hands in, for the part of another context, if it is one. */
  hear(broadcast: Buffer, now = performance.now()): void {
    if (this.#heard.has(broadcast)) return;
    this.#heard.add(broadcast);
    const part = readPart(broadcast);
    if (part !== undefined) this.#others.take(part, now);
  }

  /** Brings the board up to date, as far as it is time to. Returns the edition. */
  look(now = performance.now()): number {
    if (now - this.#lookedAt < LOOK_EVERY) return this.edition;
    this.#lookedAt = now;
    const changes = [this.#own.look(), this.#others.look(now)];
    if (changes.includes(true) || now - this.#countedAt >= COUNT_EVERY) {
      this.#countedAt = now;
      const all = [...this.#own.reports(), ...this.#others.reports()];
      this.#publish(JSON.stringify(all.slice(0, this.#maxSessions)));
    }
    return this.edition;
  }

  #publish(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.edition += 1;
  }
}
