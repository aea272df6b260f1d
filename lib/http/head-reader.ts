import { FAULTS, type HttpFault } from "./fault.ts";
import { FieldScanner } from "./field-scanner.ts";
import type { HttpLimits } from "./limits.ts";
import { MAX_TARGET_BYTES } from "./limits.ts";
import { type RequestHead, readRequest } from "./request-head.ts";
import { CR, LF, SP, TARGET_BYTES, TOKEN_BYTES } from "./tokens.ts";

const BEFORE = 0;
const METHOD = 1;
const TARGET = 2;
const VERSION = 3;
const FIELDS = 4;

/** Blank lines that may stand before a request (RFC 9112 section 2.2), in bytes: four of them. */
const MAX_BLANK_BYTES = 8;
/** First bytes of a TLS record with a ClientHello. */
const TLS_HANDSHAKE = 0x16;
const VERSION_START = Buffer.from("HTTP/1.", "latin1");
const SMALLEST_HOLD = 1024;

/**
 * Reads request heads from bytes in any cuts.
 *
 * Every byte is looked at once, where it lies, and the first wrong one ends it. A head that comes in one piece, as
 * nearly all do, becomes one string without another copy; only one that is cut is held until the rest is there.
 *
 * ```ts
 * const behind = reader.feed(buffer, start, end);
 * if (reader.result === undefined) return;                 // more is needed, all was taken
 * if (reader.result instanceof HttpFault) …                // refuse and close
 * else …                                                   // a RequestHead; the body begins at `behind`
 * reader.reset();                                          // before the next request
 * ```
 */
export class HeadReader {
  /** Undefined while more is needed. */
  result: RequestHead | HttpFault | undefined = undefined;
  readonly #limits: HttpLimits;
  readonly #fields = new FieldScanner();
  #state = BEFORE;
  /** Bytes of the part that `#state` is in. */
  #count = 0;
  /** The head so far, while it is cut. */
  #held: Buffer | undefined = undefined;
  #heldBytes = 0;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /** True when the first byte of a head has come: what follows is a request, and late when it does not come. */
  get started(): boolean {
    return this.#state !== BEFORE;
  }

  /** Makes ready for the next head. */
  reset(): void {
    this.result = undefined;
    this.#fields.reset();
    this.#state = BEFORE;
    this.#count = 0;
    this.#drop();
  }

  /**
   * Takes bytes `start` to `end` of `buffer` up to the end of the head.
   *
   * @returns The offset behind the last byte taken: `end` while more is needed, and on a fault, because nothing that
   *   follows one can be trusted.
   */
  feed(buffer: Buffer, start: number, end: number): number {
    if (this.result !== undefined) return start;
    if (this.#state === BEFORE) start = this.#blankLines(buffer, start, end);
    if (this.#state === BEFORE) return end;
    if (this.#held !== undefined) return this.#feedHeld(buffer, start, end);
    const stop = Math.min(end, start + this.#limits.maxHeaderBytes);
    const at = this.#scan(buffer, start, stop);
    if (this.#fields.done) return this.#finish(buffer, start, at);
    if (this.#isOver(at - start)) return end;
    this.#hold(buffer, start, end);
    return end;
  }

  #feedHeld(buffer: Buffer, start: number, end: number): number {
    const from = this.#heldBytes;
    const stop = Math.min(end, start + this.#limits.maxHeaderBytes - from);
    const held = this.#hold(buffer, start, stop);
    const at = this.#scan(held, from, this.#heldBytes);
    if (this.#fields.done) {
      this.#finish(held, 0, at);
      return start + at - from;
    }
    this.#isOver(at);
    return end;
  }

  #finish(buffer: Buffer, start: number, end: number): number {
    this.result = readRequest(buffer.toString("latin1", start, end));
    this.#drop();
    return end;
  }

  /** True when nothing more will be read, `headBytes` of the head being there without its end. */
  #isOver(headBytes: number): boolean {
    if (this.result === undefined && headBytes >= this.#limits.maxHeaderBytes)
      this.#fail(FAULTS.headTooLarge);
    if (this.result === undefined) return false;
    this.#drop();
    return true;
  }

  #hold(buffer: Buffer, start: number, end: number): Buffer {
    const size = this.#heldBytes + end - start;
    if (this.#held === undefined || this.#held.length < size) {
      const larger = Buffer.allocUnsafe(Math.max(SMALLEST_HOLD, 2 * size));
      this.#held?.copy(larger, 0, 0, this.#heldBytes);
      this.#held = larger;
    }
    buffer.copy(this.#held, this.#heldBytes, start, end);
    this.#heldBytes = size;
    return this.#held;
  }

  #drop(): void {
    this.#held = undefined;
    this.#heldBytes = 0;
  }

  /** Looks at the bytes of the head from `at` on, and returns where it stopped. */
  #scan(buffer: Buffer, at: number, end: number): number {
    if (this.#state === METHOD) at = this.#method(buffer, at, end);
    if (this.#state === TARGET) at = this.#target(buffer, at, end);
    if (this.#state === VERSION) at = this.#version(buffer, at, end);
    if (this.#state !== FIELDS) return at;
    at = this.#fields.scan(buffer, at, end, this.#limits.maxHeaderCount);
    if (this.#fields.fault !== undefined) this.#fail(this.#fields.fault);
    return at;
  }

  #blankLines(buffer: Buffer, at: number, end: number): number {
    for (; at < end; at++, this.#count++) {
      const expected = this.#count % 2 === 0 ? CR : LF;
      if (buffer[at] === expected && this.#count < MAX_BLANK_BYTES) continue;
      if (expected === LF) this.#fail(FAULTS.lineEnd);
      else if (buffer[at] === TLS_HANDSHAKE) this.#fail(FAULTS.tls);
      else if (TOKEN_BYTES[buffer[at]] !== 1) this.#fail(FAULTS.method);
      else this.#enter(METHOD);
      return at;
    }
    return at;
  }

  #method(buffer: Buffer, at: number, end: number): number {
    while (at < end && TOKEN_BYTES[buffer[at]] === 1) at++;
    if (at === end) return at;
    if (buffer[at] !== SP) return this.#fail(FAULTS.method, at);
    this.#enter(TARGET);
    return at + 1;
  }

  #target(buffer: Buffer, at: number, end: number): number {
    const from = at;
    const stop = Math.min(end, at + MAX_TARGET_BYTES + 1 - this.#count);
    while (at < stop && TARGET_BYTES[buffer[at]] === 1) at++;
    this.#count += at - from;
    if (this.#count > MAX_TARGET_BYTES) return this.#fail(FAULTS.targetTooLong, at);
    if (at === end) return at;
    if (buffer[at] === CR || buffer[at] === LF) return this.#fail(FAULTS.version, at);
    if (buffer[at] !== SP || this.#count === 0) return this.#fail(FAULTS.target, at);
    this.#enter(VERSION);
    return at + 1;
  }

  /** `HTTP/1.` DIGIT CR LF, byte for byte. */
  #version(buffer: Buffer, at: number, end: number): number {
    for (; at < end; at++, this.#count++) {
      const byte = buffer[at];
      const place = this.#count;
      if (place === 9) {
        if (byte !== LF) return this.#fail(FAULTS.lineEnd, at);
        this.#enter(FIELDS);
        return at + 1;
      }
      const right = place === 8 ? byte === CR : place === 7 ? isDigit(byte) : byte === VERSION_START[place];
      if (right) continue;
      return this.#fail(place === 5 && isDigit(byte) ? FAULTS.versionUnknown : FAULTS.version, at);
    }
    return at;
  }

  #enter(state: number): void {
    this.#state = state;
    this.#count = 0;
  }

  #fail(fault: HttpFault, at = 0): number {
    this.result = fault;
    return at;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
