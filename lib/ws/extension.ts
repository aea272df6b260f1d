import type { Codec } from "../base/codec.ts";
import type { Failure } from "./codes.ts";

/**
 * Parameters of one offer or answer of an extension, in their order: a value, or null for a name alone.
 * A name that came twice makes the offer void, so that it never gets here.
 */
export type ExtensionParameters = ReadonlyMap<string, string | null>;

/** Reserved bit of a frame that an extension gives a meaning to (RFC 6455 section 5.2). */
export const RSV1 = 0x40;
export const RSV2 = 0x20;
export const RSV3 = 0x10;

/** What the house lends to extensions. */
export interface ExtensionTools {
  /** Compression, shared by all sessions of a loop. */
  readonly codec: Codec;
}

/**
 * An extension to the protocol (RFC 6455 section 9) that works on messages: it may change the payload of each message
 * that is sent, marks those by its reserved bit on their first frame, and changes them back where they arrive.
 * Extensions that work on single frames are not provided for; no registered one does.
 *
 * `permessageDeflate` is one, written to this interface only.
 */
export interface Extension {
  /** The token in Sec-WebSocket-Extensions. */
  readonly name: string;
  /** `RSV1`, `RSV2` or `RSV3`. Of two extensions with the same bit only the first is agreed on. */
  readonly rsv: number;
  /**
   * Server: chooses among the client's offers of this name, which come in its order of preference. Null declines them
   * all, which the client is not told otherwise than by silence.
   */
  accept(offers: readonly ExtensionParameters[]): ExtensionAgreement | null;
  /** Client: what to offer, the most preferred first. */
  offer(): readonly ExtensionParameters[];
  /** Client: the server's answer. Null when it is not one to what `offer` gave: the handshake fails. */
  agree(answer: ExtensionParameters): ExtensionAgreement | null;
}

/** What both sides have agreed on; good for one session. */
export interface ExtensionAgreement {
  /** What the server answers. */
  readonly parameters: ExtensionParameters;
  /** Begins the extension's part of a session. */
  open(tools: ExtensionTools): ExtensionSession;
}

/**
 * An extension's part of one session. Bytes that it returns are lent until its next call. Whatever it throws is
 * logged and ends the session with 1011.
 */
export interface ExtensionSession {
  /** Whole messages of fewer bytes are left alone, and `encode` is not asked about them. Default 0. */
  readonly threshold?: number;
  /**
   * A message, or a fragment of one, is to be sent.
   *
   * @param first - Here the message begins, @param final - and here it ends.
   * @returns The payload to send in its place; or null to leave the message as it is, which only the first fragment
   *   may: the others follow what the first one did, and are not asked about after a null.
   */
  encode(payload: Uint8Array, first: boolean, final: boolean): Uint8Array | null;
  /**
   * A whole message with the extension's bit has arrived: bytes `start` to `end`.
   *
   * @param maxLength - The most bytes that may come out of it. Stop at them, before there are more.
   * @returns What it was, or why the connection fails.
   */
  decode(payload: Buffer, start: number, end: number, maxLength: number): Uint8Array | Failure;
  /** The session is over. */
  close?(): void;
}
