import { FAULTS, HttpFault } from "./fault.ts";
import { FieldScanner } from "./field-scanner.ts";
import type { HttpLimits } from "./limits.ts";
import { RESPONSE_FAULTS, type ResponseHead, readResponse } from "./response-head.ts";
import { CR, LF, VALUE_BYTES } from "./tokens.ts";

const VERSION_AND_STATUS = 0;
const REASON = 1;
const REASON_LF = 2;
const FIELDS = 3;

/** What a status line begins with, each 0 standing for a digit (RFC 9112 section 4). */
const SHAPE = Buffer.from("HTTP/1.0 000 ", "latin1");
const ANY_DIGIT = 0x30;
/** Where the status begins in it. */
const STATUS_AT = 9;
/** Responses that may come before the final one (RFC 9110 section 15.2). */
const MAX_INTERIM = 8;

/**
 * Reads the head of a response from bytes in any cuts. Interim responses (1xx) before it are skipped; 101 is none of
 * them, because the connection speaks another protocol behind it.
 *
 * ```ts
 * const behind = reader.feed(buffer, start, end);
 * if (reader.result === undefined) return;                 // more is needed, all was taken
 * if (reader.result instanceof HttpFault) …                // give up, `message` says why
 * else …                                                   // a ResponseHead; what follows it begins at `behind`
 * ```
 *
 * Every byte is looked at once, and the first wrong one ends it. A client reads one head in a connection's life, so
 * that it is kept the simple way: as text that grows.
 */
export class ResponseReader {
  /** Undefined while more is needed. */
  result: ResponseHead | HttpFault | undefined = undefined;
  readonly #limits: HttpLimits;
  readonly #fields = new FieldScanner();
  #state = VERSION_AND_STATUS;
  /** The head so far. */
  #text = "";
  #interim = 0;

  constructor(limits: HttpLimits) {
    this.#limits = limits;
  }

  /**
   * Takes bytes `start` to `end` of `buffer` up to the end of the head.
   *
   * @returns The offset behind the last byte taken: `end` while more is needed, and on a fault, because nothing that
   *   follows one can be trusted.
   */
  feed(buffer: Buffer, start: number, end: number): number {
    while (start < end && this.result === undefined) start = this.#feedHead(buffer, start, end);
    return this.result instanceof HttpFault ? end : start;
  }

  #feedHead(buffer: Buffer, start: number, end: number): number {
    const { maxHeaderBytes } = this.#limits;
    const before = this.#text.length;
    const at = this.#scan(buffer, start, Math.min(end, start + maxHeaderBytes - before), before);
    this.#text += buffer.toString("latin1", start, at);
    if (this.#fields.done) this.#finish();
    else if (this.result === undefined && this.#text.length >= maxHeaderBytes) {
      this.result = FAULTS.headTooLarge;
    }
    return at;
  }

  #finish(): void {
    const head = readResponse(this.#text);
    if (head instanceof HttpFault || head.status === 101 || head.status >= 200) this.result = head;
    else if (this.#interim++ === MAX_INTERIM) this.result = RESPONSE_FAULTS.tooManyInterim;
    this.#fields.reset();
    this.#state = VERSION_AND_STATUS;
    this.#text = "";
  }

  /** Looks at the bytes of the head from `at` on, of which `place` came before, and returns where it stopped. */
  #scan(buffer: Buffer, at: number, end: number, place: number): number {
    if (this.#state === VERSION_AND_STATUS) at = this.#versionAndStatus(buffer, at, end, place);
    if (this.#state === REASON) at = this.#reason(buffer, at, end);
    if (this.#state === REASON_LF && at < end) {
      if (buffer[at] !== LF) return this.#fail(FAULTS.lineEnd, at);
      this.#state = FIELDS;
      at++;
    }
    if (this.#state !== FIELDS) return at;
    at = this.#fields.scan(buffer, at, end, this.#limits.maxHeaderCount);
    if (this.#fields.fault !== undefined) this.#fail(this.#fields.fault, at);
    return at;
  }

  #versionAndStatus(buffer: Buffer, at: number, end: number, place: number): number {
    for (; at < end && place < SHAPE.length; at++, place++) {
      const right = SHAPE[place] === ANY_DIGIT ? isDigit(buffer[at]) : buffer[at] === SHAPE[place];
      if (!right) return this.#fail(place < STATUS_AT ? RESPONSE_FAULTS.notHttp : RESPONSE_FAULTS.status, at);
    }
    if (place === SHAPE.length) this.#state = REASON;
    return at;
  }

  /** It may be empty, but the blank before it may not be left out. */
  #reason(buffer: Buffer, at: number, end: number): number {
    while (at < end && VALUE_BYTES[buffer[at]] === 1) at++;
    if (at === end) return at;
    if (buffer[at] !== CR) {
      return this.#fail(buffer[at] === LF ? FAULTS.lineEnd : RESPONSE_FAULTS.reason, at);
    }
    this.#state = REASON_LF;
    return at + 1;
  }

  #fail(fault: HttpFault, at: number): number {
    this.result = fault;
    return at;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}
