import type { Link, LinkHandler } from "../../lib/loop/loop.ts";

/** Counts messages in what a server sends, in whatever cuts it arrives. */
export interface MessageCounter {
  /** Payload of what has arrived, in bytes. */
  readonly payloadBytes: number;
  /** Takes bytes `at` to `end`. Returns how many messages ended in them, or -1 when they are not what they should be. */
  feed(buffer: Buffer, at: number, end: number): number;
}

/** What all clients of a process share. */
export interface ClientHost {
  /** The upgrade request, as it goes out; null for none: the connection is open as soon as it is there. */
  readonly upgrade: Buffer | null;
  createCounter(): MessageCounter;
  /** The server has answered 101, or no upgrade is asked for. */
  onOpen(client: Client): void;
  /** `count` messages have arrived whole. */
  onMessages(client: Client, count: number): void;
  /** The connection is gone; `open` tells whether it had become a session. */
  onGone(client: Client, open: boolean): void;
}

const SWITCHED = "HTTP/1.1 101 ";
const END_OF_HEAD = "\r\n\r\n";

/** One connection of the load generator: asks for the upgrade if there is to be one, then counts what comes. */
export class Client implements LinkHandler {
  readonly link: Link;
  readonly counter: MessageCounter;
  /** When the message was sent whose echo is awaited; kept by the workload. */
  sentAt = 0;
  readonly #host: ClientHost;
  /** The reply's head so far; null once the session is open. */
  #head: string | null = "";

  constructor(host: ClientHost, link: Link) {
    this.#host = host;
    this.link = link;
    this.counter = host.createCounter();
    if (host.upgrade === null) {
      this.#head = null;
      host.onOpen(this);
    } else link.send(host.upgrade, 0, host.upgrade.length);
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#head !== null) start = this.#reply(buffer, start, end);
    const count = this.counter.feed(buffer, start, end);
    if (count > 0) this.#host.onMessages(this, count);
    else if (count < 0) this.link.destroy();
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
