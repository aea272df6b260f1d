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
  /** The peer's address in text form; empty on a Unix socket. */
  readonly remoteAddress: string;
  /** The peer's port; 0 on a Unix socket. */
  readonly remotePort: number;
  /** True over TLS. */
  readonly secure: boolean;

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
   * @throws Error with code `ERR_SEQUENCE` for a CONTINUATION when no message is open, or a new message when one is.
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
   * stalled by TCP (`lws_rx_flow_control`). Counted as it is called: one `true` undoes any number of `false`.
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
  /** TIMER comes once after `ms` milliseconds (`lws_set_timer_usecs`). A new call replaces the old time; -1 cancels. */
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
   * Answers with a file, and HTTP_FILE_COMPLETION when it is sent (`lws_serve_http_file`). A file that is not there
   * gets 404. The path is yours: never build it from the request without a check; mounts do that for you.
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
}
