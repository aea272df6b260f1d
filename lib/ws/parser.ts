import { CLOSE, CONTINUATION, FAILURES, type Failure, MAX_CONTROL_PAYLOAD, PONG } from "./codes.ts";
import { mask, readKey, rotateKey, seenBits } from "./mask.ts";

/** What the parser tells, in the order of the wire. All ranges are unmasked, and lent until the call returns. */
export interface FrameSink {
  /** The header of a data frame is there: `parser.opcode`, `fin`, `rsv`, `remaining` tell of it. */
  onDataFrame(): void;
  /** Payload of the data frame; `parser.remaining` is what is still to come of it. Called once for an empty frame. */
  onPayload(buffer: Buffer, start: number, end: number): void;
  /** A whole control frame. */
  onControl(opcode: number, buffer: Buffer, start: number, end: number): void;
  /** The peer broke a rule; the parser takes nothing more. */
  onFailure(failure: Failure): void;
}

/** What bounds a parser; one frozen object for all sessions of a protocol. */
export interface FrameLimits {
  /** True on the side of the server: frames must be masked. On the other side they must not. */
  readonly server: boolean;
  /** The most bytes one `onPayload` brings. */
  readonly pieceSize: number;
  /** The most bytes of a message, all fragments together; of one that an extension has encoded, an eighth more. */
  readonly maxMessageSize: number;
  /** The most empty fragments in a row within a message. */
  readonly maxEmptyFragments: number;
  /** Reserved bits that extensions give a meaning on the first frame of a message (section 5.2); 0 without extensions. */
  readonly rsv: number;
}

/*
 *                       ┌─► LENGTH16 ─┐
 *   FIRST ──► SECOND ───┼─► LENGTH64 ─┼──► KEY ──► PAYLOAD ──► FIRST          any ──► DEAD
 *                       └─────────────┘     └ skipped when not masked
 */
const FIRST = 0;
const SECOND = 1;
const LENGTH16 = 2;
const LENGTH64 = 3;
const KEY = 4;
const PAYLOAD = 5;
const DEAD = 6;

const RSV_BITS = 0x70;
const NO_MESSAGE = -1;
/** 256 to the power of the index: what the bytes of a length so far are worth at the least. */
const WORTH = [1, 2 ** 8, 2 ** 16, 2 ** 24, 2 ** 32, 2 ** 40, 2 ** 48, 2 ** 56];

/**
 * Frames out of bytes (RFC 6455 section 5.2), in place and without allocation.
 *
 * A header that is cut by the end of a read is taken byte by byte, so that the first wrong byte fails the connection;
 * a header that is whole, the usual case, is taken at once by the same steps.
 */
export class FrameParser {
  /** Of the current data frame. */
  opcode = 0;
  fin = false;
  /** Its reserved bits, as they stand in the first byte. */
  rsv = 0;
  /** True when the payload that is being told is known to be ASCII; false when nobody has looked. */
  ascii = false;
  /** Payload of the current frame that is still to come. */
  remaining = 0;
  limits: FrameLimits;

  readonly #sink: FrameSink;
  #state = FIRST;
  #held = false;
  #masked = false;
  /** The opcode of a control frame in progress, 0 in a data frame. */
  #control = 0;
  #key = 0;
  /** Bytes of a length or a key that are still to come. */
  #toCome = 0;
  /** Bytes of the open message so far, `NO_MESSAGE` when none is open. */
  #messageBytes = NO_MESSAGE;
  #maxBytes = 0;
  #emptyFragments = 0;
  /** Payload of a control frame that is cut by the end of a read. */
  #scratch: Buffer | null = null;

  constructor(sink: FrameSink, limits: FrameLimits) {
    this.#sink = sink;
    this.limits = limits;
  }

  /** True between two messages, when no byte of a frame has arrived. */
  get idle(): boolean {
    return this.#state === FIRST && this.#messageBytes === NO_MESSAGE;
  }

  /** Stops `feed` behind what is being told right now; `false` lets it go on at its next call. */
  hold(held: boolean): void {
    this.#held = held;
  }

  /** Takes nothing more, for good: what is fed from now on is ignored. */
  stop(): void {
    this.#state = DEAD;
    this.#scratch = null;
  }

  /** Begins anew, for the next stream of bytes. */
  reset(): void {
    this.#state = FIRST;
    this.#held = false;
    this.#control = 0;
    this.#messageBytes = NO_MESSAGE;
    this.#scratch = null;
  }

  /**
   * Takes bytes `start` to `end` and returns the offset behind the last one taken: `end`, unless the sink
   * called `hold`. What is left then is to be fed again later.
   */
  feed(buffer: Buffer, start: number, end: number): number {
    let at = start;
    while (at < end && !this.#held) {
      if (this.#state < PAYLOAD) at = this.#header(buffer, at, end);
      else if (this.#state === DEAD) return end;
      else if (this.#control !== 0) at = this.#controlPayload(buffer, at, end);
      else at = this.#dataPayload(buffer, at, end);
    }
    return at;
  }

  #header(buffer: Buffer, at: number, end: number): number {
    if (this.#state === FIRST && end - at >= 2) {
      const size = headerSize(buffer[at + 1]);
      if (end - at >= size) return this.#wholeHeader(buffer, at, at + size);
    }
    const state = this.#state;
    if (state === FIRST) this.#first(buffer[at]);
    else if (state === SECOND) this.#second(buffer[at]);
    else if (state === KEY) this.#keyByte(buffer[at]);
    else this.#lengthByte(buffer[at]);
    if (this.#state === PAYLOAD) this.#begin(buffer, at + 1);
    return at + 1;
  }

  #wholeHeader(buffer: Buffer, at: number, behind: number): number {
    this.#first(buffer[at]);
    if (this.#state === DEAD) return behind;
    this.#second(buffer[at + 1]);
    at += 2;
    while (this.#state === LENGTH16 || this.#state === LENGTH64) this.#lengthByte(buffer[at++]);
    if (this.#state === DEAD) return behind;
    if (this.#masked) this.#key = readKey(buffer, at);
    this.#state = PAYLOAD;
    this.#begin(buffer, behind);
    return behind;
  }

  #first(byte: number): void {
    const opcode = byte & 0x0f;
    this.#state = SECOND;
    if (opcode >= CLOSE) return this.#firstOfControl(opcode, byte);
    const rsv = byte & RSV_BITS;
    if (rsv !== 0 && ((rsv & ~this.limits.rsv) !== 0 || opcode === CONTINUATION))
      return this.#fail(FAILURES.reservedBits);
    if (opcode > 2) return this.#fail(FAILURES.opcode);
    if (opcode === CONTINUATION) {
      if (this.#messageBytes === NO_MESSAGE) return this.#fail(FAILURES.strayContinuation);
    } else {
      if (this.#messageBytes !== NO_MESSAGE) return this.#fail(FAILURES.missingContinuation);
      this.#messageBytes = 0;
      this.#maxBytes = rsv === 0 ? this.limits.maxMessageSize : encodedLimit(this.limits.maxMessageSize);
      this.#emptyFragments = 0;
    }
    this.#control = 0;
    this.opcode = opcode;
    this.fin = byte > 0x7f;
    this.rsv = rsv;
  }

  #firstOfControl(opcode: number, byte: number): void {
    if ((byte & RSV_BITS) !== 0) return this.#fail(FAILURES.reservedBits);
    if (opcode > PONG) return this.#fail(FAILURES.opcode);
    if (byte < 0x80) return this.#fail(FAILURES.fragmentedControl);
    this.#control = opcode;
  }

  #second(byte: number): void {
    this.#masked = byte > 0x7f;
    if (this.#masked !== this.limits.server) {
      return this.#fail(this.limits.server ? FAILURES.unmasked : FAILURES.masked);
    }
    const length = byte & 0x7f;
    if (length <= MAX_CONTROL_PAYLOAD) return this.#lengthKnown(length);
    if (this.#control !== 0) return this.#fail(FAILURES.longControl);
    this.remaining = 0;
    this.#toCome = length === 126 ? 2 : 8;
    this.#state = length === 126 ? LENGTH16 : LENGTH64;
  }

  /** Fails at the first byte that settles it: the top bit, a longer form than needed, a message over the limit. */
  #lengthByte(byte: number): void {
    const wide = this.#state === LENGTH64;
    if (wide && this.#toCome === 8 && byte > 0x7f) return this.#fail(FAILURES.lengthRange);
    this.remaining = this.remaining * 256 + byte;
    const toCome = --this.#toCome;
    if (wide && toCome === 2 && this.remaining === 0) return this.#fail(FAILURES.lengthForm);
    if (!wide && toCome === 0 && this.remaining <= MAX_CONTROL_PAYLOAD)
      return this.#fail(FAILURES.lengthForm);
    if (this.#messageBytes + this.remaining * WORTH[toCome] > this.#maxBytes) {
      return this.#fail(FAILURES.tooBig);
    }
    if (toCome === 0) this.#lengthKnown(this.remaining);
  }

  #lengthKnown(length: number): void {
    this.remaining = length;
    if (this.#control === 0) {
      this.#messageBytes += length;
      if (this.#messageBytes > this.#maxBytes) return this.#fail(FAILURES.tooBig);
      if (length > 0 || this.fin) this.#emptyFragments = 0;
      else if (++this.#emptyFragments > this.limits.maxEmptyFragments)
        return this.#fail(FAILURES.emptyFragments);
    }
    this.#toCome = 4;
    this.#state = this.#masked ? KEY : PAYLOAD;
  }

  #keyByte(byte: number): void {
    this.#key = (this.#key & ~255) | byte;
    this.#key = rotateKey(this.#key, 1);
    if (--this.#toCome === 0) this.#state = PAYLOAD;
  }

  /** The header is whole. A frame without payload is told here, since no byte of it will come. */
  #begin(buffer: Buffer, at: number): void {
    if (this.#control !== 0) {
      if (this.remaining === 0) this.#controlPayload(buffer, at, at);
      return;
    }
    this.#sink.onDataFrame();
    if (this.remaining === 0 && this.#state === PAYLOAD) this.#dataPayload(buffer, at, at);
  }

  #dataPayload(buffer: Buffer, at: number, end: number): number {
    const stop = at + Math.min(end - at, this.remaining, this.limits.pieceSize);
    this.ascii = false;
    if (this.#masked) {
      this.#key = mask(buffer, at, stop, this.#key);
      this.ascii = seenBits < 0x80;
    }
    this.remaining -= stop - at;
    if (this.remaining === 0) {
      this.#state = FIRST;
      if (this.fin) this.#messageBytes = NO_MESSAGE;
    }
    this.#sink.onPayload(buffer, at, stop);
    return stop;
  }

  #controlPayload(buffer: Buffer, at: number, end: number): number {
    const stop = at + Math.min(end - at, this.remaining);
    if (this.#masked) this.#key = mask(buffer, at, stop, this.#key);
    this.remaining -= stop - at;
    if (this.remaining > 0 || this.#scratch !== null) {
      const piece = buffer.subarray(at, stop);
      this.#scratch = this.#scratch === null ? Buffer.from(piece) : Buffer.concat([this.#scratch, piece]);
      if (this.remaining > 0) return stop;
    }
    const whole = this.#scratch;
    const opcode = this.#control;
    this.#scratch = null;
    this.#state = FIRST;
    if (whole === null) this.#sink.onControl(opcode, buffer, at, stop);
    else this.#sink.onControl(opcode, whole, 0, whole.length);
    return stop;
  }

  #fail(failure: Failure): void {
    this.stop();
    this.#sink.onFailure(failure);
  }
}

/** The size of a frame's header, by its second byte. */
function headerSize(second: number): number {
  const length = second & 0x7f;
  const sized = length < 126 ? 2 : length === 126 ? 4 : 10;
  return second > 0x7f ? sized + 4 : sized;
}

/** What does not compress grows a little, the more so the less the peer cares; fixed codes of DEFLATE need 9 bits a byte. */
function encodedLimit(maxMessageSize: number): number {
  return maxMessageSize + Math.ceil(maxMessageSize / 8) + 64;
}
