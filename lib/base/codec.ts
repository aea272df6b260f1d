import type { History } from "./history.ts";

/** How a compressor works (RFC 1951 by way of zlib); one frozen object for all sessions that share it. */
export interface DeflateSettings {
  /** 1 fast to 9 small. */
  readonly level: number;
  /** Memory for the compressor's own state, 1 to 9: 2 to the power of it plus 9, in bytes. */
  readonly memLevel: number;
  /** It refers back at most 2 to the power of this many bytes, 9 to 15. */
  readonly windowBits: number;
}

/** `Codec.inflate`: the input is not what a compressor writes, or it refers back to before its history. */
export const CORRUPT = 1;
/** `Codec.inflate`: there is more plain text than was allowed. */
export const TOO_LONG = 2;

/** What `Codec.inflate` gives. */
export type Inflated = Buffer | typeof CORRUPT | typeof TOO_LONG;

/**
 * How many of the last bytes of its history a compressor is given; a history that serves `deflate` need not be longer. A
 * dictionary has to be hashed first, and then be searched. Microseconds and bytes of output, for JSON at level 6:
 *
 * ```
 *              none        1 KiB        2 KiB        4 KiB
 *    200 B   10, 119      9,  60      10,  58      12,  57
 *    1 KiB   16, 287     16, 210      17, 202      21, 201
 *   16 KiB  175, 2935   179, 2806    189, 2788    203, 2778
 * ```
 */
export const DICTIONARY_SIZE = 2048;

/**
 * The most final blocks (RFC 1951 section 3.2.3) that a message may consist of. An empty one takes two bytes, and
 * each costs a decompressor of its own.
 */
export const MAX_FINAL_BLOCKS = 4;

/** Nothing, compressed up to a byte boundary: one empty stored block. */
export const EMPTY_BLOCK: readonly number[] = [0x00, 0x00, 0x00, 0xff, 0xff];

/**
 * Raw DEFLATE, a message at a time and synchronously. Nothing of a session stays in a codec but what it can make
 * again out of the session's `History`: one codec serves all sessions of a loop.
 *
 * Output is lent until the next call of the same method; the two methods do not disturb each other, so that what
 * `inflate` gave may be compressed again.
 */
export interface Codec {
  /**
   * Compresses a message, or a fragment of one, up to a byte boundary: the output ends with `00 00 ff ff`
   * (an empty stored block; RFC 7692 section 7.2.1).
   *
   * @param history - Plain text that went before, which the output may refer to. `data` is appended to it. Null: none.
   *   When the output is not sent after all, `clear` it: the peer does not know these bytes.
   */
  deflate(data: Uint8Array, history: History | null, settings: DeflateSettings): Buffer;
  /**
   * Undoes what a peer has compressed: bytes `start` to `end` are a whole message without its last `00 00 ff ff`, and
   * not empty (RFC 7692 section 7.2.2). Blocks marked as final do not end it, up to `MAX_FINAL_BLOCKS`. A message that
   * stops within a block is corrupt.
   *
   * @param history - Plain text that went before, which the input may refer to. The result is appended to it. Null: none.
   *   After a failure it holds anything.
   * @param maxLength - The most bytes of plain text; no more than twice that, and a fixed overhead, is ever held.
   */
  inflate(data: Buffer, start: number, end: number, history: History | null, maxLength: number): Inflated;
}
