import type { Context, EventStream, Wsi } from "sluice";

/** How the server is, once a second. */
export interface ServerStatus {
  /** Milliseconds since 1970. */
  time: number;
  /** Open WebSocket sessions. */
  sessions: number;
  /** Bytes of memory that the process holds (resident set). */
  memory: number;
}

const EVERY_MS = 1000;
/** Milliseconds after which a browser that lost the connection comes back. */
const RETRY_MS = 1000;

/**
 * A context's status as server-sent events. Each listener's events are numbered; one that comes back, and says which it
 * had last, has them numbered on from there, and is told so by an event `resumed`.
 */
export class StatusEvents {
  /** The listeners, with the number of each one's last event. */
  readonly #listeners = new Map<EventStream, number>();
  #timer: NodeJS.Timeout | undefined;

  /** Answers a request with the stream. */
  answer(wsi: Wsi): void {
    const { context } = wsi;
    const listener = wsi.eventStream({ retry: RETRY_MS });
    const last = numberOf(listener.lastEventId);
    if (last > 0) listener.send({ event: "resumed", data: String(last) });
    this.#listeners.set(listener, last);
    void listener.closed.then(() => this.#remove(listener));
    this.#tell(listener, statusText(context));
    this.#timer ??= setInterval(() => this.#tellAll(context), EVERY_MS);
  }

  #tellAll(context: Context): void {
    const text = statusText(context);
    for (const listener of this.#listeners.keys()) this.#tell(listener, text);
  }

  #tell(listener: EventStream, text: string): void {
    const number = this.#listeners.get(listener)! + 1;
    this.#listeners.set(listener, number);
    listener.send({ id: String(number), data: text });
  }

  #remove(listener: EventStream): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** What the client says that it had last; 0 when that is no number of ours. */
function numberOf(lastEventId: string): number {
  return /^\d{1,15}$/.test(lastEventId) ? Number(lastEventId) : 0;
}

function statusText(context: Context): string {
  const sessions = [...context.sessions()].length;
  const status: ServerStatus = { time: Date.now(), sessions, memory: process.memoryUsage.rss() };
  return JSON.stringify(status);
}
