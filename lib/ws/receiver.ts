import { checkUtf8, UTF8_BOUNDARY, UTF8_INVALID } from "../base/utf8.ts";
import { Assembly, HEADROOM } from "./assembly.ts";
import { BINARY, CONTINUATION, FAILURES, type Failure } from "./codes.ts";
import { type FrameLimits, FrameParser, type FrameSink } from "./parser.ts";

/** What bounds the receiving of a session; one frozen object for all sessions of a protocol. */
export interface ReceiveLimits extends FrameLimits {
  /** One `onMessage` for each message. */
  readonly wholeMessages: boolean;
}

/** Who a receiver tells. Ranges of bytes are lent until the call returns. */
export interface ReceiverOwner {
  /** A whole message with reserved bits `rsv` has arrived: what it was before extensions encoded it, or why it fails. */
  decode(rsv: number, buffer: Buffer, start: number, end: number): Buffer | Failure;
  /** Payload: a piece of a message, or a whole one; `room` bytes in front of it are free to be overwritten. */
  onMessage(buffer: Buffer, start: number, end: number, room: number): void;
  onControl(opcode: number, buffer: Buffer, start: number, end: number): void;
  onFailure(failure: Failure): void;
}

/** A receiver that nobody uses, for the next session that gets bytes. */
let spare: Receiver | null = null;

/**
 * Messages out of frames (RFC 6455 section 5.4): fragments, UTF-8 as it arrives, pieces or whole messages.
 * A message that extensions have encoded is gathered, decoded at its end, and told as if it had come plain.
 *
 * All of its state is about a message in progress. A session between two messages needs none, and so has none: it
 * takes a receiver when bytes come, and gives it back when they end with a message.
 */
export class Receiver implements FrameSink {
  /** Of what `onMessage` tells: binary or text, first and last piece of its message. */
  binary = false;
  first = true;
  final = false;

  readonly #parser: FrameParser;
  #limits: ReceiveLimits;
  #owner: ReceiverOwner;
  #utf8 = UTF8_BOUNDARY;
  #assembly: Assembly | null = null;
  /** From where on bytes of the buffer being fed belong to nobody any more. */
  #freeFrom = 0;
  /** Reserved bits of the message in progress. */
  #rsv = 0;
  #held = false;
  /** The parser stops behind the message that is being told, until the next `feed`. */
  #resting = false;
  #stopped = false;
  /** What is still to be told of a decoded message that was held back amid its pieces. */
  #untold: Buffer | null = null;
  /** While pieces of a decoded message are told: what is still to come of it. */
  #decodedToCome = 0;

  constructor(owner: ReceiverOwner, limits: ReceiveLimits) {
    this.#owner = owner;
    this.#limits = limits;
    this.#parser = new FrameParser(this, limits);
  }

  /** A receiver for `owner`, between two messages. */
  static take(owner: ReceiverOwner, limits: ReceiveLimits): Receiver {
    const receiver = spare;
    if (receiver === null) return new Receiver(owner, limits);
    spare = null;
    receiver.#owner = owner;
    receiver.#limits = limits;
    receiver.#parser.limits = limits;
    return receiver;
  }

  /** Gives the receiver back; it must be `idle`. */
  release(): void {
    this.#owner = NOBODY;
    this.#resting = false;
    spare = this;
  }

  /** True between two messages: there is nothing to remember. */
  get idle(): boolean {
    return this.#parser.idle && this.#untold === null;
  }

  /** Bytes of the current frame that are still to come; of a decoded message, bytes of the message. */
  get remaining(): number {
    if (this.#rsv !== 0) return this.#decodedToCome;
    return this.#limits.wholeMessages ? 0 : this.#parser.remaining;
  }

  /** Takes bytes, which are unmasked in place, and returns the offset behind the last one taken; see `hold`. */
  feed(buffer: Buffer, start: number, end: number): number {
    if (this.#resting) this.#wake();
    if (this.#untold !== null && !this.#held) this.#tellOn(this.#untold);
    this.#freeFrom = start;
    return this.#parser.feed(buffer, start, end);
  }

  /** Makes `feed` stop behind what is being told right now, or go on. */
  hold(held: boolean): void {
    this.#held = held;
    this.#parser.hold(held || this.#resting);
  }

  /** Makes this `feed` stop behind the message that is being told. */
  rest(): void {
    this.#resting = true;
    this.#parser.hold(true);
  }

  #wake(): void {
    this.#resting = false;
    this.#parser.hold(this.#held);
  }

  /** Takes nothing more, for good. */
  stop(): void {
    this.#parser.stop();
    this.#stopped = true;
    this.#assembly = null;
    this.#untold = null;
  }

  /** Begins anew, for the next stream of bytes. */
  reset(limits: ReceiveLimits): void {
    this.stop();
    this.#stopped = false;
    this.#resting = false;
    this.#held = false;
    this.#limits = limits;
    this.#parser.limits = limits;
    this.#parser.reset();
  }

  onDataFrame(): void {
    const { opcode, rsv } = this.#parser;
    if (opcode === CONTINUATION) return;
    this.#rsv = rsv;
    this.binary = opcode === BINARY;
    this.first = true;
    this.#utf8 = UTF8_BOUNDARY;
  }

  onPayload(buffer: Buffer, start: number, end: number): void {
    const parser = this.#parser;
    const final = parser.fin && parser.remaining === 0;
    if (this.#rsv !== 0) return this.#gather(buffer, start, end, final);
    if (!this.binary && !this.#textGoesOn(buffer, start, end, final)) return this.onFailure(FAILURES.text);
    const room = start - this.#freeFrom;
    this.#freeFrom = end;
    if (!this.#limits.wholeMessages) return this.#tell(buffer, start, end, final, room);
    if (final && this.#assembly === null) return this.#tell(buffer, start, end, true, room);
    const assembly = this.#append(buffer, start, end);
    if (final) this.#tellAssembled(assembly);
  }

  #append(buffer: Buffer, start: number, end: number): Assembly {
    const { remaining } = this.#parser;
    this.#assembly ??= new Assembly(end - start + remaining);
    this.#assembly.append(buffer, start, end, remaining);
    return this.#assembly;
  }

  #textGoesOn(buffer: Buffer, start: number, end: number, final: boolean): boolean {
    if (this.#utf8 === UTF8_BOUNDARY && this.#parser.ascii) return true;
    this.#utf8 = checkUtf8(this.#utf8, buffer, start, end);
    return this.#utf8 === UTF8_BOUNDARY || (this.#utf8 !== UTF8_INVALID && !final);
  }

  #tellAssembled(assembly: Assembly): void {
    this.#assembly = null;
    this.first = true;
    this.#tell(assembly.buffer, HEADROOM, assembly.end, true, HEADROOM);
    assembly.release();
  }

  // ── Messages that extensions have encoded ─────────────────────────────────────────────────────────────────

  #gather(buffer: Buffer, start: number, end: number, final: boolean): void {
    if (final && this.#assembly === null) return this.#decode(buffer, start, end);
    const assembly = this.#append(buffer, start, end);
    if (!final) return;
    this.#assembly = null;
    this.#decode(assembly.buffer, HEADROOM, assembly.end);
    assembly.release();
  }

  #decode(buffer: Buffer, start: number, end: number): void {
    const plain = this.#owner.decode(this.#rsv, buffer, start, end);
    if (!Buffer.isBuffer(plain)) return this.onFailure(plain);
    if (!this.binary && checkUtf8(UTF8_BOUNDARY, plain, 0, plain.length) !== UTF8_BOUNDARY) {
      return this.onFailure(FAILURES.text);
    }
    this.first = true;
    const told = this.#tellPieces(plain);
    // What a decoder has given is lent: the rest would be gone when the user lets it go on.
    if (told < plain.length && !this.#stopped) this.#untold = Buffer.from(plain.subarray(told));
  }

  /** Tells until the user holds it back, and returns how much was told. */
  #tellPieces(plain: Buffer): number {
    let at = 0;
    do {
      const end = Math.min(plain.length, at + this.#limits.pieceSize);
      this.#decodedToCome = plain.length - end;
      this.#tell(plain, at, end, end === plain.length, 0);
      at = end;
    } while (at < plain.length && !this.#held && !this.#stopped);
    return at;
  }

  #tellOn(untold: Buffer): void {
    this.#untold = null;
    const told = this.#tellPieces(untold);
    if (told < untold.length && !this.#stopped) this.#untold = untold.subarray(told);
  }

  // ── Telling ──────────────────────────────────────────────────────────────────────────────────────────────

  #tell(buffer: Buffer, start: number, end: number, final: boolean, room: number): void {
    this.final = final;
    this.#owner.onMessage(buffer, start, end, room);
    this.first = false;
  }

  onControl(opcode: number, buffer: Buffer, start: number, end: number): void {
    this.#owner.onControl(opcode, buffer, start, end);
  }

  onFailure(failure: Failure): void {
    this.stop();
    this.#owner.onFailure(failure);
  }
}

const NOBODY: ReceiverOwner = {
  decode: () => FAILURES.callback,
  onMessage() {},
  onControl() {},
  onFailure() {},
};
