import type { CallbackReason } from "./reasons.ts";
import type { Wsi } from "./wsi.ts";

/** How a session ended; the `input` of CLOSED and CLIENT_CLOSED. */
export interface CloseInfo {
  /**
   * The peer's close code when its Close frame ended the session (1005 when it held none); the code that this side
   * failed the connection with (1002, 1007, 1008, 1009, 1011) when that ended it; else 1006.
   */
  code: number;
  /** The text behind the code, or an empty string. */
  reason: string;
  /** True when both sides sent a Close frame and neither failed the connection (RFC 6455 section 7.1.4). */
  wasClean: boolean;
  /** In CLIENT_CLOSED: milliseconds until `retry` connects again; not there when it does not. */
  retryIn?: number;
}

/** Adds one header to the reply that is about to be sent; the `input` of ADD_HEADERS. Throws a TypeError for CR, LF or a bad name. */
export type AddHeader = (name: string, value: string) => void;

/** The `input` of CLIENT_CONNECTION_ERROR. */
export interface ConnectionError extends Error {
  /** The system's code (`ECONNREFUSED`, …), or one of ours, see `Context.clientConnect`. */
  code: string;
  /** The HTTP status of the reply, where a server answered. */
  status?: number;
  /** The headers of the reply, names in lower case, where a server answered. */
  headers?: Readonly<Record<string, string>>;
  /** Milliseconds until `retry` connects again; not there when it does not. */
  retryIn?: number;
}

/** What `input` is, for each reason. `undefined` for those that are not listed. */
interface Inputs {
  /** The protocol's options: `Protocol.options`, or what the plugin was loaded with. */
  PROTOCOL_INIT: unknown;
  /** A view of the payload that lives until the callback returns; who keeps it copies it (`Buffer.from(input)`). */
  RECEIVE: Buffer;
  CLIENT_RECEIVE: Buffer;
  /** A view of the payload, as for RECEIVE. */
  RECEIVE_PONG: Buffer;
  CLIENT_RECEIVE_PONG: Buffer;
  /** The data given to `broadcast`, the same buffer for every session: read it, never change it. */
  BROADCAST: Buffer;
  /**
   * The path of the request, percent-decoding left to you: what stands before `?`. Where a mount gave the request to the
   * protocol, the path that it lies in the mount by: with dot and empty segments gone, and encoded anew.
   */
  HTTP: string;
  /** A view of the piece, as for RECEIVE. */
  HTTP_BODY: Buffer;
  /** The sub-protocols that the client asked for, in its order. */
  FILTER_PROTOCOL_CONNECTION: readonly string[];
  /** What the peer's Close frame holds: code (1005 when it holds none) and reason. */
  WS_PEER_INITIATED_CLOSE: CloseInfo;
  CLOSED: CloseInfo;
  CLIENT_CLOSED: CloseInfo;
  ADD_HEADERS: AddHeader;
  CLIENT_APPEND_HANDSHAKE_HEADER: AddHeader;
  CLIENT_CONNECTION_ERROR: ConnectionError;
  /** The path of the file. */
  HTTP_FILE_COMPLETION: string;
}

/** Reasons that concern a protocol or an address, not a session: `user` is undefined. */
type WithoutSession =
  | "PROTOCOL_INIT"
  | "PROTOCOL_DESTROY"
  | "FILTER_NETWORK_CONNECTION"
  | "EVENT_WAIT_CANCELLED";

type Names = keyof typeof CallbackReason;
type InputOf<Name extends Names> = Name extends keyof Inputs ? Inputs[Name] : undefined;
type UserOf<Name extends Names, Session> = Name extends WithoutSession ? undefined : Session;

/**
 * The arguments of a protocol's callback, one tuple for each reason, so that `switch (reason)` narrows `user` and
 * `input` in its cases.
 *
 * - `wsi`: the connection. For PROTOCOL_INIT, PROTOCOL_DESTROY and EVENT_WAIT_CANCELLED one that stands for the
 *   context and can do nothing but tell `context` and `getProtocol()`.
 * - `user`: what `perSessionData` made for this session. HTTP requests get one of their own for each request.
 * - `input`: see `Inputs`.
 * - `len`: the length of `input` in bytes (of a string, in characters); 0 where it has none.
 */
export type CallbackArguments<Session> = {
  [Name in Names]: [
    wsi: Wsi<Session>,
    reason: (typeof CallbackReason)[Name],
    user: UserOf<Name, Session>,
    input: InputOf<Name>,
    len: number,
  ];
}[Names];

/** Zero, nothing or `undefined` goes on; any other number closes the connection. A promise of it is awaited. */
export type CallbackResult = number | void | Promise<number | void>;

/**
 * The type of `Protocol.callback`.
 *
 * A callback may leave out the last parameters. TypeScript compares a list of parameters with a union of tuples as a
 * whole and would refuse that; the second member lets it pass, and has no signature of its own that could
 * stand in the way of narrowing.
 */
export type Callback<Session> = ((...args: CallbackArguments<Session>) => CallbackResult) | CallableFunction;

/**
 * One sub-protocol: a name, and one callback for all that happens to its sessions (`struct lws_protocols`).
 *
 * @typeParam Session - what `perSessionData` makes; `undefined` without it.
 */
export interface Protocol<Session = unknown> {
  /** The name in `Sec-WebSocket-Protocol`; a token (RFC 9110 section 5.6.2). Compared case-sensitively. */
  name: string;

  /**
   * Called for everything that happens. Runs on the loop: what it does before it returns, nobody else interrupts.
   *
   * A nonzero return closes the connection, with the code given to `wsi.closeReason` before, else with an empty
   * Close. A throw or a rejected promise closes it with 1011 and is logged; the server goes on. In
   * PROTOCOL_INIT each of these fails `createContext`.
   */
  callback: Callback<Session>;

  /** Makes the session's own data: a fresh one for each session, before the first callback that has a `user`. */
  perSessionData?: () => Session;

  /**
   * The most bytes one RECEIVE brings, without `wholeMessages`. Default 65 536. It costs nothing: pieces are views
   * of what was read.
   */
  rxBufferSize?: number;

  /** One RECEIVE for each message instead of one for each piece, up to `maxMessageSize`. Default false. */
  wholeMessages?: boolean;

  /**
   * The most bytes a message may have, in all its fragments; a longer one closes the session with 1009 as soon as a
   * frame announces it. Default 16 MiB. With `wholeMessages` a session holds that much while a message arrives.
   */
  maxMessageSize?: number;

  /** For your own use. */
  id?: number;
  /** For your own use. */
  user?: unknown;
  /** What PROTOCOL_INIT gets as `input`. */
  options?: unknown;
}
