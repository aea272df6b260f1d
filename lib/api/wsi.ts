import type { X509Certificate } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import type {
  EventStream,
  EventStreamOptions,
  MultipartOptions,
  MultipartPart,
  ReadBodyOptions,
} from "./bodies.ts";
import type { Context } from "./context.ts";
import type { Protocol } from "./protocol.ts";

/**
 * Where a connection stands.
 *
 * ```
 *  HTTP ──upgrade──► ESTABLISHED ──close──► CLOSING ──► CLOSED
 *    └───────────────────────────────────────────────────┘
 *  CONNECTING (client) ──► ESTABLISHED …
 * ```
 */
export type WsiState = "HTTP" | "CONNECTING" | "ESTABLISHED" | "CLOSING" | "CLOSED";

/** Headers to send: a value, or several for the same name. */
export type OutgoingHeaders = Readonly<Record<string, string | number | readonly string[]>>;

/** Counters of a connection. */
export interface WsiStats {
  /** When it was accepted, in milliseconds since 1970. */
  readonly since: number;
  /** Bytes of payload of messages, both ways; frame headers, control frames and HTTP do not count. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** Whole messages, both ways. */
  readonly messagesReceived: number;
  readonly messagesSent: number;
}

/**
 * One connection (`struct lws`). Protocol callbacks get it first; it may be kept and used from anywhere until CLOSED,
 * and harmlessly after it.
 */
export interface Wsi<Session = unknown> {
  readonly context: Context;
  /** The session's own data, as `perSessionData` made it. */
  user: Session;
  readonly state: WsiState;

  // ── What the peer asked for: readable for the whole life of the session ─────────────────────────────────

  /** The request's method, `"GET"`. Empty on a client connection. */
  readonly method: string;
  /** The path: the request target up to `?`. */
  readonly uri: string;
  /** What stands behind `?`, without it; an empty string when there is none. */
  readonly query: string;
  /**
   * The headers, names in lower case. Of a header that came more than once the values are joined by `", "`, cookies by
   * `"; "`. The object has no prototype.
   */
  readonly headers: Readonly<Record<string, string>>;
  /** The sub-protocols that the client asked for, in its order. */
  readonly protocolsAsked: readonly string[];
  /** The peer's address in text form; empty on a Unix socket. Behind a proxy that is believed (`trustedProxies`), the client's. */
  readonly remoteAddress: string;
  /** The peer's port; 0 on a Unix socket, and where a proxy does not tell the client's. */
  readonly remotePort: number;
  /** True over TLS, and where a proxy that is believed says that the client speaks it. */
  readonly secure: boolean;
  /**
   * What the client showed with `requestCert` (on a client connection, the server's certificate); null without. It proves
   * nothing unless `peerAuthorized`. Parsed when it is first asked for; readable in CLOSED too.
   */
  readonly peerCertificate: X509Certificate | null;
  /** True when the peer has shown a certificate that is believed. */
  readonly peerAuthorized: boolean;

  /**
   * On a client connection: which attempt it is, 1 for the first of `clientConnect`, and for the first behind a session that
   * has lasted (`retry.resetAfter`). 0 on all others.
   */
  readonly attempt: number;

  /** The protocol that this connection is bound to (`lws_get_protocol`); protocols[0] until one is chosen. */
  getProtocol(): Protocol<Session>;
  /** The descriptor's number, -1 where there is none (`lws_get_socket_fd`). */
  getSocketFd(): number;

  /** What has gone through it so far. */
  readonly stats: WsiStats;

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Sends `data` as one frame, or as bytes of an HTTP body (`lws_write`). May be called from anywhere. What the kernel
   * does not take is queued; see `sendPipeChoked` and `bufferedAmount`.
   *
   * @param data - A string is sent as UTF-8. Bytes may be reused as soon as this returns.
   * @param mode - A `WriteProtocol`, with `NO_FIN` or-ed in for a fragment.
   * @returns The number of payload bytes taken (all of them), or -1 when the connection can no longer be written
   *   to, or is closed by this very call because more than `maxBufferedBytes` were waiting (1008; an HTTP connection is dropped).
   * @throws TypeError for a mode that is none, or data that is neither string nor bytes.
   * @throws RangeError for more than 125 bytes of PING, PONG or CLOSE.
   * @throws Error with code `ERR_SEQUENCE` for a CONTINUATION when no message is open, or a new message when one is;
   *   `ERR_INVALID_UTF8` with `validateOutgoing`, for text as bytes that are not UTF-8.
   */
  write(data: string | Uint8Array, mode: number): number;
  /**
   * Asks for one SERVER_WRITEABLE (CLIENT_WRITEABLE, HTTP_WRITEABLE) as soon as nothing is queued
   * (`lws_callback_on_writable`). It never comes from within this call; several requests are one.
   */
  callbackOnWritable(): void;
  /** True while something is queued that the kernel has not taken (`lws_send_pipe_choked`). */
  sendPipeChoked(): boolean;
  /** Bytes that are queued and that the kernel has not taken. */
  readonly bufferedAmount: number;

  // ── Receiving ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * `false` stops RECEIVE and HTTP_BODY: what was read already is kept and delivered in order after `true`; the peer is
   * stalled by TCP (`lws_rx_flow_control`). Counted as it is called: one `true` undoes any number of `false`. While
   * the promise of an HTTP callback is pending, its body waits for whoever will read it; `true` has HTTP_BODY get it.
   */
  rxFlowControl(enable: boolean): void;
  /** Within RECEIVE: bytes of this frame that are still to come (`lws_remaining_packet_payload`). */
  remainingPacketPayload(): number;
  /** Within RECEIVE: true on the first piece of a message. */
  isFirstFragment(): boolean;
  /** Within RECEIVE: true on the last piece of a message, and only there. */
  isFinalFragment(): boolean;
  /** Within RECEIVE: true when the message is binary, false when it is text. */
  frameIsBinary(): boolean;

  // ── Ending ──────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Begins the closing handshake: sends Close, waits for the peer's at most `timeouts.close`, then closes. Without a code
   * the frame is empty. On an HTTP connection it ends after what is queued.
   *
   * @param code - 1000-1003, 1007-1014 or 3000-4999.
   * @param reason - At most 123 bytes of UTF-8.
   * @throws RangeError for another code, or a longer reason; TypeError when reason is no string.
   */
  close(code?: number, reason?: string): void;
  /** The code and text that a nonzero return of the running callback closes with (`lws_close_reason`). Checked as in `close`. */
  closeReason(code: number, text?: string): void;
  /** Drops the connection at once, without a Close frame. CLOSED follows with 1006. */
  terminate(): void;
  /** Sends a ping with at most 125 bytes; the answer comes as RECEIVE_PONG. Returns as `write`. Throws a TypeError for anything but a string or bytes. */
  ping(data?: string | Uint8Array): number;
  /**
   * TIMER comes once after `ms` milliseconds (`lws_set_timer_usecs`). A new call replaces the old time; -1 cancels. Throws a
   * TypeError for what is no number.
   */
  setTimer(ms: number): void;

  // ── HTTP ────────────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Within FILTER_PROTOCOL_CONNECTION (or before its promise is done): refuses the upgrade with this reply.
   *
   * @throws RangeError for a status outside of 300-599; TypeError for a header with CR, LF or a bad name.
   */
  reject(status: number, headers?: OutgoingHeaders, body?: string | Uint8Array): void;
  /**
   * Answers the request in one go. `content-length` is set; `content-type` is text/plain in UTF-8 for a string when you
   * give none.
   *
   * @throws TypeError for a bad header; Error with code `ERR_REPLIED` when this request has been answered already.
   */
  httpReply(status: number, headers?: OutgoingHeaders, body?: string | Uint8Array): void;
  /** Answers with a redirect: 301, 302, 303, 307 or 308, and `location` as it stands. Throws as `httpReply`. */
  redirect(status: number, location: string): void;
  /**
   * Answers with a file, or what the request's Range and conditions ask for of it, and HTTP_FILE_COMPLETION when that is
   * sent (`lws_serve_http_file`): after 304 too, not after an error. A file that is not there gets 404. One that
   * changes while it is sent has the connection dropped. The path is yours: never build it from the request without a
   * check; mounts do that for you.
   *
   * @param contentType - By the file's extension when not given.
   */
  serveHttpFile(file: string, contentType?: string): void;
  /**
   * Sends the head of a reply whose body follows through `write(…, WriteProtocol.HTTP)` and ends with
   * `write(…, WriteProtocol.HTTP_FINAL)`. Without `content-length` the body goes out chunked (to an HTTP/1.0 client: until
   * the connection closes).
   */
  writeHttpHeaders(status: number, headers?: OutgoingHeaders): void;
  /**
   * A reply as a Writable, with backpressure: `pipeline(source, wsi.replyStream(200, headers))`. The head goes out
   * with the first bytes. Destroyed before them, the request is still to be answered; destroyed after them, the
   * connection is dropped, so that what was cut short does not look whole. The stream is destroyed (`ECONNRESET`)
   * when the connection ends first.
   *
   * @throws Error with code `ERR_REPLIED` when this request has been answered already.
   */
  replyStream(status: number, headers?: OutgoingHeaders): Writable;
  /**
   * Answers with a stream of server-sent events, which goes on until one of both sides ends it: `close`, the end of
   * the connection, or of the server.
   *
   * @throws Error with code `ERR_REPLIED` as above; TypeError for a bad header, `retry` or `keepAlive`.
   */
  eventStream(options?: EventStreamOptions): EventStream;

  // ── The body of a request: to be read in HTTP, as long as its promise is pending, or until HTTP_BODY came ───────────

  /**
   * The body of the request, whole; empty for a request without one. Neither HTTP_BODY nor HTTP_BODY_COMPLETION is
   * called for it. An HTTP callback may wait for something else before: while its promise is pending, nothing of the
   * body is told. To reply first is to give the body up.
   *
   * Rejects with
   * - `ERR_BODY_TOO_LARGE` (an `HttpError` with 413) over `maxLength`; the request is answered with 413 by then.
   * - `ECONNRESET` when the connection ends first, `ERR_BODY_ABORTED` when the request does: it was answered, or its
   *   body was malformed or did not come in time.
   * - `ERR_BODY_READ` when it was read already, or the request is over; `ERR_NOT_HTTP` on a WebSocket session.
   */
  readBody(options?: ReadBodyOptions): Promise<Buffer>;
  /**
   * As `readBody`, for JSON. The type is what you say it is: nothing checks that. Rejects besides with an `HttpError`:
   * `ERR_UNSUPPORTED_MEDIA_TYPE` (415) unless the body is `application/json` or some `+json` in UTF-8, not compressed;
   * `ERR_INVALID_JSON` (400).
   */
  readJson<T = unknown>(options?: ReadBodyOptions): Promise<T>;
  /** As `readBody`, for `application/x-www-form-urlencoded`; `ERR_UNSUPPORTED_MEDIA_TYPE` (415) for any other. */
  readForm(options?: ReadBodyOptions): Promise<URLSearchParams>;
  /**
   * The parts of a `multipart/form-data` body, in their order, as they arrive. Needs the package `@fastify/busboy`;
   * asking for the first part rejects with `ENOTSUP` without it. Who leaves the loop leaves the rest of the body.
   *
   * The loop throws what `readBody` rejects with, and an `HttpError`: `ERR_FILE_TOO_LARGE`, `ERR_FIELD_TOO_LARGE`,
   * `ERR_TOO_MANY_PARTS` (413), `ERR_INVALID_MULTIPART` (400).
   *
   * @throws `ERR_UNSUPPORTED_MEDIA_TYPE` (415), `ERR_BODY_READ`, and TypeError for a limit that is no whole number.
   */
  readMultipart(options?: MultipartOptions): AsyncGenerator<MultipartPart, void, undefined>;
  /**
   * The body as a Readable, with backpressure: who does not read stalls the client. It is destroyed with the errors of
   * `readBody` when the body ends before its time. Who destroys it leaves the rest, which is dropped.
   *
   * @throws Error with code `ERR_BODY_READ`, as above.
   */
  bodyStream(): Readable;
}
