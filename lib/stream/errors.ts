/** What went wrong, in the words of the C library; each function says which of them it throws, and when. */
export type WsErrorCode =
  /** The socket was closed or detached, or the stream is not the caller's to attach to any more. */
  | "EBADF"
  /** Another call of the same direction is under way, or the storage is in use. */
  | "EBUSY"
  /** The signal was aborted, or the socket closed, while the call waited. */
  | "ECANCELED"
  /** The stream broke, or the connection has failed before. */
  | "ECONNRESET"
  /** An argument is not what it should be. */
  | "EINVAL"
  /** The system has no descriptor left; only from a stream that is being opened. */
  | "EMFILE"
  /** There is not enough memory. */
  | "ENOMEM"
  /** What was given is not a stream of bytes. */
  | "ENOTSUP"
  /** The direction is closed: of receiving by the peer, of sending by `done`. */
  | "EPIPE"
  /** The peer does not keep to the protocol, or the message is not of the socket's type. */
  | "EPROTO"
  /** The message does not fit. */
  | "EMSGSIZE"
  /** The deadline has passed. */
  | "ETIMEDOUT"
  /** The peer has not closed yet. */
  | "EAGAIN";

/** What an error tells beside its code. */
export interface WsErrorDetails {
  cause?: unknown;
  /** Of the HTTP response: a server's refusal as the client got it, or what a server answered a wrong request with. */
  status?: number;
  /** The headers of that response, by lower-case name. */
  headers?: Readonly<Record<string, string>>;
}

/** Every error of the functions here, but for what a function of the caller's (`accept`, `protocols`) throws itself. */
export class WsError extends Error {
  override readonly name = "WsError";
  readonly code: WsErrorCode;
  /** The status of the HTTP response, where an attach failed by one. */
  readonly status: number | undefined;
  /** The headers of that response, by lower-case name. */
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(code: WsErrorCode, message: string, details: WsErrorDetails = {}) {
    super(message, "cause" in details ? { cause: details.cause } : undefined);
    this.code = code;
    this.status = details.status;
    this.headers = details.headers;
  }
}

const KEPT: ReadonlySet<unknown> = new Set<WsErrorCode>(["EMFILE", "ENOMEM"]);

/** An error of the stream, or its end without one, as this package tells it. */
export function brokenBy(cause?: unknown): WsError {
  if (cause instanceof WsError) return cause;
  if (cause === undefined || cause === null) return new WsError("ECONNRESET", "the stream was cut off");
  const { code, message } = cause as { code?: unknown; message?: unknown };
  const kept = KEPT.has(code) ? (code as WsErrorCode) : "ECONNRESET";
  return new WsError(kept, `the stream broke: ${String(message || code)}`, { cause });
}

/** What arguments did that nobody has looked for: one with a getter that throws, memory that was given away. */
export function refused(error: unknown): WsError {
  return error instanceof WsError ? error : invalid(String((error as Error | null)?.message), error);
}

export const invalid = (message: string, cause?: unknown) =>
  new WsError("EINVAL", message, cause === undefined ? {} : { cause });
