import { FAULTS, type HttpFault } from "./fault.ts";
import { FieldScanner } from "./field-scanner.ts";
import { type HttpLimits, MAX_CHUNK_EXTENSION_BYTES } from "./limits.ts";
import { CR, isBlank, LF, SEMICOLON, VALUE_BYTES } from "./tokens.ts";

/** Who gets a body. */
export interface BodySink {
  /**
   * Bytes `start` to `end` of `buffer` are payload, `end > start`; lent until this returns. `false` stops the reader
   * behind them.
   */
  onBody(buffer: Buffer, start: number, end: number): boolean;
  /** The body is over; called once. */
  onBodyEnd(): void;
}

/** What a head says about its body; a `RequestHead` fits. */
export interface BodyFraming {
  readonly body: "none" | "length" | "chunked";
  readonly contentLength: number;
}

const LENGTH = 0;
const SIZE = 1;
const SIZE_BLANK = 2;
const EXTENSION = 3;
const SIZE_LF = 4;
const DATA = 5;
const DATA_CR = 6;
const DATA_LF = 7;
const TRAILERS = 8;
const DONE = 9;
const FAILED = 10;

/** 16 digits reach past 2^53, so that no longer run needs a look. */
const MAX_SIZE_DIGITS = 16;

/**
 * Reads one body from bytes in any cuts, and keeps none of them.
 *
 * ```
 *   LENGTH ──────────────────────────────────────────────────────────────► DONE
 *
 *   SIZE ─┬─(blank)─► SIZE_BLANK ─┬─(;)─► EXTENSION ─┬─(CR)─► SIZE_LF ─┬───► DATA ─► DATA_CR ─► DATA_LF ─► SIZE …
 *         ├─(;)───────────────────┘                  │                 └─ size 0 ─► TRAILERS ─► DONE
 *         └─(CR)─────────────────────────────────────┘
 * ```
 *
 * Trailers are checked and dropped: nothing that was decided by the head can be changed by them
 * (RFC 9110 section 6.5.1).
 */
export class BodyReader {
  /** What is wrong with the body; there from the start when the head announces too much. Nothing is read then. */
  fault: HttpFault | undefined = undefined;
  readonly #sink: BodySink;
  readonly #limits: HttpLimits;
  #state: number;
  /** Payload of this body, or of this chunk, that is still to come. */
  #remaining = 0;
  #digits = 0;
  #payloadBytes = 0;
  #extensionBytes = 0;
  #trailers: FieldScanner | undefined = undefined;
  #trailerBytes = 0;

  constructor(framing: BodyFraming, sink: BodySink, limits: HttpLimits) {
    this.#sink = sink;
    this.#limits = limits;
    this.#state = framing.body === "chunked" ? SIZE : LENGTH;
    this.#remaining = framing.contentLength;
    if (framing.contentLength > limits.maxBodyBytes) this.#fail(FAULTS.bodyTooLarge);
  }

  /** True when `onBodyEnd` was called. */
  get done(): boolean {
    return this.#state === DONE;
  }

  /**
   * Takes bytes `start` to `end` of `buffer` until the body is over, is wrong, or the sink stops it. After a stop, call
   * again with what is left, even if that is nothing: the end may be all that is still to be told.
   *
   * @returns The offset behind the last byte taken.
   */
  feed(buffer: Buffer, start: number, end: number): number {
    let at = start;
    for (;;) {
      if (this.#state === LENGTH || this.#state === DATA) {
        if (this.#remaining === 0) this.#payloadOver();
        else if (at === end) return at;
        else {
          const from = at;
          at += Math.min(end - at, this.#remaining);
          this.#remaining -= at - from;
          if (!this.#sink.onBody(buffer, from, at)) return at;
        }
      } else if (at === end || this.#state >= DONE) {
        return at;
      } else {
        at = this.#framing(buffer, at, end);
      }
    }
  }

  #framing(buffer: Buffer, at: number, end: number): number {
    switch (this.#state) {
      case SIZE:
        return this.#size(buffer, at, end);
      case SIZE_BLANK:
        return this.#sizeBlank(buffer, at, end);
      case EXTENSION:
        return this.#extension(buffer, at, end);
      case SIZE_LF:
        if (buffer[at] !== LF) return this.#fail(FAULTS.lineEnd, at);
        this.#state = this.#remaining === 0 ? TRAILERS : DATA;
        return at + 1;
      case DATA_CR:
        if (buffer[at] !== CR) return this.#fail(FAULTS.chunkEnd, at);
        this.#state = DATA_LF;
        return at + 1;
      case DATA_LF:
        if (buffer[at] !== LF) return this.#fail(FAULTS.chunkEnd, at);
        this.#state = SIZE;
        this.#digits = 0;
        return at + 1;
      default:
        return this.#trailerSection(buffer, at, end);
    }
  }

  /** The payload of the body or of the chunk is complete. */
  #payloadOver(): void {
    if (this.#state === DATA) this.#state = DATA_CR;
    else this.#finish();
  }

  #size(buffer: Buffer, at: number, end: number): number {
    for (; at < end; at++) {
      const digit = hexValue(buffer[at]);
      if (digit === -1) return this.#sizeOver(buffer[at], at);
      this.#remaining = 16 * this.#remaining + digit;
      if (++this.#digits > MAX_SIZE_DIGITS || this.#remaining > Number.MAX_SAFE_INTEGER) {
        return this.#fail(FAULTS.chunkSize, at);
      }
    }
    return at;
  }

  #sizeOver(byte: number, at: number): number {
    const extended = byte === SEMICOLON || isBlank(byte);
    if (this.#digits === 0 || (byte !== CR && !extended)) return this.#fail(FAULTS.chunkSize, at);
    this.#payloadBytes += this.#remaining;
    if (this.#payloadBytes > this.#limits.maxBodyBytes) return this.#fail(FAULTS.bodyTooLarge, at);
    this.#state = byte === CR ? SIZE_LF : byte === SEMICOLON ? EXTENSION : SIZE_BLANK;
    return at + 1;
  }

  /** Blanks may stand between a size and the `;` of an extension (RFC 9112 section 7.1.1), and nowhere else. */
  #sizeBlank(buffer: Buffer, at: number, end: number): number {
    const from = at;
    while (at < end && isBlank(buffer[at])) at++;
    if (this.#isExtensionOver(at - from) || at === end) return at;
    if (buffer[at] !== SEMICOLON) return this.#fail(FAULTS.chunkSize, at);
    this.#state = EXTENSION;
    return at + 1;
  }

  /** Extensions are skipped (RFC 9112 section 7.1.1), but bounded. */
  #extension(buffer: Buffer, at: number, end: number): number {
    const from = at;
    while (at < end && VALUE_BYTES[buffer[at]] === 1) at++;
    if (this.#isExtensionOver(at - from) || at === end) return at;
    if (buffer[at] !== CR) return this.#fail(FAULTS.chunkExtension, at);
    this.#state = SIZE_LF;
    return at + 1;
  }

  #isExtensionOver(moreBytes: number): boolean {
    this.#extensionBytes += moreBytes;
    if (this.#extensionBytes <= MAX_CHUNK_EXTENSION_BYTES) return false;
    this.#fail(FAULTS.chunkExtensionsTooLarge);
    return true;
  }

  #trailerSection(buffer: Buffer, at: number, end: number): number {
    this.#trailers ??= new FieldScanner();
    const stop = Math.min(end, at + this.#limits.maxHeaderBytes - this.#trailerBytes);
    const reached = this.#trailers.scan(buffer, at, stop, this.#limits.maxHeaderCount);
    this.#trailerBytes += reached - at;
    if (this.#trailers.fault !== undefined) return this.#fail(this.#trailers.fault, reached);
    if (this.#trailers.done) this.#finish();
    else if (this.#trailerBytes >= this.#limits.maxHeaderBytes) this.#fail(FAULTS.headTooLarge);
    return reached;
  }

  #finish(): void {
    this.#state = DONE;
    this.#sink.onBodyEnd();
  }

  #fail(fault: HttpFault, at = 0): number {
    this.fault = fault;
    this.#state = FAILED;
    return at;
  }
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
