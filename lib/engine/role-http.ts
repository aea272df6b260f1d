import { CallbackReason, WriteProtocol } from "../api/reasons.ts";
import type { OutgoingHeaders, WsiState } from "../api/wsi.ts";
import { BodyReader, type BodySink } from "../http/body.ts";
import { HttpFault } from "../http/fault.ts";
import { HeadReader } from "../http/head-reader.ts";
import type { RequestHead } from "../http/request-head.ts";
import { dateText, ERROR_CONTENT_TYPE, encodeFault, errorBody } from "../http/response.ts";
import { type OpenFile, openNamed } from "../serve/source.ts";
import { asksForWebSocket } from "../ws/handshake-server.ts";
import type { Connection } from "./connection.ts";
import { makeUser, NO_USER, type Outcome, THREW } from "./dispatch.ts";
import { FilePump } from "./file-pump.ts";
import { Reply, repliedError, writeLatin1 } from "./reply.ts";
import type { HttpRole, Piece } from "./role.ts";
import { answerFromMounts, fileOrReply, type PlainReply } from "./static.ts";
import { beginUpgrade, type Upgrade } from "./upgrade.ts";

const { CLOSED_HTTP, HTTP, HTTP_BODY, HTTP_BODY_COMPLETION, HTTP_FILE_COMPLETION, HTTP_WRITEABLE } =
  CallbackReason;
const NO_PIECE: Piece = Object.freeze({ remaining: 0, first: true, final: true, binary: true });

/*
 *            ┌────────────── reply and body are over, kept alive ──────────────┐
 *            ▼                                                                  │
 *   ──────► HEAD ──request──► REQUEST ─────────────────────────────────────────┴──► ENDING ──► GONE
 *            └──upgrade──► UPGRADE (its filter is being waited for) ──► RoleWs, or refused ──┘
 */
type Phase = "HEAD" | "REQUEST" | "UPGRADE" | "ENDING" | "GONE";

/**
 * A connection that speaks HTTP/1: one request after the other, replies in their order, until it ends or is upgraded.
 * Bytes of a later request wait until the one before is over.
 */
export class RoleHttp implements HttpRole, BodySink {
  readonly #connection: Connection;
  readonly #reader: HeadReader;
  #phase: Phase = "HEAD";
  #reply: Reply | null = null;
  #body: BodyReader | null = null;
  #pump: FilePump | null = null;
  #upgrade: Upgrade | null = null;
  /** Bytes that wait for their turn; the link is paused meanwhile. */
  #kept: Buffer | null = null;
  #consuming = false;
  #held = false;
  #headArmed = false;
  /** Bytes that were queued when the timer for a slow reader was armed. */
  #queuedThen = 0;
  #served = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#reader = new HeadReader(connection.host.settings.httpLimits);
  }

  /** The connection is new: its request has to come in time. */
  begin(): void {
    this.#connection.arm(this.#timeouts.head);
  }

  get #timeouts() {
    return this.#connection.host.settings.timeouts;
  }

  get state(): WsiState {
    return this.#phase === "GONE" ? "CLOSED" : this.#phase === "ENDING" ? "CLOSING" : "HTTP";
  }

  get piece(): Piece {
    return NO_PIECE;
  }

  get bufferedAmount(): number {
    return this.#connection.link.queued;
  }

  // ── Bytes in ─────────────────────────────────────────────────────────────────────────────────────────────

  onBytes(buffer: Buffer, start: number, end: number): void {
    this.#consuming = true;
    let at = start;
    while (at < end) {
      if (this.#phase === "HEAD") at = this.#head(buffer, at, end);
      else if (this.#phase === "REQUEST" && this.#bodyGoesOn) at = this.#bodyBytes(buffer, at, end);
      else break;
    }
    this.#consuming = false;
    if (at === end || this.#phase === "ENDING" || this.#phase === "GONE") return;
    if (this.#connection.role !== this) return this.#connection.role.onBytes(buffer, at, end);
    this.#kept = Buffer.from(buffer.subarray(at, end));
    this.#connection.link.pause();
  }

  get #bodyGoesOn(): boolean {
    return this.#body !== null && !this.#body.done && !this.#held;
  }

  /** What was kept comes first, then the link again. */
  #goOn(): void {
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) this.onBytes(kept, 0, kept.length);
    // A body whose last bytes were told before it was held has its end still to be told.
    else if (this.#bodyGoesOn) this.#bodyBytes(NOTHING, 0, 0);
    if (this.#kept === null && !this.#held) this.#connection.link.resume();
  }

  #head(buffer: Buffer, at: number, end: number): number {
    const behind = this.#reader.feed(buffer, at, end);
    const head = this.#reader.result;
    if (head === undefined) {
      if (this.#reader.started && this.#served > 0) this.#armOnce(this.#timeouts.head);
    } else if (head instanceof HttpFault) {
      this.#refuse(head);
    } else {
      this.#reader.reset();
      this.#served++;
      this.#request(head);
    }
    return behind;
  }

  /** A head that trickles in has one time limit in all, not one for each piece. */
  #armOnce(ms: number): void {
    if (this.#phase !== "HEAD" || this.#headArmed) return;
    this.#headArmed = true;
    this.#connection.arm(ms);
  }
  #request(head: RequestHead): void {
    const connection = this.#connection;
    connection.disarm();
    this.#headArmed = false;
    connection.request = head;
    connection.bound = connection.host.table.first;
    if (asksForWebSocket(head)) {
      this.#phase = "UPGRADE";
      this.#upgrade = beginUpgrade(connection, head, this.#upgradeRefused);
      return;
    }
    this.#phase = "REQUEST";
    this.#reply = new Reply(connection, head, head.keepAlive && !connection.host.draining);
    this.#body =
      head.body === "none" ? null : new BodyReader(head, this, connection.host.settings.httpLimits);
    if (this.#body?.fault !== undefined) return this.#refuse(this.#body.fault);
    if (head.expect === "unknown") return this.#refuse(EXPECTATION);
    if (!this.#answerFromMount(head)) this.#callProtocol(head);
    if (this.#phase !== "REQUEST" || this.#reply === null) return;
    if (this.#body !== null && head.expect === "continue" && !this.#reply.begun)
      writeLatin1(connection.link, CONTINUE);
    this.#wait();
  }

  #callProtocol(head: RequestHead): void {
    const connection = this.#connection;
    connection.user = makeUser(connection.bound.protocol, connection.host.logger);
    if (connection.user === NO_USER) return this.refused(HTTP, THREW);
    connection.call(HTTP, head.path, head.path.length);
  }

  #answerFromMount(head: RequestHead): boolean {
    const answer = answerFromMounts(this.#connection.host.mounts, head);
    if (answer === null) return false;
    this.#answer(answer, null);
    return true;
  }

  /** @param file - The name that HTTP_FILE_COMPLETION tells when it is sent; null for one that nobody asked for. */
  #answer(answer: OpenFile | PlainReply, file: string | null): void {
    const reply = this.#reply!;
    if (answer.kind === "reply") {
      reply.whole(answer.status, answer.headers, answer.body);
      return this.#replyGoesOn();
    }
    const pump = new FilePump(this.#connection, reply, answer, () => {
      this.#pump = null;
      if (file !== null) this.#connection.call(HTTP_FILE_COMPLETION, file, file.length);
      this.#replyGoesOn();
    });
    this.#pump = pump;
    pump.start(answer);
  }

  // ── Bodies ───────────────────────────────────────────────────────────────────────────────────────────────

  #bodyBytes(buffer: Buffer, at: number, end: number): number {
    const body = this.#body!;
    const behind = body.feed(buffer, at, end);
    if (body.fault !== undefined) this.#refuse(body.fault);
    else if (this.#phase === "REQUEST") this.#wait();
    return behind;
  }

  onBody(buffer: Buffer, start: number, end: number): boolean {
    // Who has answered already is not interested in the rest.
    if (this.#reply?.done) return true;
    this.#connection.call(HTTP_BODY, buffer.subarray(start, end), end - start);
    return !this.#held && this.#phase === "REQUEST";
  }

  onBodyEnd(): void {
    if (!this.#reply?.done) this.#connection.call(HTTP_BODY_COMPLETION, undefined, 0);
    this.#replyGoesOn();
  }

  rxFlowControl(enable: boolean): void {
    if (enable !== this.#held) return;
    this.#held = !enable;
    if (!enable) this.#connection.link.pause();
    else this.#connection.later(() => this.#goOn());
  }

  // ── Replies ──────────────────────────────────────────────────────────────────────────────────────────────

  httpReply(
    status: number,
    headers: OutgoingHeaders | undefined,
    body: string | Uint8Array | undefined,
  ): void {
    this.#replyInProgress("httpReply").whole(status, headers, body);
    this.#replyGoesOn();
  }

  writeHttpHeaders(status: number, headers: OutgoingHeaders | undefined): void {
    this.#replyInProgress("writeHttpHeaders").begin(status, headers);
    this.#replyGoesOn();
  }

  write(data: string | Uint8Array, mode: number): number {
    if (typeof data !== "string" && !(data instanceof Uint8Array))
      throw new TypeError("write takes a string or bytes");
    if (mode !== WriteProtocol.HTTP && mode !== WriteProtocol.HTTP_FINAL) {
      throw new TypeError(`${mode} is not a mode of write for an HTTP reply`);
    }
    const { link, host } = this.#connection;
    if (this.#phase !== "REQUEST" || !link.writable) return -1;
    if (link.queued > host.settings.maxBufferedBytes) {
      link.destroy();
      return -1;
    }
    const size = this.#replyInProgress("write").write(data, mode === WriteProtocol.HTTP_FINAL);
    this.#replyGoesOn();
    return size;
  }

  serveHttpFile(file: string, contentType: string | undefined): void {
    if (this.#replyInProgress("serveHttpFile").begun) throw repliedError();
    this.#answer(fileOrReply(openNamed(file, contentType)), file);
  }

  #replyInProgress(method: string): Reply {
    if (this.#reply === null || this.#phase !== "REQUEST")
      throw new TypeError(`${method}: there is no request to answer`);
    return this.#reply;
  }

  /** After anything that may have ended the reply or the body. */
  #replyGoesOn(): void {
    const reply = this.#reply;
    if (this.#phase !== "REQUEST" || reply === null) return;
    if (!reply.done || this.#pump !== null) return this.#wait();
    // The next request is read only when this reply is out: a reader that is slow has its own time limit.
    if (this.#connection.link.choked) {
      this.#connection.link.requestWritable();
      return this.#wait();
    }
    if (!reply.keepAlive) return this.#end();
    if (this.#body !== null && !this.#body.done) return this.#wait();
    this.#nextRequest();
  }

  #nextRequest(): void {
    this.#phase = "HEAD";
    this.#reply = null;
    this.#body = null;
    const connection = this.#connection;
    connection.user = undefined;
    if (connection.host.draining) return this.#end();
    connection.arm(this.#timeouts.keepAlive);
    if (!this.#consuming) connection.later(() => this.#goOn());
  }

  /** Arms the timer for what the connection is waiting for. */
  #wait(): void {
    if (this.#phase !== "REQUEST" || this.#reply === null) return;
    const { body, reply } = this.#timeouts;
    const waitsForUser = !this.#reply.begun && (this.#body === null || this.#body.done);
    this.#queuedThen = this.#connection.link.queued;
    this.#connection.arm(waitsForUser ? reply : body);
  }

  /** Ends after what is queued. */
  #end(): void {
    if (this.#phase === "ENDING" || this.#phase === "GONE") return;
    this.#phase = "ENDING";
    this.#kept = null;
    this.#pump?.cancel();
    this.#connection.forget();
    this.#connection.link.end();
    this.#connection.link.resume();
    this.#connection.arm(this.#timeouts.close);
  }

  #refuse(fault: HttpFault): void {
    if (this.#reply?.begun) return this.#connection.link.destroy();
    writeLatin1(this.#connection.link, encodeFault(fault, dateText(Date.now())));
    this.#end();
  }

  // ── Upgrades ─────────────────────────────────────────────────────────────────────────────────────────────

  reject(status: number, headers: OutgoingHeaders | undefined, body: string | Uint8Array | undefined): void {
    if (!Number.isInteger(status) || status < 300 || status > 599) {
      throw new RangeError(`reject takes a status of 300 to 599, not ${status}`);
    }
    if (this.#phase !== "UPGRADE") throw new TypeError("reject: there is no upgrade to refuse");
    const reply = new Reply(this.#connection, this.#connection.request!, false);
    reply.whole(status, headers, body);
    this.#end();
  }

  readonly #upgradeRefused = (status: number, message: string, headers: OutgoingHeaders): void => {
    if (this.#phase !== "UPGRADE") return;
    this.#connection.host.logger.debug(`upgrade refused with ${status}: ${message}`);
    this.reject(status, { "content-type": ERROR_CONTENT_TYPE, ...headers }, errorBody(status));
  };

  // ── Outcomes of callbacks ────────────────────────────────────────────────────────────────────────────────

  refused(reason: number, outcome: Outcome): void {
    if (this.#phase === "UPGRADE") return this.#upgrade?.refused(outcome);
    if (this.#phase !== "REQUEST" && this.#phase !== "HEAD") return;
    if (outcome === THREW && this.#reply !== null && !this.#reply.begun) return this.#refuse(INTERNAL);
    if (outcome === THREW && this.#reply !== null && !this.#reply.done)
      return this.#connection.link.destroy();
    if (reason !== CLOSED_HTTP) this.#end();
  }

  settled(): void {
    if (this.#phase === "UPGRADE") this.#upgrade?.accepted();
  }

  // ── The rest of the link ─────────────────────────────────────────────────────────────────────────────────

  onEnd(): void {
    // Half a request will never be whole; one that is being answered still gets its reply.
    if (this.#phase === "REQUEST" && (this.#body === null || this.#body.done)) {
      this.#reply!.keepAlive = false;
    } else {
      this.#end();
    }
  }

  onWritable(): void {
    if (this.#phase !== "REQUEST") return;
    if (this.#pump !== null) this.#pump.go();
    else if (this.#reply?.done) this.#replyGoesOn();
    else this.#connection.call(HTTP_WRITEABLE, undefined, 0);
  }

  onClose(): void {
    this.#phase = "GONE";
    this.#pump?.cancel();
    this.#connection.gone();
    this.#connection.ask(CLOSED_HTTP, undefined, 0);
  }

  onDeadline(): void {
    const { link } = this.#connection;
    if (this.#phase === "HEAD" && this.#reader.started) return this.#refuse(TIMEOUT);
    if (this.#phase === "REQUEST") return this.#requestLate();
    if (this.#phase === "HEAD") this.#end();
    else link.destroy();
  }

  #requestLate(): void {
    const { link, host } = this.#connection;
    if (this.#body !== null && !this.#body.done && !this.#held) return this.#refuse(TIMEOUT);
    if (this.#reply!.begun || this.#held) {
      // A reader that takes bytes, however slowly, and a writer that has none to send, are given time.
      if (link.queued === 0 || link.queued < this.#queuedThen) return this.#wait();
      return link.destroy();
    }
    const { method, path } = this.#connection.request!;
    host.logger.warn(`protocol "${this.#connection.bound.protocol.name}" did not answer ${method} ${path}`);
    this.#refuse(UNANSWERED);
  }

  close(): void {
    if (this.#phase === "UPGRADE") return this.#upgradeRefused(503, "closed by the application", {});
    this.#end();
  }

  drain(): void {
    if (this.#phase === "HEAD") this.#end();
    else if (this.#phase === "UPGRADE") this.#upgradeRefused(503, "the server is going away", {});
    else if (this.#reply !== null) this.#reply.keepAlive = false;
  }
}

const NOTHING = Buffer.alloc(0);
const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
const TIMEOUT = new HttpFault(408, "the request did not come in time");
const INTERNAL = new HttpFault(500, "a callback failed");
const UNANSWERED = new HttpFault(503, "the application gave no answer in time");
const EXPECTATION = new HttpFault(417, "the expectation is not known");
