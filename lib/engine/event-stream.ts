import type { EventStream, EventStreamOptions, ServerSentEvent } from "../api/bodies.ts";
import { WriteProtocol } from "../api/reasons.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { monotonicMs } from "../base/clock.ts";
import type { Timed } from "../base/timers.ts";
import type { ReplySource, Serving } from "./serving.ts";

const KEEP_ALIVE_MS = 15_000;
const MAX_DELAY_MS = 2 ** 31 - 1;
const LINE_END = /\r\n|\r|\n/;

/** The text of one event (WHATWG HTML, section "Parsing an event stream"). Throws as `EventStream.send` says. */
export function eventText({ event, id, data }: ServerSentEvent): string {
  if (typeof data !== "string") throw new TypeError("data of an event is a string");
  let text = "";
  if (event !== undefined) text += field("event", event, /[\r\n]/);
  if (id !== undefined) text += field("id", id, /[\r\n\0]/);
  for (const line of data.split(LINE_END)) text += `data: ${line}\n`;
  return `${text}\n`;
}

function field(name: string, value: string, forbidden: RegExp): string {
  if (typeof value !== "string" || forbidden.test(value)) {
    throw new TypeError(`${name} of an event is one line of text: ${JSON.stringify(value)}`);
  }
  return `${name}: ${value}\n`;
}

/** The text of a comment, of any number of lines. */
export function commentText(text: string): string {
  return `${text
    .split(LINE_END)
    .map((line) => `: ${line}\n`)
    .join("")}\n`;
}

/** A reply that goes on until one of both sides ends it. */
export class EventReply implements EventStream, ReplySource, Timed {
  readonly lastEventId: string;
  readonly closed: Promise<void>;
  deadline = 0;
  timerSlot = -1;
  readonly #serving: Serving;
  readonly #keepAlive: number;
  #open = true;
  #resolve: () => void = () => {};
  /** When something was sent last. */
  #sentAt = 0;

  /** Sends the head. */
  constructor(serving: Serving, options: EventStreamOptions = {}) {
    const { retry, keepAlive = KEEP_ALIVE_MS, headers } = options;
    if (retry !== undefined) checkDelay("retry", retry);
    checkDelay("keepAlive", keepAlive);
    this.#serving = serving;
    this.#keepAlive = keepAlive;
    // A header has one character a byte; identifiers are UTF-8.
    this.lastEventId = Buffer.from(serving.head.get("last-event-id") ?? "", "latin1").toString();
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    serving.attach(this);
    try {
      serving.writeHttpHeaders(200, withOwn(headers));
    } catch (error) {
      serving.detach(this);
      throw error;
    }
    this.#begin(retry);
  }

  #begin(retry: number | undefined): void {
    // A reply to HEAD has its head only.
    if (this.#serving.head.method === "HEAD") return this.close();
    this.#sentAt = monotonicMs();
    if (retry !== undefined) this.#write(`retry: ${retry}\n\n`);
    this.#arm();
  }

  get bufferedAmount(): number {
    return this.#open ? this.#serving.connection.link.queued : 0;
  }

  send(event: ServerSentEvent): boolean {
    return this.#write(eventText(event));
  }

  comment(text: string): boolean {
    return this.#write(commentText(text));
  }

  close(): void {
    if (!this.#open) return;
    this.#over();
    this.#serving.write("", WriteProtocol.HTTP_FINAL);
  }

  onDeadline(): void {
    if (monotonicMs() >= this.#sentAt + this.#keepAlive) this.#write(":\n\n");
    this.#arm();
  }

  onWritable(): void {}

  onLast(): void {
    this.close();
  }

  onOver(): void {
    this.#over();
  }

  #write(text: string): boolean {
    if (!this.#open) return false;
    this.#sentAt = monotonicMs();
    return this.#serving.write(text, WriteProtocol.HTTP) >= 0;
  }

  /** Not for each event: the timer looks back when it fires. */
  #arm(): void {
    if (this.#open && this.#keepAlive > 0)
      this.#serving.connection.host.loop.timers.set(this, this.#sentAt + this.#keepAlive);
  }

  #over(): void {
    this.#open = false;
    this.#serving.connection.host.loop.timers.clear(this);
    this.#resolve();
  }
}

function withOwn(headers: OutgoingHeaders = {}): OutgoingHeaders {
  const all: Record<string, OutgoingHeaders[string]> = { "cache-control": "no-store" };
  for (const [name, value] of Object.entries(headers)) all[name.toLowerCase()] = value;
  all["content-type"] = "text/event-stream";
  return all;
}

function checkDelay(name: string, ms: number): void {
  if (Number.isSafeInteger(ms) && ms >= 0 && ms <= MAX_DELAY_MS) return;
  throw new TypeError(`${name} is a number of milliseconds up to ${MAX_DELAY_MS}, not ${String(ms)}`);
}
