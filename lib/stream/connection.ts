import type { Duplex } from "node:stream";
import { Assembly, HEADROOM } from "../ws/assembly.ts";
import { CLOSE, closeFailure, FAILURES, type Failure, PING, PONG, TOO_BIG } from "../ws/codes.ts";
import { FIN, sendFrame, sendMaskedFrame } from "../ws/frame.ts";
import { type ReceiveLimits, Receiver, type ReceiverOwner } from "../ws/receiver.ts";
import { closePayload } from "../ws/session.ts";
import { ByteStream, type ByteStreamOwner } from "./byte-stream.ts";
import { endGently } from "./end-gently.ts";
import { WsError } from "./errors.ts";
import { Lane, PENDING } from "./lane.ts";

/** How long a connection that has failed may take to say so, in milliseconds. */
const LINGER = 1000;
/** Frames of at most so many bytes leave in one piece by themselves. */
const ONE_CHUNK = 16_384;
/** Bytes of pongs that may wait for a peer that reads none of them. */
const MAX_UNREAD_PONGS = 65_536;

const limits = (server: boolean): ReceiveLimits =>
  Object.freeze({
    server,
    wholeMessages: false,
    rsv: 0,
    pieceSize: 0x3fff_ffff,
    // Each call has a limit of its own, which is looked after here.
    maxMessageSize: Number.MAX_SAFE_INTEGER,
    maxEmptyFragments: 1000,
  });
const SERVER_LIMITS = limits(true);
const CLIENT_LIMITS = limits(false);

/** Where a message goes, whose parts come one behind the other. */
export interface MessageTarget {
  /** The most bytes that it takes. */
  readonly limit: number;
  /** The whole message, bytes `start` to `end`, which are lent until the call returns. */
  put(buffer: Buffer, start: number, end: number): void;
}

/** Messages that nobody wants. */
const NOWHERE: MessageTarget = { limit: Number.POSITIVE_INFINITY, put() {} };

/** What the peer's Close said. */
export interface PeerClose {
  /** 0 when there was no status. */
  readonly status: number;
  readonly message: Buffer;
}

/**
 * A WebSocket connection that is pulled: all of its state, made once and used for one stream after another. The two
 * directions close each for itself, as libdill has it:
 *
 * ```
 *   receiving   open ──peer's Close──► closed (EPIPE, status())        either ──failure──► failed (EPROTO, ECONNRESET)
 *   sending     open ──done, detach──► closed (EPIPE)
 * ```
 */
export class Connection implements ByteStreamOwner, ReceiverOwner {
  readonly bytes = new ByteStream(this);
  readonly receiving = new Lane();
  readonly sending = new Lane();
  /** True between attach and the end of the socket. */
  inUse = false;
  peerClose: PeerClose | null = null;
  readonly #receiver = new Receiver(this, SERVER_LIMITS);
  #server = true;
  #closeSent = false;
  #failure: WsError | null = null;
  /** The stream of a connection that has failed; it is being ended. */
  #ending: Duplex | null = null;
  #unreadPongs = 0;
  /** A message of which a part has come. */
  #assembly: Assembly | null = null;
  #target = NOWHERE;
  /** A message of which a part was thrown away is thrown away to its end. */
  #skipping = false;
  /** The message has come; it was text or binary. */
  #arrived = false;
  #binary = false;

  open(stream: Duplex, server: boolean, initial: Uint8Array): void {
    this.peerClose = null;
    this.#server = server;
    this.#closeSent = false;
    this.#failure = null;
    this.#unreadPongs = 0;
    this.#skipping = false;
    this.#receiver.reset(server ? SERVER_LIMITS : CLIENT_LIMITS);
    this.bytes.open(stream, initial);
    this.inUse = true;
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Gives the stream back. */
  release(): Duplex {
    this.#forget();
    return this.bytes.release();
  }

  /** Destroys the stream; calls that wait are canceled. */
  destroy(): void {
    const stream = this.#ending ?? this.bytes.abandon();
    this.#forget();
    stream.destroy();
    this.cancel();
  }

  /** Ends the calls that wait, for the socket is being closed. */
  cancel(): void {
    const error = closed();
    this.receiving.fail(error);
    this.sending.fail(error);
  }

  /** Ends the stream, behind what was written last. Resolves when it is destroyed. */
  end(linger: number): Promise<void> {
    const stream = this.bytes.abandon();
    this.#forget();
    return endGently(stream, linger);
  }

  #forget(): void {
    this.inUse = false;
    this.#ending = null;
    this.#assembly?.release();
    this.#assembly = null;
    this.#target = NOWHERE;
  }

  /** Fails the connection (RFC 6455 section 7.1.7): tells the peer why, and ends the stream. */
  #fail(failure: Failure, error = failureError(failure)): void {
    this.#failure = error;
    if (!this.#closeSent && this.bytes.stream.writable) this.#sendClose(failure.code, failure.reason);
    this.#closeSent = true;
    this.#assembly = null;
    this.#ending = this.bytes.abandon();
    void endGently(this.#ending, LINGER);
    this.sending.poke();
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Sends one message when the stream has room for it. */
  send(opcode: number, data: Uint8Array | string): typeof PENDING | undefined {
    this.#checkSending();
    if (this.bytes.outlet.choked) return PENDING;
    this.#frame(opcode | FIN, data);
    return undefined;
  }

  /** Sends a Close when the stream has room for it. @param status - 0 for a Close without status. */
  close(status: number, message: string): typeof PENDING | undefined {
    this.#checkSending();
    if (this.bytes.outlet.choked) return PENDING;
    this.#closeSent = true;
    this.#sendClose(status, message);
    return undefined;
  }

  /** Sends a Close unless that was done, and throws everything away up to the peer's. */
  closeBoth(status: number, message: string): typeof PENDING | undefined {
    this.#checkFailure();
    if (!this.#closeSent) {
      if (this.bytes.broken !== null) throw this.bytes.broken;
      // A peer that has ended the stream is owed no Close where the stream has ended with it.
      if (this.bytes.stream.writable && this.close(status, message) === PENDING) return PENDING;
    }
    return this.#drain();
  }

  #checkSending(): void {
    if (this.#closeSent) throw new WsError("EPIPE", "a Close was sent: no message may follow it");
    if (this.bytes.broken !== null) throw this.bytes.broken;
    if (!this.bytes.stream.writable) throw new WsError("EPIPE", "the stream was ended");
  }

  #frame(first: number, data: Uint8Array | string): void {
    const { stream } = this.bytes;
    // A character is at most three bytes of UTF-8 for each of its units.
    const most = typeof data === "string" ? 3 * data.length : data.length;
    if (most <= ONE_CHUNK) this.#encode(first, data);
    else {
      stream.cork();
      this.#encode(first, data);
      stream.uncork();
    }
  }

  #encode(first: number, data: Uint8Array | string): void {
    if (this.#server) sendFrame(this.bytes.outlet, first, data);
    else sendMaskedFrame(this.bytes.outlet, first, data);
  }

  #sendClose(status: number, message: string): void {
    this.#encode(CLOSE | FIN, status === 0 ? "" : closePayload(status, message));
  }

  // ── Receiving ────────────────────────────────────────────────────────────────────────────────────────────

  /** True for binary, false for text: of the message that `receive` has put last. */
  get binary(): boolean {
    return this.#binary;
  }

  /** Puts the next message into `target`. Throws when none can come any more. */
  receive(target: MessageTarget): typeof PENDING | undefined {
    this.#target = target;
    this.#arrived = false;
    while (!this.#arrived) {
      this.#checkReceiving();
      if (this.bytes.more()) this.#feed();
      else if (this.bytes.ended) throw new WsError("EPIPE", "the stream has ended without a Close");
      else if (this.bytes.broken !== null) throw this.bytes.broken;
      else return this.#wait();
    }
    return undefined;
  }

  /** Throws everything away up to the peer's Close or the end of the stream. */
  #drain(): typeof PENDING | undefined {
    this.#checkFailure();
    this.#target = NOWHERE;
    while (this.peerClose === null && !(this.bytes.ended && !this.bytes.holds)) {
      this.#checkReceiving();
      if (this.bytes.more()) this.#feed();
      else if (this.bytes.broken !== null) throw this.bytes.broken;
      else if (!this.bytes.ended) return this.#wait();
    }
    return undefined;
  }

  #wait(): typeof PENDING {
    if (!this.inUse) throw closed();
    this.bytes.want();
    return PENDING;
  }

  /** Feeds what is there, and throws when the peer's bytes fail the connection, or there is no room for them. */
  #feed(): void {
    try {
      this.bytes.feed(this.#receiver);
    } catch (error) {
      // Nothing but a buffer that cannot be had throws there.
      this.#receiver.stop();
      this.#fail(
        FAILURES.callback,
        new WsError("ENOMEM", "there is no memory for the message", { cause: error }),
      );
    }
    if (this.#failure !== null) throw this.#failure;
  }

  #checkFailure(): void {
    // A stream may call what closes the socket while it is read from or written to.
    if (!this.inUse) throw closed();
    if (this.#failure === null) return;
    throw new WsError("ECONNRESET", "the connection has failed", { cause: this.#failure });
  }

  #checkReceiving(): void {
    this.#checkFailure();
    if (this.peerClose !== null) throw new WsError("EPIPE", "the peer has closed");
  }

  onMessage(buffer: Buffer, start: number, end: number): void {
    const receiver = this.#receiver;
    const target = this.#target;
    const assembly = this.#assembly;
    if (target === NOWHERE || this.#skipping) return this.#dropPiece();
    const before = assembly === null ? 0 : assembly.end - HEADROOM;
    if (before + end - start + receiver.remaining > target.limit) return this.onFailure(FAILURES.tooBig);
    if (receiver.final && assembly === null) return this.#arrive(buffer, start, end);
    const whole = (this.#assembly ??= new Assembly(end - start + receiver.remaining));
    whole.append(buffer, start, end, receiver.remaining);
    if (!receiver.final) return;
    this.#arrive(whole.buffer, HEADROOM, whole.end);
    whole.release();
    this.#assembly = null;
  }

  #dropPiece(): void {
    this.#assembly?.release();
    this.#assembly = null;
    this.#skipping = !this.#receiver.final;
  }

  #arrive(buffer: Buffer, start: number, end: number): void {
    this.#receiver.rest();
    this.#arrived = true;
    this.#binary = this.#receiver.binary;
    this.#target.put(buffer, start, end);
  }

  onControl(opcode: number, buffer: Buffer, start: number, end: number): void {
    if (opcode === PING) this.#answerPing(buffer, start, end);
    else if (opcode === CLOSE) this.#peerCloses(buffer, start, end);
  }

  #answerPing(buffer: Buffer, start: number, end: number): void {
    const { stream, outlet } = this.bytes;
    if (this.#closeSent || !stream.writable) return;
    this.#unreadPongs = outlet.choked ? this.#unreadPongs + end - start + 2 : 0;
    if (this.#unreadPongs > MAX_UNREAD_PONGS) return this.onFailure(FAILURES.unreadPongs);
    this.#encode(PONG | FIN, buffer.subarray(start, end));
  }

  #peerCloses(buffer: Buffer, start: number, end: number): void {
    const failure = closeFailure(buffer, start, end);
    if (failure !== null) return this.onFailure(failure);
    const status = start === end ? 0 : buffer.readUInt16BE(start);
    this.peerClose = { status, message: Buffer.from(buffer.subarray(Math.min(start + 2, end), end)) };
    // What comes behind it is for whoever gets the stream next.
    this.#receiver.hold(true);
  }

  onFailure(failure: Failure): void {
    this.#receiver.stop();
    this.#fail(failure);
  }

  /** Nothing is agreed on that would set a reserved bit. */
  decode(): Failure {
    return FAILURES.reservedBits;
  }

  // ── What the stream tells ────────────────────────────────────────────────────────────────────────────────

  onInput(): void {
    this.receiving.poke();
  }

  onRoom(): void {
    this.sending.poke();
    // A detach sends, too.
    this.receiving.poke();
  }
}

function failureError({ code, reason }: Failure): WsError {
  return new WsError(code === TOO_BIG ? "EMSGSIZE" : "EPROTO", reason);
}

const closed = () => new WsError("ECANCELED", "the socket was closed while the call waited");
