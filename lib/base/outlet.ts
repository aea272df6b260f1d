/**
 * Where outgoing bytes are put together.
 *
 * Two ways in, both free of allocation. Small things (a frame, a response head) are written straight into the
 * outlet's block:
 *
 * ```ts
 * const at = outlet.reserve(64);     // room for up to 64 bytes, at block[at]
 * outlet.block[at] = 0x81; …
 * outlet.commit(n);                  // n of them are really there
 * ```
 *
 * Large things that exist as bytes already go through `send`.
 * The order of calls is the order on the wire, whichever way they go.
 */
export interface Outlet {
  /** The buffer that the last `reserve` gave room in. Read it after `reserve`, never keep it. */
  readonly block: Buffer;
  /** Makes room for `size` bytes, at most `MAX_RESERVE`, and returns the offset in `block`. */
  reserve(size: number): number;
  /** The first `size` bytes of the last `reserve` are written. */
  commit(size: number): void;
  /** Bytes that were accepted and that nobody has taken yet, what stands in the block included. */
  readonly queued: number;
  /** True while the taker has refused bytes: there is a queue behind the block. */
  readonly choked: boolean;
  /** Sends bytes `start` to `end` of `buffer`, which the caller may reuse as soon as this returns. */
  send(buffer: Uint8Array, start: number, end: number): void;
}

/** The largest `reserve`, in bytes. Every block is at least this large. */
export const MAX_RESERVE = 65_536;
