import { randomBytes } from "node:crypto";
import type { Context, Protocol } from "sluice";
import { OwnSessions } from "./own-sessions.ts";
import { makePart } from "./part.ts";

/** How often a context looks whether sessions came or went, and how often it tells of them in any case, in milliseconds. */
export const TELL_EVERY = 500;
export const SIGN_EVERY = 2000;

/**
 * Tells the other contexts on the bus which sessions are here.
 *
 * Nobody can be asked: BROADCAST reaches contexts where somebody watches, and no others. So each tells by itself, and
 * those where nobody watches do not even hear it.
 */
export class Publisher {
  readonly #context: Context;
  readonly #protocol: Protocol;
  readonly #own: OwnSessions;
  readonly #id = randomBytes(16).toString("hex");
  #timer: NodeJS.Timeout | undefined;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(context: Context, protocol: Protocol, maxSessions: number) {
    this.#context = context;
    this.#protocol = protocol;
    this.#own = new OwnSessions(context, maxSessions);
  }

  /** Begins, unless it has, as soon as there is a bus: a context that forks its service loop has one from then on. */
  begin(): void {
    if (this.#timer !== undefined || !this.#context.busStats) return;
    this.#timer = setInterval(() => this.tell(), TELL_EVERY).unref();
  }

  /** Says goodbye, if there is anybody who could be missed. */
  end(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#own.size > 0) this.#publish(makePart({ id: this.#id, sessions: [] }));
  }

  /** Tells of the sessions when some have come or gone, or when it is time for a sign of life. */
  tell(now = performance.now()): void {
    const changed = this.#own.look();
    const isDue = this.#own.size > 0 && now - this.#toldAt >= SIGN_EVERY;
    if (!changed && !isDue) return;
    this.#toldAt = now;
    this.#publish(makePart({ id: this.#id, sessions: this.#own.reports() }));
  }

  #publish(part: Buffer): void {
    this.#context.broadcast(this.#protocol, part, { filter: nobody });
  }
}

/** The watchers of this context have its sessions at first hand. */
const nobody = () => false;
