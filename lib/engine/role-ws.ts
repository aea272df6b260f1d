import type { CloseInfo } from "../api/protocol.ts";
import { CallbackReason, WriteProtocol } from "../api/reasons.ts";
import type { WsiState } from "../api/wsi.ts";
import { describeError } from "../base/log.ts";
import { viewOf } from "../base/view.ts";
import { BINARY, CONTINUATION, FAILURES, PING, PONG, TEXT } from "../ws/codes.ts";
import type { ExtensionStack } from "../ws/extensions.ts";
import { lend, takeBack } from "../ws/frame.ts";
import { Session, type SessionHandler } from "../ws/session.ts";
import { checkClosePayload } from "./close-code.ts";
import type { Connection } from "./connection.ts";
import { type Outcome, THREW } from "./dispatch.ts";
import type { Piece, Role } from "./role.ts";

const { CLOSED, ESTABLISHED, RECEIVE, RECEIVE_PONG, SERVER_WRITEABLE } = CallbackReason;
const { CLIENT_CLOSED, CLIENT_ESTABLISHED, CLIENT_RECEIVE, CLIENT_RECEIVE_PONG, CLIENT_WRITEABLE } =
  CallbackReason;
const { WS_PEER_INITIATED_CLOSE } = CallbackReason;
const { NO_COMPRESS, NO_FIN } = WriteProtocol;
const NOTHING = Buffer.alloc(0);

/** The opcode for a write mode that sends a frame of data, by its two low bits. */
const OPCODES = [TEXT, BINARY, CONTINUATION];
const DATA_MODE_BITS = NO_COMPRESS | NO_FIN | 3;

/** The user holds receiving back. */
const HELD = 1;
/** A callback has asked to close: nothing more is received for the user. */
const DEAF = 2;
/** The user was told ESTABLISHED, and has CLOSED coming. */
const TOLD = 4;
/** The session is over. */
const ENDED = 8;
/** A ping waits for its pong. */
const PINGED = 16;
/** The callback wants no answer to the peer's Close. */
const DROPPED = 32;
/** There are extensions, whose work is limited. */
const EXTENDED = 64;
/** Receiving waits for a later turn: this one has had its work. */
const RESTING = 128;
/** We are the client. */
const CLIENT = 256;

/** The extensions of a session, begun. */
export interface SessionExtensions {
  /** The reserved bits that they use. */
  readonly rsv: number;
  readonly stack: ExtensionStack | null;
}

/**
 * A connection that is a WebSocket session, of a server or a client.
 *
 * It joins the session's rules (`ws/session.ts`) to a link, a timer and a protocol's callback:
 *
 * ```
 *   link.onBytes ──► session.receive ──► onMessage ──► RECEIVE ──► wsi.write ──► session.send ──► link
 * ```
 */
export class RoleWs implements Role, SessionHandler {
  readonly #connection: Connection;
  readonly #session: Session;
  /** Bytes that arrived while the user held receiving back. */
  #kept: Buffer | null = null;
  /** What has happened so far: the bits below. */
  #flags = 0;
  /** What the peer had not taken when the time for closing was armed. */
  #backlogThen = 0;
  /** The loop's time of the last byte that came. */
  #heard: number;

  /**
   * @param held - Receiving was held back before the upgrade already, and the link is paused.
   * @param client - We are the client.
   */
  constructor(
    connection: Connection,
    { rsv, stack }: SessionExtensions,
    held: boolean,
    client: boolean = false,
  ) {
    this.#connection = connection;
    const { bound } = connection;
    const limits = client ? bound.clientLimitsWith(rsv) : bound.limitsWith(rsv);
    this.#session = new Session(connection.link, this, limits, stack);
    if (stack !== null) this.#flags |= EXTENDED;
    if (client) this.#flags |= CLIENT;
    if (held) this.#flags |= HELD;
    if (held) this.#session.hold(true);
    this.#heard = connection.host.loop.now;
  }

  // ── Beginning ────────────────────────────────────────────────────────────────────────────────────────────

  /** The 101 is written, or read: the session is open. Bytes that came behind its head follow through `onBytes`. */
  establish(): void {
    this.#flags |= TOLD;
    this.#connection.bound.sessions.add(this.#connection);
    this.#connection.arm(this.#timeouts.ping);
    this.#connection.call(this.#is(CLIENT) ? CLIENT_ESTABLISHED : ESTABLISHED, undefined, 0);
    this.#connection.compactRequest();
  }

  #is(flag: number): boolean {
    return (this.#flags & flag) !== 0;
  }

  get #timeouts() {
    return this.#connection.host.settings.timeouts;
  }

  // ── What the user sees ───────────────────────────────────────────────────────────────────────────────────

  get state(): WsiState {
    if (this.#is(ENDED)) return "CLOSED";
    return this.#session.canSend ? "ESTABLISHED" : "CLOSING";
  }

  get piece(): Piece {
    return this.#session;
  }

  get bufferedAmount(): number {
    return this.#connection.link.queued;
  }

  write(data: string | Uint8Array, mode: number): number {
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(`write takes a string or bytes, not ${data === null ? "null" : typeof data}`);
    }
    const opcode = (mode & DATA_MODE_BITS) === mode ? OPCODES[mode & 3] : undefined;
    if (opcode === undefined) return this.#writeControl(data, mode);
    if (!this.#mayWrite()) return -1;
    const fin = (mode & NO_FIN) === 0;
    const size = this.#session.send(opcode, fin, data, mode >= NO_COMPRESS);
    if (size < 0) return -1;
    this.#connection.bytesSent += size;
    if (fin) this.#connection.messagesSent++;
    return size;
  }

  #writeControl(data: string | Uint8Array, mode: number): number {
    if (mode === WriteProtocol.PING) return this.#mayWrite() ? this.#session.sendControl(PING, data) : -1;
    if (mode === WriteProtocol.PONG) return this.#mayWrite() ? this.#session.sendControl(PONG, data) : -1;
    if (mode !== WriteProtocol.CLOSE)
      throw new TypeError(`${mode} is not a mode of write for a WebSocket session`);
    const { code, reason, size } = checkClosePayload(data);
    if (!this.#mayWrite()) return -1;
    this.close(code, reason);
    return size;
  }

  #mayWrite(): boolean {
    const { link } = this.#connection;
    if (!this.#session.canSend || !link.writable) return false;
    if (link.queued <= this.#connection.bound.limits.maxBufferedBytes) return true;
    this.#session.fail(FAILURES.unread);
    return false;
  }

  close(code: number | undefined, reason: string): void {
    if (!this.#session.canSend) return;
    this.#session.close(code, reason);
    this.#armClose();
    // The peer's answer is read even by who would hear nothing more.
    if (this.#is(HELD)) {
      this.#flags |= DEAF;
      this.rxFlowControl(true);
    }
  }

  #armClose(): void {
    this.#backlogThen = this.#connection.link.backlog;
    this.#connection.arm(this.#timeouts.close);
  }

  terminate(): void {
    this.#flags |= DEAF;
    this.#session.streamEnded();
    this.#connection.link.destroy();
  }

  drain(): void {
    this.close(1001, "");
  }

  get held(): boolean {
    return this.#is(HELD);
  }

  callbackOnWritable(): void {
    this.#connection.link.requestWritable();
  }

  rxFlowControl(enable: boolean): void {
    if (enable !== this.#is(HELD) || this.#is(ENDED)) return;
    this.#flags ^= HELD;
    this.#session.hold(!enable);
    if (!enable) this.#connection.link.pause();
    else this.#connection.later(() => this.#goOn());
  }

  /** What was kept comes first, then the link again. */
  #goOn(): void {
    if (this.#is(HELD | RESTING)) return;
    // The session too may have something to tell that it was held back from.
    const kept = this.#kept ?? NOTHING;
    this.#kept = null;
    const taken = this.#session.receive(kept, 0, kept.length);
    // Not copied again and again, however often it is held and taken up.
    if (taken < kept.length && !this.#is(ENDED)) this.#kept = kept.subarray(taken);
    if (!this.#rests() && !this.#is(HELD)) this.#connection.link.resume();
  }

  /** True when what is left waits for a later turn. */
  #rests(): boolean {
    if (!this.#is(RESTING)) return false;
    if (this.#kept === null || this.#is(ENDED)) {
      this.#flags &= ~RESTING;
      return false;
    }
    this.#connection.link.pause();
    this.#connection.host.work.rest(this);
    return true;
  }

  goOn(): void {
    this.#flags &= ~RESTING;
    if (!this.#is(ENDED)) this.#goOn();
  }

  // ── The link ─────────────────────────────────────────────────────────────────────────────────────────────

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#heard = this.#connection.host.loop.now;
    if (this.#is(PINGED)) this.#answered();
    if (this.#kept !== null || this.#is(RESTING)) return this.#keep(buffer.subarray(start, end));
    if (this.#is(EXTENDED) && this.#connection.host.work.spent) {
      this.#flags |= RESTING;
      this.#keep(buffer.subarray(start, end));
      return void this.#rests();
    }
    const taken = this.#session.receive(buffer, start, end);
    if (taken < end && !this.#is(ENDED)) this.#kept = Buffer.from(buffer.subarray(taken, end));
    this.#rests();
  }

  /** More behind what is kept already. */
  #keep(more: Buffer): void {
    this.#kept = this.#kept === null ? Buffer.from(more) : Buffer.concat([this.#kept, more]);
  }

  #answered(): void {
    this.#flags &= ~PINGED;
    if (this.#session.canSend) this.#connection.arm(this.#timeouts.ping);
  }

  onEnd(): void {
    this.#session.streamEnded();
    this.#connection.link.end();
  }

  onWritable(): void {
    if (this.#is(ENDED)) return;
    this.#connection.call(this.#is(CLIENT) ? CLIENT_WRITEABLE : SERVER_WRITEABLE, undefined, 0);
  }

  onClose(): void {
    this.#session.streamEnded();
    if (!this.#is(TOLD)) return this.#connection.gone();
    // CLOSED is put off to the end of the turn; until it is told the connection counts, and is waited for.
    this.#connection.disarm();
    this.#connection.later(() => this.#connection.gone());
  }

  onDeadline(): void {
    const { link, host } = this.#connection;
    if (!this.#session.canSend) {
      // A peer that still takes what was sent before, however slowly, has its time behind that.
      if (link.backlog < this.#backlogThen) return this.#armClose();
      this.#session.streamEnded();
      return link.destroy();
    }
    const { ping, pong } = this.#timeouts;
    const quiet = host.loop.now - this.#heard;
    // Who reads nothing cannot hear a pong either.
    if (this.#is(HELD)) return this.#connection.arm(ping);
    if (this.#is(PINGED)) return link.destroy();
    if (quiet < ping) return this.#connection.arm(ping - quiet);
    this.#flags |= PINGED;
    this.#session.sendControl(PING, "");
    this.#connection.arm(pong);
  }

  // ── The session ──────────────────────────────────────────────────────────────────────────────────────────

  onMessage(buffer: Buffer, start: number, end: number, room: number): void {
    if (this.#is(DEAF)) return;
    const connection = this.#connection;
    connection.bytesReceived += end - start;
    if (this.#session.final) connection.messagesReceived++;
    const view = start === end ? NOTHING : viewOf(buffer, start, end);
    lend(view, buffer, start, room);
    connection.call(this.#is(CLIENT) ? CLIENT_RECEIVE : RECEIVE, view, end - start);
    takeBack();
    if (this.#is(EXTENDED) && connection.host.work.spent) {
      this.#flags |= RESTING;
      this.#session.rest();
    }
  }

  onPong(buffer: Buffer, start: number, end: number): void {
    if (this.#is(DEAF)) return;
    const reason = this.#is(CLIENT) ? CLIENT_RECEIVE_PONG : RECEIVE_PONG;
    this.#connection.call(reason, buffer.subarray(start, end), end - start);
  }

  onPeerClose(code: number, reason: string): boolean {
    const info: CloseInfo = { code, reason, wasClean: true };
    if (this.#connection.call(WS_PEER_INITIATED_CLOSE, info, 0)) return true;
    return !this.#is(DROPPED);
  }

  onExtensionError(error: unknown): void {
    this.#connection.host.logger.error(`an extension threw: ${describeError(error)}`);
  }

  onExtensionWork(bytes: number): void {
    this.#connection.host.work.spend(bytes);
  }

  get deaf(): boolean {
    return this.#is(DEAF);
  }

  onOver(code: number, reason: string, wasClean: boolean): void {
    if (this.#is(ENDED)) return;
    this.#flags |= ENDED;
    const connection = this.#connection;
    connection.forget();
    // The server closes first, so that TIME_WAIT is its own and not the client's (RFC 6455 section 7.1.1).
    if (!wasClean || !this.#is(CLIENT)) connection.link.end();
    this.#armClose();
    this.#kept = null;
    if (this.#is(HELD | RESTING)) connection.link.resume();
    if (!this.#is(TOLD)) return;
    const told = this.#is(CLIENT) ? CLIENT_CLOSED : CLOSED;
    connection.later(() => {
      this.#flags &= ~TOLD;
      connection.tellEnd(told, { code, reason, wasClean });
    });
  }

  // ── Outcomes of callbacks ────────────────────────────────────────────────────────────────────────────────

  refused(reason: number, outcome: Outcome): void {
    if (this.#is(ENDED)) return;
    this.#flags |= DEAF;
    if (outcome === THREW) return this.#session.fail(FAILURES.callback);
    const closing = this.#connection.takeClosing();
    if (reason === WS_PEER_INITIATED_CLOSE) this.#flags |= DROPPED;
    else this.close(closing?.code, closing?.reason ?? "");
  }
}
