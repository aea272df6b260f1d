import { HttpError } from "../api/http-error.ts";
import { CallbackReason, WriteProtocol } from "../api/reasons.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { HttpFault } from "../http/fault.ts";
import type { RequestHead } from "../http/request-head.ts";
import { encodePath } from "../serve/path.ts";
import { openNamed } from "../serve/source.ts";
import type { Connection } from "./connection.ts";
import { callsMade, makeUser, NO_USER, type Outcome, THREW } from "./dispatch.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";
import { FilePump, type PumpOwner } from "./file-pump.ts";
import { Reply, writeLatin1 } from "./reply.ts";
import { type BodyOwner, RequestBody } from "./request-body.ts";
import { type CallsOwner, RequestCalls } from "./request-calls.ts";
import {
  abortError,
  type BodyFlow,
  type BodyTaker,
  type ReplySource,
  repliedError,
  type Serving,
} from "./serving.ts";
import { type Answer, answerMounted, answerWith, type FileReply, type PlainReply } from "./static.ts";

const { HTTP, HTTP_BODY, HTTP_BODY_COMPLETION, HTTP_FILE_COMPLETION, HTTP_WRITEABLE } = CallbackReason;

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
export const TIMEOUT = new HttpFault(408, "the request did not come in time");
const INTERNAL = new HttpFault(500, "a callback failed");
const UNANSWERED = new HttpFault(503, "the application gave no answer in time");
const EXPECTATION = new HttpFault(417, "the expectation is not known");

/**
 * One request and its reply: who answers it (a mount, or the protocol), its body on the way in, the reply on the way
 * out, and the time that each of them has.
 */
export class Exchange implements BodyOwner, CallsOwner, PumpOwner, Serving {
  readonly connection: Connection;
  readonly head: RequestHead;
  readonly #owner: ExchangeOwner;
  readonly #reply: Reply;
  readonly #calls: RequestCalls;
  /** Null for a request without a body, unless somebody asked for one. */
  #body: RequestBody | null;
  #pump: FilePump | null = null;
  /** A mount's check has not decided yet. */
  #undecided = false;
  #source: ReplySource | null = null;
  /** The client waits to be asked for the body (RFC 9110 section 10.1.1), and has not been. */
  #uninvited: boolean;
  over = false;
  #wantsWritable = false;
  /** Bytes that were still to go when the timer for a slow reader was armed. */
  #unsentThen = 0;
  /** The time for the rest of a body that is dropped runs. */
  #dropTimed = false;

  constructor(connection: Connection, head: RequestHead, owner: ExchangeOwner) {
    const { host } = connection;
    this.connection = connection;
    this.head = head;
    this.#owner = owner;
    this.#calls = new RequestCalls(connection, this, owner);
    this.#reply = new Reply(connection, head, head.keepAlive && !host.draining);
    this.#body = head.body === "none" ? null : new RequestBody(this, head, host.settings.httpLimits);
    this.#uninvited = head.expect === "continue" && this.#body !== null;
  }

  /** The head is there: has the request answered, or its answer begun. */
  start(): void {
    const fault = this.head.expect === "unknown" ? EXPECTATION : this.#body?.fault;
    if (fault !== undefined) return this.#owner.refuse(fault);
    const { mounts, loop } = this.connection.host;
    const answer = answerMounted(mounts, this.head, loop.turn + callsMade());
    if (answer === null) this.#callProtocol(this.head.path);
    else if (answer.kind === "pending") this.#await(answer.answer);
    else this.#take(answer);
    this.#begun();
  }

  /** Somebody answers now, or will. */
  #begun(): void {
    if (this.over) return;
    this.#invite();
    this.#wait();
  }

  #callProtocol(path: string): void {
    const connection = this.connection;
    connection.user = makeUser(connection.bound.protocol, connection.host.logger);
    if (connection.user === NO_USER) return this.callbackFailed(THREW);
    // Whoever reads the body may only be known when the promise settles.
    if (this.#calls.call(HTTP, path, path.length) && !this.#reply.done) this.#body?.wait();
    else this.#body?.release();
  }

  /** A mount's check takes its time. The body waits for whoever will be let in to it. */
  #await(answer: Promise<() => Answer>): void {
    this.#undecided = true;
    this.#body?.wait();
    const decided = (decide: () => Answer) => {
      if (this.over) return;
      this.#undecided = false;
      this.#take(decide());
      this.#begun();
    };
    void answer.then((decide) => this.connection.later(() => decided(decide)));
  }

  #take(answer: Answer): void {
    if (answer.kind === "protocol") {
      this.connection.bound = this.connection.host.table.find(answer.name);
      // Decoded by the callback, as it may any path, it is the one that the mount was found by.
      return this.#callProtocol(encodePath(answer.path));
    }
    this.#body?.drop();
    this.#answer(answer, null);
  }

  /** @param file - The name that HTTP_FILE_COMPLETION tells when it is sent; null for one that nobody asked for. */
  #answer(answer: FileReply | PlainReply, file: string | null): void {
    this.#endIfUninvited();
    // The quickest way, for a small file of a mount.
    if (file === null && answer.kind === "file" && this.#reply.kept(answer)) return this.#goOn();
    this.#pump = new FilePump(this.connection, this.#reply, file, this);
    this.#pump.answer(answer);
  }

  tellFileSent(file: string): void {
    this.#calls.call(HTTP_FILE_COMPLETION, file, file.length);
  }

  fileOver(): void {
    this.#goOn();
  }

  // ── The body ─────────────────────────────────────────────────────────────────────────────────────────────

  /** True while some of the body is still to come. */
  get awaitsBody(): boolean {
    return this.#body !== null && !this.#body.over;
  }

  /** True while bytes that come are of the body, and are taken. */
  get takesBody(): boolean {
    return this.#body?.flows === true;
  }

  /** Takes bytes of the body, and returns the offset behind the last one taken. */
  feedBody(buffer: Buffer, at: number, end: number): number {
    const body = this.#body!;
    const behind = body.feed(buffer, at, end);
    if (body.fault !== undefined) this.#refuse(body.fault);
    else this.#wait();
    return behind;
  }

  tellBody(bytes: Buffer): void {
    this.#calls.call(HTTP_BODY, bytes, bytes.length);
  }

  bodyOver(told: boolean): void {
    if (told) this.#calls.call(HTTP_BODY_COMPLETION, undefined, 0);
    this.#goOn();
  }

  paceBody(flows: boolean): void {
    if (this.over) return;
    this.#owner.pace(flows);
    this.#invite();
    this.#wait();
  }

  /** The user holds the body back, or takes it again. */
  hold(held: boolean): void {
    this.#body?.hold(held);
    this.#invite();
  }

  takeBody(taker: BodyTaker): BodyFlow {
    this.#body ??= new RequestBody(this, this.head, this.connection.host.settings.httpLimits);
    const flow = this.#body.take(taker);
    this.#invite();
    return flow;
  }

  /** Asks for the body once, as soon as somebody reads it. */
  #invite(): void {
    if (!this.#uninvited || this.#reply.begun || !this.takesBody) return;
    this.#uninvited = false;
    writeLatin1(this.connection.link, CONTINUE);
  }

  /** Whether the client sends the body that it was not asked for is not known: no request is found behind it. */
  #endIfUninvited(): void {
    if (this.#uninvited) this.#reply.keepAlive = false;
  }

  // ── The reply ────────────────────────────────────────────────────────────────────────────────────────────

  httpReply(
    status: number,
    headers: OutgoingHeaders | undefined,
    body: string | Uint8Array | undefined,
  ): void {
    if (this.#gone) return;
    this.#endIfUninvited();
    this.#reply.whole(status, headers, body);
    this.#goOn();
  }

  writeHttpHeaders(status: number, headers: OutgoingHeaders | undefined): void {
    if (this.#gone) return;
    this.#endIfUninvited();
    this.#reply.begin(status, headers);
    this.#goOn();
  }

  write(data: string | Uint8Array, mode: number): number {
    const { link } = this.connection;
    if (this.over || !link.writable) return -1;
    if (link.queued > this.connection.host.settings.maxBufferedBytes) {
      link.destroy();
      return -1;
    }
    const size = this.#reply.write(data, mode === WriteProtocol.HTTP_FINAL);
    this.#goOn();
    return size;
  }

  serveHttpFile(file: string, contentType: string | undefined): void {
    if (this.#reply.begun) throw repliedError();
    if (this.#gone) return;
    this.#answer(answerWith(openNamed(file, contentType), this.head), file);
  }

  /** There is nobody to answer any more. */
  get #gone(): boolean {
    return this.over || !this.connection.link.writable;
  }

  /** The connection ends behind this reply. */
  endAfterReply(): void {
    this.#reply.keepAlive = false;
    this.#source?.onLast();
  }

  /** True when a fault can still be told, since nothing of a reply is out. */
  get unanswered(): boolean {
    return !this.#reply.begun;
  }

  /** True when the reply is whole, and handed over. */
  get answered(): boolean {
    return this.#reply.done && this.#pump?.over !== false;
  }

  onWritable(): void {
    if (this.over) return;
    if (this.#pump?.over === false) {
      // Nothing was queued any more: the peer has read, and has its time again.
      this.#pump.go();
      this.#wait();
    } else if (this.#reply.done) {
      this.#goOn();
    } else {
      this.#source?.onWritable();
      if (this.#wantsWritable) {
        this.#wantsWritable = false;
        this.#calls.call(HTTP_WRITEABLE, undefined, 0);
      }
      this.#wait();
    }
  }

  callbackOnWritable(): void {
    this.#wantsWritable = true;
    this.connection.link.requestWritable();
  }

  // ── A reply that somebody streams ────────────────────────────────────────────────────────────────────────

  attach(source: ReplySource): void {
    if (this.#reply.begun || this.#source !== null) throw repliedError();
    this.#source = source;
  }

  detach(source: ReplySource): void {
    if (this.#source === source) this.#source = null;
  }

  fail(error: HttpError): void {
    if (!this.over) this.#refuse(new HttpFault(error.status, error.message, error.headers));
  }

  // ── The end ──────────────────────────────────────────────────────────────────────────────────────────────

  promiseKept(): void {
    this.#body?.release();
  }

  /** A callback threw or returned nonzero. */
  callbackFailed(outcome: Outcome, thrown = INTERNAL): void {
    if (this.over) return;
    if (outcome !== THREW || this.#reply.done) return this.#owner.end();
    if (this.#reply.begun) return this.connection.link.destroy();
    this.#refuse(thrown);
  }

  /** Answers with a fault, and ends. Who reads the body hears what it was. */
  #refuse(fault: HttpFault): void {
    const code = fault.status === 413 ? "ERR_BODY_TOO_LARGE" : "ERR_BODY_ABORTED";
    this.#body?.end(() => new HttpError(fault.status, fault.message, { code }));
    this.#owner.refuse(fault);
  }

  /** After anything that may have ended the reply or the body. */
  #goOn(): void {
    if (this.over) return;
    if (!this.#reply.done) return this.#wait();
    // Who has answered already is not interested in the rest of the body.
    if (this.awaitsBody) this.#dropBody();
    if (this.#pump?.over === false) return this.#wait();
    // The next request is read only when this reply is out: a reader that is slow has its own time limit.
    if (this.connection.link.choked) {
      this.connection.link.requestWritable();
      return this.#wait();
    }
    if (this.#reply.keepAlive && this.awaitsBody) return this.#wait();
    this.#end();
    // A mount's protocol had it for this request only.
    this.connection.bound = this.connection.host.table.first;
    this.#owner.exchangeOver(this.#reply.keepAlive);
  }

  #dropBody(): void {
    // What the user holds back would stay so.
    if (this.#body!.held) this.connection.rxFlowControl(true);
    this.#body!.drop();
  }

  /** Nothing more is told; an open file is closed. */
  cancel(): void {
    if (this.over) return;
    this.#pump?.cancel();
    this.#pump = null;
    this.#end();
  }

  #end(): void {
    this.over = true;
    this.#body?.end(() => abortError("ECONNRESET", "the connection ended before the body had come"));
    const source = this.#source;
    this.#source = null;
    source?.onOver();
    this.#reply.over();
  }

  // ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Arms the timer for what is being waited for. */
  #wait(): void {
    if (this.over || this.#dropTimed) return;
    const { body, reply } = this.connection.host.settings.timeouts;
    // What is only dropped has one time limit in all: nobody waits for it.
    this.#dropTimed = this.#reply.done && this.takesBody;
    this.#unsentThen = this.#unsent;
    const oursToAct = !this.awaitsBody || this.#body!.waiting;
    this.connection.arm(!this.#reply.begun && oursToAct ? reply : body);
  }

  /** Bytes that the peer has still to take, those of a file that are not read yet among them. */
  get #unsent(): number {
    return this.connection.link.backlog + (this.#pump?.remaining ?? 0);
  }

  onDeadline(): void {
    const { link, host, bound } = this.connection;
    if (this.takesBody) return this.#refuse(TIMEOUT);
    if (this.#reply.begun || this.#body?.held) {
      // A reader that takes bytes, however slowly, and a writer that has none to send, are given time.
      const unsent = this.#unsent;
      if (unsent === 0 || unsent < this.#unsentThen) return this.#wait();
      return link.destroy();
    }
    const who = this.#undecided ? "the check of a mount" : `protocol "${bound.protocol.name}"`;
    host.logger.warn(`${who} did not answer ${this.head.method} ${this.head.path}`);
    this.#refuse(UNANSWERED);
  }
}
