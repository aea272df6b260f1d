import type { Link, LinkHandler } from "../../lib/loop/loop.ts";
import { FrameCounter } from "./frame-counter.ts";

/** What all clients of a process share. */
export interface ClientHost {
  /** The upgrade request, as it goes out. */
  readonly request: Buffer;
  /** The server has answered 101. */
  onOpen(client: Client): void;
  /** `count` messages have arrived whole. */
  onMessages(client: Client, count: number): void;
  /** The connection is gone; `open` tells whether it had become a session. */
  onGone(client: Client, open: boolean): void;
}

const SWITCHED = "HTTP/1.1 101 ";
const END_OF_HEAD = "\r\n\r\n";

/** One connection of the load generator: asks for the upgrade, then counts what comes. */
export class Client implements LinkHandler {
  readonly link: Link;
  readonly counter = new FrameCounter();
  /** When the message was sent whose echo is awaited; kept by the workload. */
  sentAt = 0;
  readonly #host: ClientHost;
  /** The reply's head so far; null once the session is open. */
  #head: string | null = "";

  constructor(host: ClientHost, link: Link) {
    this.#host = host;
    this.link = link;
    link.send(host.request, 0, host.request.length);
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#head !== null) start = this.#reply(buffer, start, end);
    const count = this.counter.feed(buffer, start, end);
    if (count > 0) this.#host.onMessages(this, count);
  }

  /** Reads the reply to its blank line, and returns where frames begin. */
  #reply(buffer: Buffer, start: number, end: number): number {
    const before = this.#head!.length;
    this.#head += buffer.toString("latin1", start, end);
    const blank = this.#head!.indexOf(END_OF_HEAD);
    if (blank < 0) return end;
    if (!this.#head!.startsWith(SWITCHED)) {
      this.link.destroy();
      return end;
    }
    this.#head = null;
    this.#host.onOpen(this);
    return start + blank + END_OF_HEAD.length - before;
  }

  onEnd(): void {
    this.link.destroy();
  }

  onWritable(): void {}

  onClose(): void {
    this.#host.onGone(this, this.#head === null);
  }
}
