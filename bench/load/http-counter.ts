import type { MessageCounter } from "./client.ts";

/** A longer head is none. */
const MAX_HEAD = 8192;
const FOUND = "HTTP/1.1 200 ";
const END_OF_HEAD = "\r\n\r\n";
const CONTENT_LENGTH = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r\n/i;

/**
 * Counts answers of HTTP/1.1 in a server's bytes. It reads heads for their Content-Length and steps over bodies, and
 * takes bytes in any cuts. An answer that is not 200, or whose length is not told, is none.
 */
export class HttpCounter implements MessageCounter {
  /** Bytes of bodies that have arrived. */
  payloadBytes = 0;

  /** The current head, as far as it has arrived. */
  #head = "";
  /** Bytes of the current body that are still to come. */
  #toCome = 0;

  /** Takes bytes `at` to `end`. Returns how many answers ended in them, or -1 when one cannot be counted. */
  feed(buffer: Buffer, at: number, end: number): number {
    let answers = 0;
    while (at < end) {
      if (this.#toCome === 0) {
        at = this.#readHead(buffer, at, end);
        if (at < 0) return -1;
        if (this.#head !== "") return answers;
      }
      const skipped = Math.min(this.#toCome, end - at);
      this.#toCome -= skipped;
      this.payloadBytes += skipped;
      at += skipped;
      if (this.#toCome === 0) answers++;
    }
    return answers;
  }

  /** Reads to the blank line, and returns where the body begins; `end` with the head kept when it is not whole; or -1. */
  #readHead(buffer: Buffer, at: number, end: number): number {
    const before = this.#head.length;
    const head = this.#head + buffer.toString("latin1", at, Math.min(end, at + MAX_HEAD - before));
    const blank = head.indexOf(END_OF_HEAD);
    if (blank < 0) {
      this.#head = head;
      return head.length < MAX_HEAD ? end : -1;
    }
    this.#head = "";
    const length = CONTENT_LENGTH.exec(head.slice(0, blank + 2));
    if (!head.startsWith(FOUND) || length === null) return -1;
    this.#toCome = Number(length[1]);
    return at + blank + END_OF_HEAD.length - before;
  }
}
