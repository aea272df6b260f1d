import type { HttpError } from "../api/http-error.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { codedError } from "../base/errors.ts";
import type { TimerQueue } from "../base/timers.ts";
import type { RequestHead } from "../http/request-head.ts";
import type { Link } from "../loop/loop.ts";
import type { Settings } from "./options.ts";

/** Takes a request's body in the place of the callbacks. Exactly one of `onBodyEnd` and `onBodyFailed` is called, last. */
export interface BodyTaker {
  /** A piece, lent until this returns. False holds the body back until `BodyFlow.resume`. */
  onBody(bytes: Buffer): boolean;
  onBodyEnd(): void;
  onBodyFailed(error: Error): void;
}

/** What a taker may ask of the body. */
export interface BodyFlow {
  /** More is wanted, after `onBody` returned false. */
  resume(): void;
  /** Nothing more is wanted: the rest is dropped as it comes, and nothing more is told. */
  leave(): void;
}

/** Who gives a reply piece by piece. */
export interface ReplySource {
  /** After the link's `requestWritable`: nothing is queued. */
  onWritable(): void;
  /** The connection is to end with this reply: one without an end of its own ends now. */
  onLast(): void;
  /** The request is over: nothing more can be written. Called once. */
  onOver(): void;
}

/** What is used of a connection. */
export interface ServedConnection {
  readonly link: Link;
  readonly host: { readonly settings: Settings; readonly loop: { readonly timers: TimerQueue } };
}

/** The request that is being served, as those see it who read its body or stream its reply. */
export interface Serving {
  readonly head: RequestHead;
  readonly connection: ServedConnection;
  /** Gives the body to `taker`. Throws ERR_BODY_READ when it is somebody's already. */
  takeBody(taker: BodyTaker): BodyFlow;
  /** Answers with the error's status where that still can be, and ends the connection. */
  fail(error: HttpError): void;
  /** Makes `source` the one that gives the reply. Throws ERR_REPLIED when there is another, or a reply. */
  attach(source: ReplySource): void;
  /** The source gives none after all. */
  detach(source: ReplySource): void;
  writeHttpHeaders(status: number, headers: OutgoingHeaders | undefined): void;
  /** As `wsi.write`, with HTTP or HTTP_FINAL. */
  write(data: string | Uint8Array, mode: number): number;
}

export function repliedError(): Error {
  return codedError("ERR_REPLIED", "this request has been answered already");
}

const aborts = new WeakSet<object>();

/** An error for who reads or writes when the peer, or the request, does not go on. */
export function abortError(code: "ECONNRESET" | "ERR_BODY_ABORTED", message: string): Error {
  const error = codedError(code, message);
  aborts.add(error);
  return error;
}

/** True for such an error: one that the application did not bring about. */
export function isAbort(error: unknown): boolean {
  return typeof error === "object" && error !== null && aborts.has(error);
}

export function bodyReadError(): Error {
  return codedError("ERR_BODY_READ", "this request's body is read already, or the request is over");
}
