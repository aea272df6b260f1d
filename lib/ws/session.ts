import { codedError } from "../base/errors.ts";
import type { Outlet } from "../base/outlet.ts";
import { checkUtf8, UTF8_BOUNDARY, UTF8_INVALID } from "../base/utf8.ts";
import {
  ABNORMAL,
  BINARY,
  CLOSE,
  CONTINUATION,
  closeFailure,
  FAILURES,
  type Failure,
  MAX_CONTROL_PAYLOAD,
  NO_STATUS,
  PING,
  PONG,
  TEXT,
} from "./codes.ts";
import type { ExtensionStack } from "./extensions.ts";
import { FIN, sendFrame, sendMaskedFrame } from "./frame.ts";
import { type ReceiveLimits, Receiver, type ReceiverOwner } from "./receiver.ts";

/** What a session tells. Ranges of bytes are lent until the call returns. */
export interface SessionHandler {
  /**
   * Payload: a piece of a message, or a whole one with `wholeMessages`. `session.binary`, `first`, `final`
   * and `remaining` tell of it; `room` bytes in front of it are free to be overwritten.
   */
  onMessage(buffer: Buffer, start: number, end: number, room: number): void;
  onPong(buffer: Buffer, start: number, end: number): void;
  /** The peer's Close, when it began to close. True to answer it, false to drop the connection. */
  onPeerClose(code: number, reason: string): boolean;
  /**
   * The session is over, by its rules or by a broken one; told once. What it had to send is sent: the byte stream
   * below is to be ended (`wasClean` or not), and nothing more is told.
   */
  onOver(code: number, reason: string, wasClean: boolean): void;
  /** An extension threw, which it never should; the session fails with 1011 behind this, if it is not over. */
  onExtensionError(error: unknown): void;
  /** Extensions have encoded or decoded a message of so many bytes. */
  onExtensionWork(bytes: number): void;
  /** True when messages are told to nobody any more: they need not be decoded. */
  readonly deaf: boolean;
}

/** What bounds a session; one frozen object for all sessions of a protocol. */
export interface SessionLimits extends ReceiveLimits {
  /** Bytes that may wait for a peer before it is given up. */
  readonly maxBufferedBytes: number;
  /** Check that text which is given as bytes is UTF-8. */
  readonly validateOutgoing: boolean;
}

const NOTHING = Buffer.alloc(0);

/** Bytes of pongs that may wait for a peer that reads none of them. */
const MAX_UNREAD_PONGS = 65_536;

/** What `send` is in the midst of: nothing, a binary message, or else a text in this state of its UTF-8. */
const NO_MESSAGE = -2;
const BINARY_MESSAGE = -3;

/*
 * The order of closing (RFC 6455 section 7.1), from either side:
 *
 *              close()                     peer's Close
 *      OPEN ───────────► CLOSING ──────────────────────────► OVER   both sent one: clean
 *        │                  │  end of the stream, failure ──► OVER   not clean
 *        └── peer's Close, answered ───────────────────────► OVER   clean
 */
const OPEN = 0;
const CLOSING = 1;
const OVER = 2;

/**
 * Everything after the handshake, for either role, over any outlet: messages, pings, closing, failing
 * (RFC 6455 sections 5 to 7). Bytes in through `receive`, bytes out through the outlet; no socket, no clock.
 */
export class Session implements ReceiverOwner {
  readonly #outlet: Outlet;
  readonly #handler: SessionHandler;
  readonly #limits: SessionLimits;
  readonly #extensions: ExtensionStack | null;
  #state = OPEN;
  /** The message that `send` began with fin = false. */
  #sending = NO_MESSAGE;
  #held = false;
  #unreadPongs = 0;
  /** Bytes that were queued at the last ping. */
  #queuedThen = 0;
  /** There only while a message is in progress. */
  #receiver: Receiver | null = null;

  /** @param extensions - What both sides have agreed on; `limits.rsv` holds their bits. */
  constructor(
    outlet: Outlet,
    handler: SessionHandler,
    limits: SessionLimits,
    extensions: ExtensionStack | null = null,
  ) {
    this.#outlet = outlet;
    this.#handler = handler;
    this.#limits = limits;
    this.#extensions = extensions;
  }

  /** True until a Close was sent or the session is over: messages may be sent. */
  get canSend(): boolean {
    return this.#state === OPEN;
  }

  get over(): boolean {
    return this.#state === OVER;
  }

  // Of what `onMessage` tells: bytes of its frame still to come, first and last piece of its message, binary or text.
  get remaining(): number {
    return this.#receiver === null ? 0 : this.#receiver.remaining;
  }
  get first(): boolean {
    return this.#receiver === null || this.#receiver.first;
  }
  get final(): boolean {
    return this.#receiver === null || this.#receiver.final;
  }
  get binary(): boolean {
    return this.#receiver?.binary === true;
  }

  /** Takes bytes, which are unmasked in place, and returns the offset behind the last one taken; see `hold`. */
  receive(buffer: Buffer, start: number, end: number): number {
    if (this.#state === OVER) return end;
    if (this.#receiver === null) {
      this.#receiver = Receiver.take(this, this.#limits);
      this.#receiver.hold(this.#held);
    }
    const receiver = this.#receiver;
    const taken = receiver.feed(buffer, start, end);
    if (receiver.idle) {
      this.#receiver = null;
      receiver.release();
    }
    return taken;
  }

  /** Makes this `receive` stop behind the message that is being told right now. */
  rest(): void {
    this.#receiver?.rest();
  }

  /** Makes `receive` stop behind what is being told right now, or go on. */
  hold(held: boolean): void {
    this.#held = held;
    this.#receiver?.hold(held);
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Sends a message or a fragment of one, and returns its size in bytes; -1 when an extension threw, which ends the
   * session. Only while `canSend`.
   *
   * @param opcode - TEXT, BINARY or CONTINUATION.
   * @param plain - Keep extensions from encoding it; of a message in fragments the first one decides.
   * @throws Error `ERR_SEQUENCE` for a continuation of nothing, or a new message inside an open one; `ERR_INVALID_UTF8`
   *   with `validateOutgoing` for text in bytes that are not. Nothing is sent then, and nothing has changed.
   */
  send(opcode: number, fin: boolean, data: Uint8Array | string, plain = false): number {
    if ((opcode === CONTINUATION) !== (this.#sending !== NO_MESSAGE)) throw sequenceError(opcode);
    const message = this.#limits.validateOutgoing ? this.#checkText(opcode, fin, data) : BINARY_MESSAGE;
    const size =
      this.#extensions === null
        ? this.#frame(fin ? opcode | FIN : opcode, data)
        : this.#sendEncoded(this.#extensions, opcode, fin, data, plain);
    this.#sending = fin ? NO_MESSAGE : message;
    return size;
  }

  /** The message behind this fragment. */
  #checkText(opcode: number, fin: boolean, data: Uint8Array | string): number {
    if (opcode === BINARY || (opcode === CONTINUATION && this.#sending === BINARY_MESSAGE))
      return BINARY_MESSAGE;
    const before = opcode === TEXT ? UTF8_BOUNDARY : this.#sending;
    const behind =
      typeof data === "string" ? behindString(before, data) : checkUtf8(before, data, 0, data.length);
    if (behind === UTF8_INVALID || (fin && behind !== UTF8_BOUNDARY)) throw notUtf8();
    return behind;
  }

  #sendEncoded(
    extensions: ExtensionStack,
    opcode: number,
    fin: boolean,
    data: Uint8Array | string,
    plain: boolean,
  ): number {
    const first = opcode !== CONTINUATION;
    // A character is at most three bytes of UTF-8 for each of its units.
    if (first && fin && extensions.leaves(typeof data === "string" ? 3 * data.length : data.length)) {
      return this.#frame(opcode | FIN, data);
    }
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    let payload: Uint8Array;
    try {
      payload = extensions.encode(bytes, first, fin, plain);
    } catch (error) {
      // What went before it may have counted on this message to arrive.
      this.#handler.onExtensionError(error);
      this.fail(FAILURES.callback);
      return -1;
    }
    const rsv = first ? extensions.rsv : 0;
    if (payload !== bytes) this.#handler.onExtensionWork(bytes.length);
    this.#frame((fin ? opcode | FIN : opcode) | rsv, payload);
    return bytes.length;
  }

  /** Sends a PING or PONG; returns the size of its payload. Throws a RangeError over 125 bytes. */
  sendControl(opcode: number, data: Uint8Array | string): number {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (bytes.length > MAX_CONTROL_PAYLOAD) {
      throw new RangeError(`a control frame takes at most ${MAX_CONTROL_PAYLOAD} bytes, not ${bytes.length}`);
    }
    return this.#frame(opcode | FIN, bytes);
  }

  /** Begins to close; without a code the frame is empty. The caller has checked code and reason. */
  close(code?: number, reason = ""): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#sendClose(code ?? NO_STATUS, reason);
  }

  /** Fails the connection (section 7.1.7): tells the peer why, if it may still be told, and is over. */
  fail(failure: Failure): void {
    if (this.#state === OPEN) this.#sendClose(failure.code, failure.reason);
    this.#finish(failure.code, failure.reason, false);
  }

  /** The byte stream has ended, whatever the reason. */
  streamEnded(): void {
    this.#finish(ABNORMAL, "", false);
  }

  #frame(first: number, data: Uint8Array | string): number {
    return this.#limits.server
      ? sendFrame(this.#outlet, first, data)
      : sendMaskedFrame(this.#outlet, first, data);
  }

  #sendClose(code: number, reason: string): void {
    this.#frame(CLOSE | FIN, code === NO_STATUS ? "" : closePayload(code, reason));
  }

  #finish(code: number, reason: string, wasClean: boolean): void {
    if (this.#state === OVER) return;
    this.#state = OVER;
    this.#receiver?.stop();
    this.#receiver = null;
    this.#closeExtensions();
    this.#handler.onOver(code, reason, wasClean);
  }

  #closeExtensions(): void {
    try {
      this.#extensions?.close();
    } catch (error) {
      this.#handler.onExtensionError(error);
    }
  }

  // ── Receiving: what the receiver tells ───────────────────────────────────────────────────────────────────

  decode(rsv: number, buffer: Buffer, start: number, end: number): Buffer | Failure {
    if (this.#extensions === null) return FAILURES.reservedBits;
    if (this.#handler.deaf) return NOTHING;
    try {
      const plain = this.#extensions.decode(rsv, buffer, start, end, this.#limits.maxMessageSize);
      this.#handler.onExtensionWork(Buffer.isBuffer(plain) ? plain.length : this.#limits.maxMessageSize);
      return plain;
    } catch (error) {
      this.#handler.onExtensionError(error);
      return FAILURES.callback;
    }
  }

  onMessage(buffer: Buffer, start: number, end: number, room: number): void {
    this.#handler.onMessage(buffer, start, end, room);
  }

  onControl(opcode: number, buffer: Buffer, start: number, end: number): void {
    if (opcode === PONG) this.#handler.onPong(buffer, start, end);
    else if (opcode === PING) this.#answerPing(buffer, start, end);
    else this.#peerClose(buffer, start, end);
  }

  /** Each ping gets its own pong, in order, as long as the peer takes them (section 5.5.3). */
  #answerPing(buffer: Buffer, start: number, end: number): void {
    if (this.#state !== OPEN) return;
    const { queued, choked } = this.#outlet;
    // Less is queued than at the ping before, so the peer reads.
    if (!choked || queued < this.#queuedThen) this.#unreadPongs = 0;
    this.#queuedThen = queued;
    this.#unreadPongs += end - start + 2;
    if (this.#unreadPongs > MAX_UNREAD_PONGS || queued > this.#limits.maxBufferedBytes) {
      return this.fail(FAILURES.unreadPongs);
    }
    this.#frame(PONG | FIN, buffer.subarray(start, end));
  }

  #peerClose(buffer: Buffer, start: number, end: number): void {
    const failure = closeFailure(buffer, start, end);
    if (failure !== null) return this.fail(failure);
    const size = end - start;
    const code = size === 0 ? NO_STATUS : buffer.readUInt16BE(start);
    const reason = size > 2 ? buffer.toString("utf8", start + 2, end) : "";
    this.#receiver?.stop();
    let clean = true;
    if (this.#state === OPEN) {
      clean = this.#handler.onPeerClose(code, reason);
      // The callback may have sent a Close of its own.
      if (clean && this.#state === OPEN) this.#sendClose(code, "");
    }
    this.#finish(code, reason, clean);
  }

  onFailure(failure: Failure): void {
    this.fail(failure);
  }
}

/** The payload of a Close frame: the code in two bytes, big endian, and the reason. */
export function closePayload(code: number, reason: string): Buffer {
  const payload = Buffer.allocUnsafe(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code, 0);
  payload.write(reason, 2);
  return payload;
}

function sequenceError(opcode: number): Error {
  const name = opcode === TEXT ? "TEXT" : "BINARY";
  return codedError(
    "ERR_SEQUENCE",
    opcode === CONTINUATION
      ? "CONTINUATION without a message: begin one with TEXT | NO_FIN or BINARY | NO_FIN"
      : `${name} inside a message: go on with CONTINUATION, and leave NO_FIN out to end it`,
  );
}

function notUtf8(): Error {
  return codedError("ERR_INVALID_UTF8", "a text message takes UTF-8; send other bytes as BINARY");
}

/** A string is whole characters: it cannot end one that bytes have begun. */
function behindString(before: number, text: string): number {
  return before === UTF8_BOUNDARY || text === "" ? before : UTF8_INVALID;
}
