import { CallbackReason, WriteProtocol } from "../api/reasons.ts";
import type { OutgoingHeaders, WsiState } from "../api/wsi.ts";
import { codedError } from "../base/errors.ts";
import { HttpFault } from "../http/fault.ts";
import { HeadReader } from "../http/head-reader.ts";
import type { RequestHead } from "../http/request-head.ts";
import { dateText, encodeFault } from "../http/response.ts";
import { asksForWebSocket } from "../ws/handshake-server.ts";
import type { Connection } from "./connection.ts";
import { type Outcome, THREW } from "./dispatch.ts";
import { errorPage } from "./error-page.ts";
import { Exchange, TIMEOUT } from "./exchange.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";
import { defaultHeaders, Reply, writeLatin1 } from "./reply.ts";
import type { HttpRole, Piece } from "./role.ts";
import type { Serving } from "./serving.ts";
import { beginUpgrade, refuseDraining } from "./upgrade.ts";

const NO_PIECE: Piece = Object.freeze({ remaining: 0, first: true, final: true, binary: true });
const NOTHING = Buffer.alloc(0);
const TOO_MANY = new HttpFault(429, "there are enough requests from this address");

/*
 *            ┌────────── request and reply are over, kept alive ──────────┐
 *            ▼                                                            │
 *   ──────► HEAD ──request──► EXCHANGE ───────────────────────────────────┴──► ENDING ──► GONE
 *            └──upgrade──► UPGRADE (its filter is being waited for) ──► RoleWs, or refused ─┘
 */
type Phase = "HEAD" | "EXCHANGE" | "UPGRADE" | "REFUSING" | "ENDING" | "GONE";

/**
 * A connection that speaks HTTP/1: one request after the other, replies in their order, until it ends or is upgraded.
 * Bytes of a later request wait until the one before is over.
 */
export class RoleHttp implements HttpRole, ExchangeOwner {
  readonly #connection: Connection;
  readonly #reader: HeadReader;
  readonly #guard: ((head: RequestHead) => HttpFault) | null;
  #phase: Phase = "HEAD";
  #exchange: Exchange | null = null;
  /** Bytes that wait for their turn; the link is paused meanwhile. */
  #kept: Buffer | null = null;
  #consuming = false;
  #held = false;
  /** The first request has its time from the connection on; a later one, from its first byte on. */
  #headTimed = true;
  /** The loop's time when the request that is read or served began to come. */
  #since = 0;

  /** @param guard - What every request is refused with, instead of being served. */
  constructor(connection: Connection, guard: ((head: RequestHead) => HttpFault) | null = null) {
    this.#connection = connection;
    this.#guard = guard;
    this.#reader = new HeadReader(connection.host.settings.httpLimits);
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
    this.#consume(buffer, start, end, false);
  }

  /** @param owned - The buffer is ours to keep: what was kept before is not copied again and again. */
  #consume(buffer: Buffer, start: number, end: number, owned: boolean): void {
    this.#consuming = true;
    let at = start;
    while (at < end) {
      if (this.#phase === "HEAD") at = this.#readHead(buffer, at, end);
      else if (this.#phase === "EXCHANGE" && this.#exchange!.takesBody)
        at = this.#exchange!.feedBody(buffer, at, end);
      else break;
    }
    this.#consuming = false;
    if (at === end || this.#phase === "ENDING" || this.#phase === "GONE") return;
    if (this.#connection.role !== this) return this.#connection.role.onBytes(buffer, at, end);
    const rest = buffer.subarray(at, end);
    this.#kept = owned ? rest : Buffer.from(rest);
    this.#connection.link.pause();
  }

  /** What was kept comes first, then the link again. */
  #goOn(): void {
    if (this.#connection.role !== this) return;
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) this.#consume(kept, 0, kept.length, true);
    // A body whose last bytes were told before it was held has its end still to be told.
    else if (this.#exchange?.takesBody) this.#exchange.feedBody(NOTHING, 0, 0);
    if (this.#kept === null && !this.#held && !this.#bodyHeld) this.#connection.link.resume();
  }

  get #bodyHeld(): boolean {
    const exchange = this.#exchange;
    return exchange?.awaitsBody === true && !exchange.takesBody;
  }

  pace(flows: boolean): void {
    if (flows) this.#connection.later(() => this.#goOn());
    else this.#connection.link.pause();
  }

  #readHead(buffer: Buffer, at: number, end: number): number {
    if (!this.#reader.started) this.#since = this.#connection.host.loop.now;
    const behind = this.#reader.feed(buffer, at, end);
    const head = this.#reader.result;
    if (head === undefined) this.#timeHead();
    else if (head instanceof HttpFault) this.refuse(head);
    else this.#request(head);
    return behind;
  }

  /** A head that trickles in has one time limit in all, not one for each piece. */
  #timeHead(): void {
    if (this.#headTimed || !this.#reader.started) return;
    this.#headTimed = true;
    this.#connection.arm(this.#timeouts.head);
  }

  #request(head: RequestHead): void {
    const connection = this.#connection;
    this.#reader.reset();
    connection.request = head;
    connection.bound = connection.host.table.first;
    if (this.#guard !== null) return this.refuse(this.#guard(head), head);
    const { client, host } = connection;
    if (client !== null && !host.admission.request(client, head)) return this.refuse(TOO_MANY, head);
    if (asksForWebSocket(head)) {
      this.#phase = "UPGRADE";
      const waits = beginUpgrade(connection, head, this.#upgradeRefused, this.#upgraded);
      if (waits) connection.arm(this.#timeouts.reply);
      else this.#logUpgrade();
    } else {
      this.#phase = "EXCHANGE";
      this.#exchange = new Exchange(connection, head, this);
      this.#exchange.start();
    }
  }

  terminate(): void {
    if (this.#phase === "GONE") return;
    this.#exchange?.cancel();
    this.#phase = "ENDING";
    this.#connection.forget();
    this.#connection.link.destroy();
  }

  get held(): boolean {
    return this.#held;
  }

  callbackOnWritable(): void {
    this.#exchange?.callbackOnWritable();
  }

  rxFlowControl(enable: boolean): void {
    const changed = enable === this.#held;
    this.#held = !enable;
    // Though nothing was held by it: who asks for the body wants the callbacks to have it.
    this.#exchange?.hold(this.#held);
    if (changed) this.pace(enable);
  }

  // ── The exchange ─────────────────────────────────────────────────────────────────────────────────────────

  exchangeOver(keepAlive: boolean): void {
    const connection = this.#connection;
    this.#exchange = null;
    connection.user = undefined;
    if (connection.client !== null) connection.host.admission.requestOver(connection.client);
    if (!keepAlive || connection.host.draining) return this.end();
    this.#phase = "HEAD";
    this.#headTimed = false;
    connection.arm(this.#timeouts.keepAlive);
    // Who held a body back held that one.
    const wasHeld = this.#held;
    this.#held = false;
    if (!this.#consuming || wasHeld) connection.later(() => this.#goOn());
  }

  /** @param head - The request; null where none could be read. */
  refuse(fault: HttpFault, head = this.#exchange === null ? null : this.#connection.request): void {
    // A reply that is whole is the peer's, whatever the rest of its request turns out to be; half of one is worth nothing.
    if (this.#exchange?.answered === true) return this.end();
    if (this.#exchange?.unanswered === false) return this.#connection.link.destroy();
    const { host, link, remoteAddress } = this.#connection;
    const page = errorPage(host, fault.status, head);
    const body = Buffer.from(page.body as string);
    const date = dateText(Date.now());
    const defaults = defaultHeaders(this.#connection);
    writeLatin1(link, encodeFault(fault, date, page.contentType, body.length, defaults));
    const sent = head?.method === "HEAD" ? 0 : body.length;
    if (sent > 0) link.send(body, 0, sent);
    host.accessLog?.add(remoteAddress, head, fault.status, sent, this.#since);
    this.end();
  }

  end(): void {
    if (this.#phase === "ENDING" || this.#phase === "GONE") return;
    this.#phase = "ENDING";
    this.#kept = null;
    this.#exchange?.cancel();
    this.#connection.forget();
    this.#connection.link.end();
    this.#connection.link.resume();
    this.#connection.arm(this.#timeouts.close);
  }

  failedLate(): void {
    if (this.#phase === "EXCHANGE") this.#exchange!.endAfterReply();
    else if (this.#phase === "HEAD" && !this.#reader.started) this.end();
  }

  get serving(): Serving | null {
    return this.#exchange;
  }

  #inExchange(method: string): Exchange {
    if (this.#phase === "UPGRADE")
      throw codedError("ERR_UPGRADE", `${method}: use reject to refuse an upgrade`);
    if (this.#exchange === null) throw codedError("ERR_REPLIED", `${method}: no request waits for an answer`);
    return this.#exchange;
  }

  httpReply(
    status: number,
    headers: OutgoingHeaders | undefined,
    body: string | Uint8Array | undefined,
  ): void {
    this.#inExchange("httpReply").httpReply(status, headers, body);
  }

  writeHttpHeaders(status: number, headers: OutgoingHeaders | undefined): void {
    this.#inExchange("writeHttpHeaders").writeHttpHeaders(status, headers);
  }

  serveHttpFile(file: string, contentType: string | undefined): void {
    this.#inExchange("serveHttpFile").serveHttpFile(file, contentType);
  }

  write(data: string | Uint8Array, mode: number): number {
    if (typeof data !== "string" && !(data instanceof Uint8Array)) {
      throw new TypeError(`write takes a string or bytes, not ${data === null ? "null" : typeof data}`);
    }
    if (mode !== WriteProtocol.HTTP && mode !== WriteProtocol.HTTP_FINAL) {
      throw new TypeError(`${mode} is not a mode of write for an HTTP reply`);
    }
    return this.#exchange === null ? -1 : this.#exchange.write(data, mode);
  }

  // ── Upgrades ─────────────────────────────────────────────────────────────────────────────────────────────

  reject(status: number, headers: OutgoingHeaders | undefined, body: string | Uint8Array | undefined): void {
    if (!Number.isInteger(status) || status < 300 || status > 599) {
      throw new RangeError(`reject takes a status of 300 to 599, not ${status}`);
    }
    if (this.#phase === "GONE" || this.#phase === "ENDING") return;
    if (this.#phase !== "UPGRADE") throw new TypeError("reject: there is no upgrade to refuse");
    // What ADD_HEADERS does meanwhile is no second refusal.
    this.#phase = "REFUSING";
    const reply = new Reply(this.#connection, this.#connection.request!, false);
    try {
      reply.whole(status, headers, body);
    } catch (error) {
      this.#phase = "UPGRADE";
      throw error;
    }
    reply.over();
    this.end();
  }

  readonly #upgradeRefused = (status: number, message: string, headers: OutgoingHeaders): void => {
    if (this.#phase !== "UPGRADE") return;
    this.#connection.host.logger.debug(`upgrade refused with ${status}: ${message}`);
    const { contentType, body } = errorPage(this.#connection.host, status, this.#connection.request);
    this.reject(status, { "content-type": contentType, ...headers }, body);
  };

  /** The session is open after all: it gets what came meanwhile. */
  readonly #upgraded = (): void => {
    const { role, link } = this.#connection;
    if (role === this) return;
    this.#logUpgrade();
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) role.onBytes(kept, 0, kept.length);
    if (!role.held) link.resume();
  };

  /** An upgrade has its line when it is made; how long the session lasts, its protocol knows. */
  #logUpgrade(): void {
    const connection = this.#connection;
    const { accessLog } = connection.host;
    if (accessLog === null || connection.role === this) return;
    accessLog.add(connection.remoteAddress, connection.request, 101, 0, this.#since);
  }

  // ── The rest ─────────────────────────────────────────────────────────────────────────────────────────────

  refused(_reason: number, outcome: Outcome): void {
    if (this.#phase === "UPGRADE")
      this.#upgradeRefused(outcome === THREW ? 500 : 403, "a callback closed", {});
    else if (this.#phase === "EXCHANGE") this.#exchange!.callbackFailed(outcome);
    else this.end();
  }

  onEnd(): void {
    // Half a request will never be whole; one that is being answered still gets its reply.
    if (this.#phase === "EXCHANGE" && !this.#exchange!.awaitsBody) this.#exchange!.endAfterReply();
    else this.end();
  }

  onWritable(): void {
    this.#exchange?.onWritable();
  }

  onClose(): void {
    this.#phase = "GONE";
    this.#exchange?.cancel();
    this.#connection.gone();
    this.#connection.ask(CallbackReason.CLOSED_HTTP, undefined, 0);
  }

  onDeadline(): void {
    if (this.#phase === "EXCHANGE") this.#exchange!.onDeadline();
    else if (this.#phase === "UPGRADE")
      this.#upgradeRefused(503, "the application gave no answer in time", {});
    else if (this.#phase !== "HEAD") this.#connection.link.destroy();
    else if (this.#reader.started) this.refuse(TIMEOUT);
    else this.end();
  }

  close(): void {
    if (this.#phase === "UPGRADE") this.#upgradeRefused(503, "closed by the application", {});
    else this.end();
  }

  drain(): void {
    // A request that has begun to come in is still answered, an upgrade with 503.
    if (this.#phase === "HEAD" && !this.#reader.started) this.end();
    else if (this.#phase === "UPGRADE") refuseDraining(this.#upgradeRefused);
    else this.#exchange?.endAfterReply();
  }
}
