import { CallbackReason, WriteProtocol } from "../api/reasons.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { BodyReader, type BodySink } from "../http/body.ts";
import { HttpFault } from "../http/fault.ts";
import type { RequestHead } from "../http/request-head.ts";
import { type OpenFile, openNamed } from "../serve/source.ts";
import type { Connection } from "./connection.ts";
import { GO_ON, makeUser, NO_USER, type Outcome, PENDING, type Settled, THREW } from "./dispatch.ts";
import { FilePump } from "./file-pump.ts";
import { Reply, repliedError, writeLatin1 } from "./reply.ts";
import { answerFromMounts, fileOrReply, type PlainReply } from "./static.ts";

const { HTTP, HTTP_BODY, HTTP_BODY_COMPLETION, HTTP_FILE_COMPLETION, HTTP_WRITEABLE } = CallbackReason;

const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
export const TIMEOUT = new HttpFault(408, "the request did not come in time");
const INTERNAL = new HttpFault(500, "a callback failed");
const UNANSWERED = new HttpFault(503, "the application gave no answer in time");
const EXPECTATION = new HttpFault(417, "the expectation is not known");

/** Who an exchange belongs to. */
export interface ExchangeOwner {
  /** Request and reply are over, and the peer has taken the reply. */
  exchangeOver(keepAlive: boolean): void;
  /** The request cannot be served: answers with the fault's status where that still can be, and ends. */
  refuse(fault: HttpFault): void;
  /** Ends the connection after what is queued. */
  end(): void;
  /** A promise about a request that is over has failed: the connection ends, the request that is there now is not harmed. */
  failedLate(): void;
}

/**
 * One request and its reply: who answers it (a mount, or the protocol), its body on the way in, the reply on the way
 * out, and the time that each of them has.
 */
export class Exchange implements BodySink, Settled {
  readonly #connection: Connection;
  readonly #head: RequestHead;
  readonly #owner: ExchangeOwner;
  readonly #reply: Reply;
  readonly #body: BodyReader | null;
  #pump: FilePump | null = null;
  #held = false;
  #over = false;
  #wantsWritable = false;
  /** Bytes that were queued when the timer for a slow reader was armed. */
  #queuedThen = 0;

  constructor(connection: Connection, head: RequestHead, owner: ExchangeOwner) {
    const { host } = connection;
    this.#connection = connection;
    this.#head = head;
    this.#owner = owner;
    this.#reply = new Reply(connection, head, head.keepAlive && !host.draining);
    this.#body = head.body === "none" ? null : new BodyReader(head, this, host.settings.httpLimits);
  }

  get #bodyOver(): boolean {
    return this.#body === null || this.#body.done;
  }

  /** The head is there: has the request answered, or its answer begun. */
  start(): void {
    const fault = this.#head.expect === "unknown" ? EXPECTATION : this.#body?.fault;
    if (fault !== undefined) return this.#owner.refuse(fault);
    if (!this.#answerFromMount()) this.#callProtocol();
    if (this.#over) return;
    if (!this.#bodyOver && this.#head.expect === "continue" && !this.#reply.begun) {
      writeLatin1(this.#connection.link, CONTINUE);
    }
    this.#wait();
  }

  #callProtocol(): void {
    const connection = this.#connection;
    const { path } = this.#head;
    connection.user = makeUser(connection.bound.protocol, connection.host.logger);
    if (connection.user === NO_USER) return this.callbackFailed(THREW);
    this.#call(HTTP, path, path.length);
  }

  #answerFromMount(): boolean {
    const answer = answerFromMounts(this.#connection.host.mounts, this.#head);
    if (answer === null) return false;
    this.#answer(answer, null);
    return true;
  }

  /** @param file - The name that HTTP_FILE_COMPLETION tells when it is sent; null for one that nobody asked for. */
  #answer(answer: OpenFile | PlainReply, file: string | null): void {
    if (answer.kind === "reply") {
      this.#reply.whole(answer.status, answer.headers, answer.body);
      return this.#goOn();
    }
    this.#pump = new FilePump(this.#connection, this.#reply, answer, () => {
      this.#pump = null;
      if (file === null) this.#goOn();
      else this.#connection.later(() => this.#fileSent(file));
    });
    this.#pump.start(answer);
  }

  /** Not from within the callback that asked for the file, though a small one is sent by then. */
  #fileSent(file: string): void {
    if (this.#over) return;
    this.#call(HTTP_FILE_COMPLETION, file, file.length);
    this.#goOn();
  }

  // ── The body ─────────────────────────────────────────────────────────────────────────────────────────────

  /** True while bytes that come belong to this request's body, and may be told. */
  get takesBody(): boolean {
    // What is held back for somebody who has answered already is not told, but got rid of.
    return !this.#bodyOver && (!this.#held || this.#reply.done) && !this.#over;
  }

  /** Takes bytes of the body, and returns the offset behind the last one taken. */
  feedBody(buffer: Buffer, at: number, end: number): number {
    const body = this.#body!;
    const behind = body.feed(buffer, at, end);
    if (body.fault !== undefined) this.#owner.refuse(body.fault);
    else this.#wait();
    return behind;
  }

  onBody(buffer: Buffer, start: number, end: number): boolean {
    // Who has answered already is not interested in the rest.
    if (this.#reply.done) return true;
    this.#call(HTTP_BODY, buffer.subarray(start, end), end - start);
    return !this.#held && !this.#over;
  }

  onBodyEnd(): void {
    if (!this.#reply.done) this.#call(HTTP_BODY_COMPLETION, undefined, 0);
    this.#goOn();
  }

  /** The user holds the body back, or takes it again. */
  hold(held: boolean): void {
    this.#held = held;
  }

  // ── The reply ────────────────────────────────────────────────────────────────────────────────────────────

  httpReply(
    status: number,
    headers: OutgoingHeaders | undefined,
    body: string | Uint8Array | undefined,
  ): void {
    if (this.#gone) return;
    this.#reply.whole(status, headers, body);
    this.#goOn();
  }

  writeHttpHeaders(status: number, headers: OutgoingHeaders | undefined): void {
    if (this.#gone) return;
    this.#reply.begin(status, headers);
    this.#goOn();
  }

  write(data: string | Uint8Array, mode: number): number {
    const { link, host } = this.#connection;
    if (this.#over || !link.writable) return -1;
    if (link.queued > host.settings.maxBufferedBytes) {
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
    this.#answer(fileOrReply(openNamed(file, contentType)), file);
  }

  /** There is nobody to answer any more. */
  get #gone(): boolean {
    return this.#over || !this.#connection.link.writable;
  }

  /** The connection ends behind this reply. */
  endAfterReply(): void {
    this.#reply.keepAlive = false;
  }

  /** True when a fault can still be told, since nothing of a reply is out. */
  get unanswered(): boolean {
    return !this.#reply.begun;
  }

  onWritable(): void {
    if (this.#over) return;
    if (this.#pump !== null) {
      // Nothing was queued any more: the peer has read, and has its time again.
      this.#pump.go();
      this.#wait();
    } else if (this.#reply.done) {
      this.#goOn();
    } else if (this.#wantsWritable) {
      this.#wantsWritable = false;
      this.#call(HTTP_WRITEABLE, undefined, 0);
    }
  }

  callbackOnWritable(): void {
    this.#wantsWritable = true;
    this.#connection.link.requestWritable();
  }

  /** Calls the protocol about this request. A promise that it gives is this request's too, and no later one's. */
  #call(reason: number, input: unknown, len: number): void {
    const outcome = this.#connection.ask(reason, input, len, this);
    if (outcome !== GO_ON && outcome !== PENDING) this.callbackFailed(outcome);
  }

  settled(_reason: number, outcome: Outcome): void {
    if (outcome === GO_ON) return;
    this.#connection.later(() => {
      if (this.#over) this.#owner.failedLate();
      else this.callbackFailed(outcome);
    });
  }

  /** A callback threw or returned nonzero. */
  callbackFailed(outcome: Outcome): void {
    if (this.#over) return;
    if (outcome !== THREW || this.#reply.done) return this.#owner.end();
    if (this.#reply.begun) this.#connection.link.destroy();
    else this.#owner.refuse(INTERNAL);
  }

  /** After anything that may have ended the reply or the body. */
  #goOn(): void {
    if (this.#over) return;
    if (!this.#reply.done || this.#pump !== null) return this.#wait();
    // The next request is read only when this reply is out: a reader that is slow has its own time limit.
    if (this.#connection.link.choked) {
      this.#connection.link.requestWritable();
      return this.#wait();
    }
    if (this.#reply.keepAlive && !this.#bodyOver) {
      if (this.#held) this.#connection.rxFlowControl(true);
      return this.#wait();
    }
    this.#over = true;
    this.#owner.exchangeOver(this.#reply.keepAlive);
  }

  /** Nothing more is told; an open file is closed. */
  cancel(): void {
    this.#over = true;
    this.#pump?.cancel();
    this.#pump = null;
  }

  // ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** Arms the timer for what is being waited for. */
  #wait(): void {
    if (this.#over) return;
    const { body, reply } = this.#connection.host.settings.timeouts;
    this.#queuedThen = this.#connection.link.queued;
    this.#connection.arm(!this.#reply.begun && this.#bodyOver ? reply : body);
  }

  onDeadline(): void {
    const { link, host, bound } = this.#connection;
    if (this.takesBody) return this.#owner.refuse(TIMEOUT);
    if (this.#reply.begun || this.#held) {
      // A reader that takes bytes, however slowly, and a writer that has none to send, are given time.
      if (link.queued === 0 || link.queued < this.#queuedThen) return this.#wait();
      return link.destroy();
    }
    host.logger.warn(
      `protocol "${bound.protocol.name}" did not answer ${this.#head.method} ${this.#head.path}`,
    );
    this.#owner.refuse(UNANSWERED);
  }
}
