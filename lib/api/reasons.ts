/**
 * Why a protocol's callback is called.
 *
 * The numbers are those of `enum lws_callback_reasons` where libwebsockets has the reason. Numbers from `USER` on
 * are yours, see `Context.callbackAllProtocol`.
 *
 * What `input` holds for each of them, and which connection state they come in, is `CallbackArguments` (in
 * `protocol.ts`); the order in which they come is drawn in `docs/callbacks.md`.
 */
export const CallbackReason = {
  /** The 101 is sent and the session is open. */
  ESTABLISHED: 0,
  /** A connection of `clientConnect` could not be made. */
  CLIENT_CONNECTION_ERROR: 1,
  /** The server's reply was accepted and the session is open. */
  CLIENT_ESTABLISHED: 3,
  /** A server session has ended. Comes once, and only after ESTABLISHED. */
  CLOSED: 4,
  /** A connection that never became a WebSocket has ended. */
  CLOSED_HTTP: 5,
  /** Payload has arrived. */
  RECEIVE: 6,
  /** A pong has arrived, asked for or not. */
  RECEIVE_PONG: 7,
  /** As RECEIVE, on a client connection. */
  CLIENT_RECEIVE: 8,
  /** As RECEIVE_PONG, on a client connection. */
  CLIENT_RECEIVE_PONG: 9,
  /** As SERVER_WRITEABLE, on a client connection. */
  CLIENT_WRITEABLE: 10,
  /** After `callbackOnWritable`: the session takes more without queueing. */
  SERVER_WRITEABLE: 11,
  /** An HTTP request is to be answered. */
  HTTP: 12,
  /** A piece of the request's body has arrived. */
  HTTP_BODY: 13,
  /** The request's body has ended. */
  HTTP_BODY_COMPLETION: 14,
  /** A file given to `serveHttpFile` is sent. */
  HTTP_FILE_COMPLETION: 15,
  /** After `callbackOnWritable`: the reply takes more without queueing. */
  HTTP_WRITEABLE: 16,
  /** A connection was accepted and nothing is read yet; nonzero drops it. */
  FILTER_NETWORK_CONNECTION: 17,
  /** A valid upgrade request is there; nonzero or `wsi.reject` refuses it. */
  FILTER_PROTOCOL_CONNECTION: 20,
  /** The request of a client connection is about to be sent. */
  CLIENT_APPEND_HANDSHAKE_HEADER: 24,
  /** Once for each protocol, before anything is served; nonzero fails the start. */
  PROTOCOL_INIT: 27,
  /** Once for each protocol, after the last of its sessions has ended. */
  PROTOCOL_DESTROY: 28,
  /** The peer began to close. Zero answers it, nonzero drops the connection without an answer. */
  WS_PEER_INITIATED_CLOSE: 38,
  /** The head of a reply (the 101 too) is about to be sent and takes more headers. */
  ADD_HEADERS: 53,
  /** `Context.cancelService` was called. */
  EVENT_WAIT_CANCELLED: 71,
  /** The time given to `setTimer` is over. */
  TIMER: 73,
  /** As CLOSED, on a client connection. */
  CLIENT_CLOSED: 75,
  /** `Context.broadcast` was called, in this context or in another one that shares its bus. */
  BROADCAST: 200,
  /** The first number that is free for your own reasons. */
  USER: 1000,
} as const;
export type CallbackReason = (typeof CallbackReason)[keyof typeof CallbackReason];

const names = new Map<number, string>(Object.entries(CallbackReason).map(([name, value]) => [value, name]));

/** The name of a reason, for messages: `"RECEIVE"`, or `"USER+3"`. */
export function reasonName(reason: number): string {
  return names.get(reason) ?? (reason > 1000 ? `USER+${reason - 1000}` : String(reason));
}

/**
 * What `wsi.write` makes of the data (`enum lws_write_protocol`).
 *
 * A message in fragments is `TEXT | NO_FIN`, any number of `CONTINUATION | NO_FIN`, then `CONTINUATION`.
 */
export const WriteProtocol = {
  /** A text message (RFC 6455 section 5.6). A string, or bytes that are UTF-8. */
  TEXT: 0,
  /** A binary message. */
  BINARY: 1,
  /** A further fragment of the message that was begun with NO_FIN. */
  CONTINUATION: 2,
  /** Bytes of the body of an HTTP reply, after `writeHttpHeaders`. */
  HTTP: 3,
  /** A Close frame; the data is the status code in two bytes, big endian, and the reason. Rather use `wsi.close`. */
  CLOSE: 4,
  /** A ping with at most 125 bytes of payload. */
  PING: 5,
  /** A pong that answers nothing, with at most 125 bytes of payload. Pings are answered without your help. */
  PONG: 6,
  /** The last bytes of the body of an HTTP reply. */
  HTTP_FINAL: 7,
  /** Or-ed to TEXT, BINARY or CONTINUATION: more fragments of this message follow. */
  NO_FIN: 0x40,
  /** Or-ed to TEXT or BINARY: send this message as it stands, whatever extensions the session has. Pictures need no compression. */
  NO_COMPRESS: 0x100,
} as const;
export type WriteProtocol = (typeof WriteProtocol)[keyof typeof WriteProtocol];
