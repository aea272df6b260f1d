import { BodyReader, type BodySink } from "../http/body.ts";
import type { HttpFault } from "../http/fault.ts";
import type { HttpLimits } from "../http/limits.ts";
import type { RequestHead } from "../http/request-head.ts";
import { abortError, type BodyFlow, type BodyTaker, bodyReadError } from "./serving.ts";

/** Who a body belongs to. */
export interface BodyOwner {
  /** A piece for HTTP_BODY. */
  tellBody(bytes: Buffer): void;
  /** The body is over; `told` when that is for HTTP_BODY_COMPLETION. */
  bodyOver(told: boolean): void;
  /** Whether the body flows has changed. */
  paceBody(flows: boolean): void;
}

type State = "OPEN" | "WAITING" | "TOLD" | "TAKEN" | "DROPPED" | "ENDED";

/**
 * A request's body on its way to whoever reads it.
 *
 * ```
 *   OPEN ──────────── a piece ─────────────► TOLD: goes to the callbacks
 *    │ ▲                                       │
 *    ▼ │ the promise settled                   │
 *   WAITING: held, HTTP's promise is pending   │
 *    │                                         │
 *    ├──────── readBody, bodyStream … ──────► TAKEN: goes to one taker
 *    │                                         │
 *    └───────────────┬─────────────────────────┘
 *                    ▼
 *                 DROPPED: the reply is complete, or the taker left; the rest is read and forgotten
 *                    ▼
 *                  ENDED: the request is over, nothing is read
 * ```
 */
export class RequestBody implements BodySink, BodyFlow {
  readonly #owner: BodyOwner;
  /** Null for a request without a body. */
  readonly #reader: BodyReader | null;
  #state: State = "OPEN";
  #taker: BodyTaker | null = null;
  #takerHolds = false;
  #userHolds = false;

  constructor(owner: BodyOwner, head: RequestHead, limits: HttpLimits) {
    this.#owner = owner;
    this.#reader = head.body === "none" ? null : new BodyReader(head, this, limits);
  }

  /** What is wrong with it. */
  get fault(): HttpFault | undefined {
    return this.#reader?.fault;
  }

  /** It has come whole. */
  get over(): boolean {
    return this.#reader === null || this.#reader.done;
  }

  /** More is to come, and is taken. */
  get flows(): boolean {
    return this.#state !== "WAITING" && this.#state !== "ENDED" && !this.held && !this.over;
  }

  /** It is held back by whoever reads it, which may last. */
  get held(): boolean {
    return this.#userHolds || this.#takerHolds;
  }

  /** It is held back until HTTP's promise settles. */
  get waiting(): boolean {
    return this.#state === "WAITING";
  }

  /** Takes bytes, and returns the offset behind the last one taken. */
  feed(buffer: Buffer, at: number, end: number): number {
    return this.#reader!.feed(buffer, at, end);
  }

  onBody(buffer: Buffer, start: number, end: number): boolean {
    const bytes = buffer.subarray(start, end);
    if (this.#taker !== null) {
      if (!this.#taker.onBody(bytes)) this.#change(() => (this.#takerHolds = this.#taker !== null));
    } else if (this.#state !== "DROPPED") {
      this.#state = "TOLD";
      this.#owner.tellBody(bytes);
    }
    return this.flows;
  }

  onBodyEnd(): void {
    const taker = this.#taker;
    this.#taker = null;
    taker?.onBodyEnd();
    const told = this.#state === "OPEN" || this.#state === "TOLD";
    if (told) this.#state = "TOLD";
    this.#owner.bodyOver(told);
  }

  // ── Who reads ────────────────────────────────────────────────────────────────────────────────────────────

  /** HTTP's promise is pending: whoever reads is not known yet. */
  wait(): void {
    if (this.#state === "OPEN" && !this.over) this.#change(() => (this.#state = "WAITING"));
  }

  /** Nobody else will read: the callbacks do. */
  release(): void {
    if (this.#state === "WAITING") this.#change(() => (this.#state = "OPEN"));
  }

  /** Gives the body to `taker`, from its first byte on. */
  take(taker: BodyTaker): BodyFlow {
    if (this.#state !== "OPEN" && this.#state !== "WAITING") throw bodyReadError();
    if (this.#reader === null) {
      this.#state = "TAKEN";
      taker.onBodyEnd();
      return this;
    }
    this.#taker = taker;
    this.#change(() => (this.#state = "TAKEN"));
    return this;
  }

  /** The user holds it back, or takes it again; to take it is to want the callbacks. */
  hold(held: boolean): void {
    this.#userHolds = held;
    if (!held) this.release();
  }

  resume(): void {
    this.#change(() => (this.#takerHolds = false));
  }

  leave(): void {
    this.#taker = null;
    if (this.#state === "TAKEN") this.#drop();
  }

  /** The reply is complete: what is still to come interests nobody. */
  drop(): void {
    if (this.over || this.#state === "DROPPED" || this.#state === "ENDED") return;
    const taker = this.#taker;
    this.#taker = null;
    this.#drop();
    taker?.onBodyFailed(abortError("ERR_BODY_ABORTED", "the request was answered before its body had come"));
  }

  /** The request is over. */
  end(error: () => Error): void {
    const taker = this.#taker;
    this.#taker = null;
    this.#state = "ENDED";
    taker?.onBodyFailed(error());
  }

  #drop(): void {
    this.#change(() => {
      this.#state = "DROPPED";
      this.#takerHolds = false;
    });
  }

  #change(what: () => void): void {
    const before = this.flows;
    what();
    if (this.flows !== before) this.#owner.paceBody(this.flows);
  }
}
