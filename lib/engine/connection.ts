import type { X509Certificate } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import type {
  EventStream,
  EventStreamOptions,
  MultipartOptions,
  MultipartPart,
  ReadBodyOptions,
} from "../api/bodies.ts";
import type { Context } from "../api/context.ts";
import type { CloseInfo, ConnectionError, Protocol } from "../api/protocol.ts";
import type { OutgoingHeaders, Wsi, WsiState, WsiStats } from "../api/wsi.ts";
import { monotonicMs } from "../base/clock.ts";
import { codedError } from "../base/errors.ts";
import type { Timed } from "../base/timers.ts";
import { type RequestHead, readRequest } from "../http/request-head.ts";
import type { Link, LinkHandler, Task } from "../loop/loop.ts";
import { parseProtocols } from "../ws/handshake-server.ts";
import { collectBody } from "./body-collector.ts";
import { readForm, readJson } from "./body-formats.ts";
import { BodyStream } from "./body-stream.ts";
import type { ClientAddress } from "./client-address.ts";
import { checkClose } from "./close-code.ts";
import { dispatch, GO_ON, type Outcome, PENDING, type Settled } from "./dispatch.ts";
import { EventReply } from "./event-stream.ts";
import { readMultipart } from "./multipart.ts";
import { peerCertificate } from "./peer-certificate.ts";
import type { BoundProtocol, Member } from "./protocols.ts";
import { ReplyStream } from "./reply-stream.ts";
import type { Host, HttpRole, Role } from "./role.ts";
import { bodyReadError, repliedError, type Serving } from "./serving.ts";
import { UserTimer } from "./user-timer.ts";

/**
 * One connection: what users hold as `Wsi`. It knows its link, its protocol and its user data; how it behaves is its
 * role's matter.
 */
export class Connection implements Wsi, Member, Timed, Task, Settled {
  readonly host: Host;
  link: Link;
  role: Role;
  bound: BoundProtocol;
  user: unknown = undefined;
  /** What proxies tell of the client; null where none is believed, and the link's end is the client. */
  client: ClientAddress | null = null;
  // Counters, see `WsiStats`.
  bytesReceived = 0;
  bytesSent = 0;
  messagesReceived = 0;
  messagesSent = 0;
  /** When it was accepted, on the loop's clock. */
  readonly #since: number;

  deadline = 0;
  timerSlot = -1;
  #userTimer: UserTimer | null = null;
  /** The request that is being served, or was upgraded by: what was made of it, or only its text. */
  #head: RequestHead | string | null = null;
  /** What a nonzero return of the running callback closes with. */
  #closing: Closing | null = null;
  /** What to call at the end of the turn, see `later`. */
  #later: (() => void)[] | null = null;

  constructor(host: Host, link: Link, role: (connection: Connection) => Role) {
    this.host = host;
    this.link = link;
    this.bound = host.table.first;
    this.#since = host.loop.now;
    this.role = role(this);
    link.handler = this.role;
  }

  // ── For the roles ────────────────────────────────────────────────────────────────────────────────────────

  /** Takes on another role; the link speaks to it from now on. */
  become(role: Role): void {
    this.role = role;
    this.link.handler = role;
  }

  /** Calls the protocol; true when all goes on. Else, and when its promise turns out so later, the role hears of it. */
  call(reason: number, input: unknown, len: number): boolean {
    const outcome = this.ask(reason, input, len);
    if (outcome === GO_ON || outcome === PENDING) return true;
    this.role.refused(reason, outcome);
    return false;
  }

  /**
   * Calls the protocol, and leaves it to the caller what the outcome means.
   *
   * @param owner - Hears how a promise ends: whoever the callback was about, which may be over by then.
   */
  ask(reason: number, input: unknown, len: number, owner: Settled = this): Outcome {
    const { host, bound } = this;
    const outcome = dispatch(bound.protocol, this, reason, this.user, input, len, owner, host.logger);
    // What one callback chose to close with is not for a later one to close with.
    if (this.#closing !== null && outcome === GO_ON) this.#closing = null;
    return outcome;
  }

  settled(reason: number, outcome: Outcome): void {
    if (outcome === GO_ON) this.#closing = null;
    // A promise settles at any time; what follows from it belongs into a turn.
    else this.later(() => this.role.refused(reason, outcome));
  }

  /** Arms the connection's own timer: the role's `onDeadline` comes in `ms` milliseconds. */
  arm(ms: number): void {
    // Not the time of the turn: outside of one that was the last turn's, which may be long ago.
    this.host.loop.timers.set(this, monotonicMs() + ms);
  }

  disarm(): void {
    this.host.loop.timers.clear(this);
  }

  onDeadline(): void {
    this.role.onDeadline();
  }

  /** Puts something off to the end of this turn, behind what was put off before. */
  later(what: () => void): void {
    if (this.#later !== null) return void this.#later.push(what);
    this.#later = [what];
    this.host.loop.soon(this);
  }

  runSoon(): void {
    const all = this.#later;
    this.#later = null;
    if (all !== null) for (const what of all) what();
  }

  /** What the running callback chose to close with; null for nothing. Forgotten as it is asked. */
  takeClosing(): Closing | null {
    const closing = this.#closing;
    this.#closing = null;
    return closing;
  }

  get request(): RequestHead | null {
    // The text was found valid when it came, and is so still.
    return typeof this.#head === "string" ? (readRequest(this.#head) as RequestHead) : this.#head;
  }

  set request(head: RequestHead) {
    this.#head = head;
  }

  /** Keeps no more of the request than its text, for the long life of a session that may never ask for it. */
  compactRequest(): void {
    if (this.#head !== null && typeof this.#head !== "string") this.#head = this.#head.raw;
  }

  /** The connection has ended for its user: no timer of its fires any more. */
  forget(): void {
    this.setTimer(-1);
    this.bound.sessions.delete(this);
  }

  /** The link was destroyed, and its stream does not say that it is closed, as some never do: it has ended all the same. */
  giveUp(): void {
    this.link.handler = DEAF;
    this.role.onClose();
  }

  /** Tells the callback how the connection ended, the last that it hears. */
  tellEnd(reason: number, outcome: ConnectionError | CloseInfo): void {
    this.ask(reason, outcome, 0);
  }

  /** The link is gone. */
  gone(): void {
    this.disarm();
    this.forget();
    this.host.gone(this);
  }

  // ── The public face ──────────────────────────────────────────────────────────────────────────────────────

  get context(): Context {
    return this.host.context;
  }
  get state(): WsiState {
    return this.role.state;
  }
  get attempt(): number {
    return 0;
  }
  get method(): string {
    return this.request?.method ?? "";
  }
  get uri(): string {
    return this.request?.path ?? "";
  }
  get query(): string {
    return this.request?.query ?? "";
  }
  get headers(): Readonly<Record<string, string>> {
    return this.request?.headers ?? NO_HEADERS;
  }
  get protocolsAsked(): readonly string[] {
    return parseProtocols(this.request?.get("sec-websocket-protocol")) ?? [];
  }
  get remoteAddress(): string {
    return (this.client ?? this.link).remoteAddress;
  }
  get remotePort(): number {
    return (this.client ?? this.link).remotePort;
  }
  get secure(): boolean {
    return (this.client ?? this.link).secure;
  }
  get peerCertificate(): X509Certificate | null {
    return peerCertificate(this.link);
  }
  get peerAuthorized(): boolean {
    return this.link.peerAuthorized === true;
  }
  get stats(): WsiStats {
    const { bytesReceived, bytesSent, messagesReceived, messagesSent } = this;
    const since = Date.now() - (monotonicMs() - this.#since);
    return { since, bytesReceived, bytesSent, messagesReceived, messagesSent };
  }
  get bufferedAmount(): number {
    return this.role.bufferedAmount;
  }

  getProtocol(): Protocol {
    return this.bound.protocol;
  }

  getSocketFd(): number {
    return this.link.fd;
  }

  write(data: string | Uint8Array, mode: number): number {
    return this.role.write(data, mode);
  }

  callbackOnWritable(): void {
    this.role.callbackOnWritable();
  }

  sendPipeChoked(): boolean {
    return this.link.choked;
  }

  rxFlowControl(enable: boolean): void {
    this.role.rxFlowControl(Boolean(enable));
  }

  remainingPacketPayload(): number {
    return this.role.piece.remaining;
  }

  isFirstFragment(): boolean {
    return this.role.piece.first;
  }

  isFinalFragment(): boolean {
    return this.role.piece.final;
  }

  frameIsBinary(): boolean {
    return this.role.piece.binary;
  }

  close(code?: number, reason = ""): void {
    checkClose(code, reason);
    this.role.close(code, reason);
  }

  closeReason(code: number, text = ""): void {
    checkClose(code, text);
    this.#closing = { code, reason: text };
  }

  terminate(): void {
    this.role.terminate();
  }

  ping(data: string | Uint8Array = ""): number {
    return this.role.write(data, PING_MODE);
  }

  setTimer(ms: number): void {
    if (typeof ms !== "number" || Number.isNaN(ms)) {
      throw new TypeError(`setTimer takes a number of milliseconds, not ${String(ms)}`);
    }
    const { timers } = this.host.loop;
    if (ms >= 0 && this.role.state !== "CLOSED") {
      this.#userTimer ??= new UserTimer(this);
      timers.set(this.#userTimer, monotonicMs() + Math.ceil(ms));
    } else if (this.#userTimer !== null) {
      timers.clear(this.#userTimer);
    }
  }

  // ── HTTP ─────────────────────────────────────────────────────────────────────────────────────────────────

  reject(status: number, headers?: OutgoingHeaders, body?: string | Uint8Array): void {
    this.#http("reject").reject(status, headers, body);
  }

  httpReply(status: number, headers?: OutgoingHeaders, body?: string | Uint8Array): void {
    this.#http("httpReply").httpReply(status, headers, body);
  }

  redirect(status: number, location: string): void {
    if (![301, 302, 303, 307, 308].includes(status)) {
      throw new RangeError(`redirect takes 301, 302, 303, 307 or 308, not ${status}`);
    }
    this.#http("redirect").httpReply(status, { location }, undefined);
  }

  serveHttpFile(file: string, contentType?: string): void {
    this.#http("serveHttpFile").serveHttpFile(file, contentType);
  }

  writeHttpHeaders(status: number, headers?: OutgoingHeaders): void {
    this.#http("writeHttpHeaders").writeHttpHeaders(status, headers);
  }

  readBody(options?: ReadBodyOptions): Promise<Buffer> {
    return this.#reading("readBody", (serving) => collectBody(serving, options));
  }

  readJson<T = unknown>(options?: ReadBodyOptions): Promise<T> {
    return this.#reading("readJson", (serving) => readJson(serving, options) as Promise<T>);
  }

  readForm(options?: ReadBodyOptions): Promise<URLSearchParams> {
    return this.#reading("readForm", (serving) => readForm(serving, options));
  }

  readMultipart(options?: MultipartOptions): AsyncGenerator<MultipartPart, void, undefined> {
    return readMultipart(this.#serving("readMultipart", bodyReadError), options);
  }

  bodyStream(): Readable {
    return new BodyStream(this.#serving("bodyStream", bodyReadError));
  }

  replyStream(status: number, headers?: OutgoingHeaders): Writable {
    return new ReplyStream(this.#serving("replyStream", repliedError), status, headers);
  }

  eventStream(options?: EventStreamOptions): EventStream {
    return new EventReply(this.#serving("eventStream", repliedError), options);
  }

  #serving(method: string, over: () => Error): Serving {
    const { serving } = this.#http(method);
    if (serving === null) throw over();
    return serving;
  }

  /** Whoever asks for a body and awaits it later, or never, ends no server with a client that goes away. */
  #reading<T>(method: string, read: (serving: Serving) => Promise<T>): Promise<T> {
    const begin = async () => read(this.#serving(method, bodyReadError));
    const promise = begin();
    promise.catch(() => {});
    return promise;
  }

  #http(method: string): HttpRole {
    if ("httpReply" in this.role) return this.role as HttpRole;
    throw codedError("ERR_NOT_HTTP", `${method}: this connection is ${this.role.state}, not HTTP`);
  }
}

const PING_MODE = 5;
/** Hears what a link says whose connection has ended. */
export const DEAF: LinkHandler = { onBytes() {}, onEnd() {}, onWritable() {}, onClose() {} };
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** A close code and its text. */
interface Closing {
  code: number;
  reason: string;
}
