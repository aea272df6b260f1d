import { hostname } from "node:os";
import type { Context, Wsi } from "sluice";
import { MAX_TEXT, type SessionReport } from "./session-report.ts";

/** The sessions of a context, the first `most` of them, as they were at the last look. */
export class OwnSessions {
  readonly #context: Context;
  readonly #most: number;
  #sessions: readonly Wsi[] = [];

  constructor(context: Context, most: number) {
    this.#context = context;
    this.#most = most;
  }

  get size(): number {
    return this.#sessions.length;
  }

  /** True when some have come or gone since the last look. */
  look(): boolean {
    const sessions = first(this.#context.sessions(), this.#most);
    if (sameItems(sessions, this.#sessions)) return false;
    this.#sessions = sessions;
    return true;
  }

  /** What is to be told of them, counted at this moment. */
  reports(): SessionReport[] {
    return this.#sessions.map(report);
  }
}

/** This process, for a reader: ids are of one machine, and names of machines need not be unique. */
const server = cut(`${process.pid}@${hostname()}`);

function report(wsi: Wsi): SessionReport {
  const { bytesReceived, bytesSent, messagesReceived, messagesSent, since } = wsi.stats;
  return {
    server,
    address: cut(wsi.remoteAddress),
    port: wsi.remotePort,
    protocol: cut(wsi.getProtocol().name),
    userAgent: cut(wsi.headers["user-agent"] ?? ""),
    since: new Date(since).toISOString(),
    bytesReceived,
    bytesSent,
    messagesReceived,
    messagesSent,
  };
}

function cut(text: string): string {
  return text.slice(0, MAX_TEXT);
}

function first<T>(items: Iterable<T>, most: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    if (taken.length >= most) break;
    taken.push(item);
  }
  return taken;
}

function sameItems<T>(left: readonly T[], right: readonly T[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
