import type { Context, Wsi } from "sluice";

/** One live session, as the watchers see it. */
export interface SessionReport {
  address: string;
  port: number;
  protocol: string;
  userAgent: string;
  /** Connected since, ISO 8601 in UTC. */
  since: string;
  bytesReceived: number;
  bytesSent: number;
  messagesReceived: number;
  messagesSent: number;
}

/** How often a board may look for sessions that came or went, and how often it counts anew, in milliseconds. */
export const LOOK_EVERY = 100;
export const COUNT_EVERY = 500;

/**
 * The list of a context's sessions, as JSON, made once for all watchers.
 *
 * A board does nothing by itself: whoever wants to see it looks, and pays at most for one look in `LOOK_EVERY`.
 */
export class Board {
  /** The list. A JSON array of `SessionReport`. */
  text = "[]";
  /** Goes up whenever `text` changes. */
  edition = 0;

  readonly #context: Context;
  readonly #maxSessions: number;
  #sessions: readonly Wsi[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(context: Context, maxSessions: number) {
    this.#context = context;
    this.#maxSessions = maxSessions;
  }

  /** Brings the board up to date, as far as it is time to. Returns the edition. */
  look(now = performance.now()): number {
    if (now - this.#lookedAt < LOOK_EVERY) return this.edition;
    this.#lookedAt = now;
    const sessions = first(this.#context.sessions(), this.#maxSessions);
    if (now - this.#countedAt >= COUNT_EVERY || !sameItems(sessions, this.#sessions)) {
      this.#countedAt = now;
      this.#sessions = sessions;
      this.#publish(JSON.stringify(sessions.map(report)));
    }
    return this.edition;
  }

  #publish(text: string): void {
    if (text === this.text) return;
    this.text = text;
    this.edition += 1;
  }
}

function report(wsi: Wsi): SessionReport {
  const { bytesReceived, bytesSent, messagesReceived, messagesSent, since } = wsi.stats;
  return {
    address: wsi.remoteAddress,
    port: wsi.remotePort,
    protocol: wsi.getProtocol().name,
    userAgent: wsi.headers["user-agent"] ?? "",
    since: new Date(since).toISOString(),
    bytesReceived,
    bytesSent,
    messagesReceived,
    messagesSent,
  };
}

function first<T>(items: Iterable<T>, most: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    if (taken.length === most) break;
    taken.push(item);
  }
  return taken;
}

function sameItems<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
