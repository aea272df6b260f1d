import { checkUtf8, UTF8_BOUNDARY } from "../base/utf8.ts";

/** Opcodes (RFC 6455 section 5.2). From 8 on they are control frames. */
export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

/** The most payload a control frame may have (section 5.5). */
export const MAX_CONTROL_PAYLOAD = 125;
/** The most bytes of reason a Close frame may have: a control payload less the two bytes of the code. */
export const MAX_CLOSE_REASON = 123;

/** "No code was in the Close frame": told to the user, never sent (section 7.1.5). */
export const NO_STATUS = 1005;
/** "No Close frame came": told to the user, never sent. */
export const ABNORMAL = 1006;
export const NORMAL = 1000;
export const GOING_AWAY = 1001;
export const PROTOCOL_ERROR = 1002;
export const INVALID_DATA = 1007;
export const POLICY = 1008;
export const TOO_BIG = 1009;
export const INTERNAL_ERROR = 1011;

/**
 * True for a code that may stand in a Close frame (section 7.4, and the IANA registry, which has come to 1014 since):
 * 1004 is reserved, 1005, 1006 and 1015 are for local use only.
 */
export function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  if (code >= 3000) return code <= 4999;
  return code >= 1000 && code <= 1014 && code !== 1004 && code !== NO_STATUS && code !== ABNORMAL;
}

/** Why a connection was failed: the close code that the peer is told, and the sentence with it. */
export interface Failure {
  readonly code: number;
  readonly reason: string;
}

const failure = (code: number, reason: string): Failure => Object.freeze({ code, reason });

/** Every way in which a peer can make this side fail the connection (section 7.1.7). */
export const FAILURES = {
  reservedBits: failure(PROTOCOL_ERROR, "reserved bit set without an extension"),
  opcode: failure(PROTOCOL_ERROR, "unknown opcode"),
  unmasked: failure(PROTOCOL_ERROR, "frame from a client is not masked"),
  masked: failure(PROTOCOL_ERROR, "frame from a server is masked"),
  fragmentedControl: failure(PROTOCOL_ERROR, "control frame in fragments"),
  longControl: failure(PROTOCOL_ERROR, "control frame of more than 125 bytes"),
  strayContinuation: failure(PROTOCOL_ERROR, "continuation without a message"),
  missingContinuation: failure(PROTOCOL_ERROR, "new message amid fragments"),
  lengthForm: failure(PROTOCOL_ERROR, "length not in its shortest form"),
  lengthRange: failure(PROTOCOL_ERROR, "length with its top bit set"),
  closePayload: failure(PROTOCOL_ERROR, "close frame of one byte"),
  closeCode: failure(PROTOCOL_ERROR, "invalid close code"),
  closeText: failure(INVALID_DATA, "close reason is not UTF-8"),
  text: failure(INVALID_DATA, "text is not UTF-8"),
  compressed: failure(INVALID_DATA, "compressed data is corrupt"),
  tooBig: failure(TOO_BIG, "message too big"),
  emptyFragments: failure(POLICY, "too many empty fragments"),
  unreadPongs: failure(POLICY, "pings without reading the pongs"),
  unread: failure(POLICY, "too much waits to be read"),
  callback: failure(INTERNAL_ERROR, "internal error"),
} as const;

/** What is wrong with a Close frame's payload, bytes `start` to `end` (section 5.5.1); null when nothing is. */
export function closeFailure(buffer: Buffer, start: number, end: number): Failure | null {
  const size = end - start;
  if (size === 0) return null;
  if (size === 1) return FAILURES.closePayload;
  if (!isCloseCode(buffer.readUInt16BE(start))) return FAILURES.closeCode;
  return checkUtf8(UTF8_BOUNDARY, buffer, start + 2, end) === UTF8_BOUNDARY ? null : FAILURES.closeText;
}
