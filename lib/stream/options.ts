import type { IncomingMessage } from "node:http";
import type { OutgoingHeaders } from "../http/fields.ts";
import type { Until } from "./deadline.ts";
import type { WsStorage } from "./storage.ts";

/** A message of bytes. As a flag of attach: what `msend` and `mrecv` take. The default. */
export const WS_BINARY = 0;
/** A message of text (UTF-8). As a flag of attach: what `msend` and `mrecv` take. */
export const WS_TEXT = 1;
/** Flag of attach: no handshake; both ends speak WebSocket from the first byte. */
export const WS_NOHTTP = 2;

export const ALL_FLAGS = WS_TEXT | WS_NOHTTP;

/** What both sides may say as they attach. */
export interface AttachOptions extends Until {
  /** `WS_BINARY` (the default) or `WS_TEXT`: the type of `msend` and `mrecv`. With `WS_NOHTTP` there is no handshake. */
  flags?: number | undefined;
  /** Bytes that were read from the stream already, such as the `head` of an `upgrade` event. They are taken over. */
  initial?: Uint8Array | undefined;
  /** The most bytes of a message that is received without a `maxLength`. Default 16 MiB; costs nothing until it comes. */
  maxMessageSize?: number | undefined;
  /** The most bytes of the other side's handshake. Default 16384; held only while it comes in pieces. */
  maxHeaderBytes?: number | undefined;
  /** The most headers of the other side's handshake. Default 100. */
  maxHeaderCount?: number | undefined;
}

/** An upgrade request, as the server is asked about it. */
export interface UpgradeAsked {
  /** The request target: path and query. */
  readonly resource: string;
  /** Host and port that the client means. */
  readonly host: string;
  /** The headers by lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  /** The sub-protocols that the client asks for, the most preferred first. */
  readonly protocols: readonly string[];
}

/** What a server may say as it attaches. */
export interface AcceptOptions extends AttachOptions {
  /**
   * The request, where somebody has read it already: that of the `upgrade` event of `node:http`. Give the event's
   * `head` as `initial`.
   */
  request?: IncomingMessage | undefined;
  /**
   * Decides about a request that is right: true accepts it, false answers 403, a number from 400 to 599 that status.
   * The place to look at Origin and cookies. Default: all are accepted.
   */
  accept?: ((asked: UpgradeAsked) => boolean | number | Promise<boolean | number>) | undefined;
  /**
   * Sub-protocols that are spoken here: the first of the client's list that is among them is chosen, and 400 answers
   * a list with none. Or a function that chooses one of `asked.protocols`; undefined for none. Clients that ask for
   * none are not measured by it. Without the option no sub-protocol is ever chosen.
   */
  protocols?: readonly string[] | ((asked: UpgradeAsked) => string | undefined) | undefined;
  /** More headers of the 101, such as Set-Cookie. */
  headers?: OutgoingHeaders | undefined;
}

/** What a client says as it attaches. */
export interface ConnectOptions extends AttachOptions {
  /** Path and query, percent-encoded: `/chat?room=1`. Needed for a handshake. */
  resource?: string | undefined;
  /** Host, and the port where it is not the scheme's own. Needed for a handshake. */
  host?: string | undefined;
  /** Where the client comes from. Browsers send one, others need not. */
  origin?: string | undefined;
  /** Sub-protocols to ask for, the most preferred first. */
  protocols?: readonly string[] | undefined;
  /** More headers of the request, such as Authorization. */
  headers?: OutgoingHeaders | undefined;
}

/** For the functions whose name ends in `Mem`. */
export interface StorageOption {
  /** What the socket is to be made of. */
  storage: WsStorage;
}
