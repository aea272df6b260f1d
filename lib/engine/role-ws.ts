import type { CloseInfo } from "../api/protocol.ts";
import { CallbackReason, WriteProtocol } from "../api/reasons.ts";
import type { WsiState } from "../api/wsi.ts";
import { BINARY, CONTINUATION, FAILURES, PING, PONG, TEXT } from "../ws/codes.ts";
import { lend, takeBack } from "../ws/frame.ts";
import { Session, type SessionHandler } from "../ws/session.ts";
import { checkClosePayload } from "./close-code.ts";
import type { Connection } from "./connection.ts";
import { type Outcome, THREW } from "./dispatch.ts";
import type { Piece, Role } from "./role.ts";

const { CLOSED, ESTABLISHED, RECEIVE, RECEIVE_PONG, SERVER_WRITEABLE, WS_PEER_INITIATED_CLOSE } =
  CallbackReason;
const NO_FIN = WriteProtocol.NO_FIN;
const NOTHING = Buffer.alloc(0);

/** The opcode for a write mode that sends a frame of data, by its two low bits. */
const OPCODES = [TEXT, BINARY, CONTINUATION];
const DATA_MODE_BITS = NO_FIN | 3;

/**
 * A connection that is a WebSocket session of a server.
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
  #held = false;
  /** A callback has asked to close: nothing more is received for the user. */
  #deaf = false;
  /** The user was told ESTABLISHED, and has CLOSED coming. */
  #established = false;
  #ended = false;
  #pinged = false;
  /** The callback wants no answer to the peer's Close. */
  #dropped = false;
  /** The loop's time of the last byte that came. */
  #heard: number;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#session = new Session(connection.link, this, connection.bound.limits);
    this.#heard = connection.host.loop.now;
  }

  // ── Beginning ────────────────────────────────────────────────────────────────────────────────────────────

  /** The 101 is written: the session is open. Bytes that came behind the request follow through `onBytes`. */
  establish(): void {
    this.#established = true;
    this.#connection.bound.sessions.add(this.#connection);
    this.#connection.arm(this.#timeouts.ping);
    this.#connection.call(ESTABLISHED, undefined, 0);
  }

  get #timeouts() {
    return this.#connection.host.settings.timeouts;
  }

  // ── What the user sees ───────────────────────────────────────────────────────────────────────────────────

  get state(): WsiState {
    if (this.#ended) return "CLOSED";
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
    const size = this.#session.send(opcode, mode < NO_FIN, data);
    const { stats } = this.#connection;
    stats.bytesSent += size;
    if (mode < NO_FIN) stats.messagesSent++;
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
    const { link, host } = this.#connection;
    if (!this.#session.canSend || !link.writable) return false;
    if (link.queued <= host.settings.maxBufferedBytes) return true;
    this.#session.fail(FAILURES.unread);
    return false;
  }

  close(code: number | undefined, reason: string): void {
    if (!this.#session.canSend) return;
    this.#session.close(code, reason);
    this.#connection.arm(this.#timeouts.close);
  }

  drain(): void {
    this.close(1001, "");
  }

  rxFlowControl(enable: boolean): void {
    if (enable !== this.#held || this.#ended) return;
    this.#held = !enable;
    this.#session.hold(!enable);
    if (!enable) this.#connection.link.pause();
    else this.#connection.later(() => this.#goOn());
  }

  /** What was kept comes first, then the link again. */
  #goOn(): void {
    if (this.#held) return;
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) this.onBytes(kept, 0, kept.length);
    if (!this.#held) this.#connection.link.resume();
  }

  // ── The link ─────────────────────────────────────────────────────────────────────────────────────────────

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#heard = this.#connection.host.loop.now;
    this.#pinged = false;
    const taken = this.#session.receive(buffer, start, end);
    if (taken < end) this.#kept = Buffer.from(buffer.subarray(taken, end));
  }

  onEnd(): void {
    this.#session.streamEnded();
    this.#connection.link.end();
  }

  onWritable(): void {
    if (!this.#ended) this.#connection.call(SERVER_WRITEABLE, undefined, 0);
  }

  onClose(): void {
    this.#session.streamEnded();
    this.#connection.gone();
  }

  onDeadline(): void {
    const { link, host } = this.#connection;
    if (!this.#session.canSend) {
      this.#session.streamEnded();
      return link.destroy();
    }
    const { ping, pong } = this.#timeouts;
    const quiet = host.loop.now - this.#heard;
    // Who reads nothing cannot hear a pong either.
    if (this.#held) return this.#connection.arm(ping);
    if (this.#pinged) return link.destroy();
    if (quiet < ping) return this.#connection.arm(ping - quiet);
    this.#pinged = true;
    this.#session.sendControl(PING, "");
    this.#connection.arm(pong);
  }

  // ── The session ──────────────────────────────────────────────────────────────────────────────────────────

  onMessage(buffer: Buffer, start: number, end: number, room: number): void {
    if (this.#deaf) return;
    const connection = this.#connection;
    const { stats } = connection;
    stats.bytesReceived += end - start;
    if (this.#session.final) stats.messagesReceived++;
    const view = start === end ? NOTHING : buffer.subarray(start, end);
    lend(view, buffer, start, room);
    connection.call(RECEIVE, view, end - start);
    takeBack();
  }

  onPong(buffer: Buffer, start: number, end: number): void {
    if (!this.#deaf) this.#connection.call(RECEIVE_PONG, buffer.subarray(start, end), end - start);
  }

  onPeerClose(code: number, reason: string): boolean {
    const info: CloseInfo = { code, reason, wasClean: true };
    if (this.#connection.call(WS_PEER_INITIATED_CLOSE, info, 0)) return true;
    return !this.#dropped;
  }

  onOver(code: number, reason: string, wasClean: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const connection = this.#connection;
    connection.forget();
    connection.link.end();
    connection.arm(this.#timeouts.close);
    this.#kept = null;
    if (this.#held) connection.link.resume();
    if (!this.#established) return;
    connection.later(() => connection.ask(CLOSED, { code, reason, wasClean } satisfies CloseInfo, 0));
  }

  // ── Outcomes of callbacks ────────────────────────────────────────────────────────────────────────────────

  refused(reason: number, outcome: Outcome): void {
    if (this.#ended) return;
    this.#deaf = true;
    if (outcome === THREW) return this.#session.fail(FAILURES.callback);
    const chosen = this.#connection.takeCloseReason();
    if (reason === WS_PEER_INITIATED_CLOSE) this.#dropped = true;
    else this.close(chosen.code === 0 ? undefined : chosen.code, chosen.reason);
  }

  settled(): void {}
}
