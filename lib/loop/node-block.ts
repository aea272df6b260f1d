import { MAX_RESERVE } from "../base/outlet.ts";

const BLOCK_SIZE = 2 * MAX_RESERVE;

/** Whose bytes stand in the block. */
export interface BlockOwner {
  /** Sends `bytes`. True when nobody looks at their memory any more, so that it may be written again. */
  take(bytes: Buffer): boolean;
}

/**
 * The outgoing block of a loop: small writes are put together here and leave in one `socket.write`.
 *
 * There is one for all links, and one link at a time owns it; a `reserve` for another link flushes the first.
 *
 * ```
 *   0            floor               end                  BLOCK_SIZE
 *   ├─ sockets ───┼─ written, to be ──┼─ free ──────────────┤
 *      still read    flushed
 *      from here
 * ```
 *
 * As a rule the kernel takes all at once and `end` falls back to `floor`. What it does not take stays where it is:
 * the floor rises above it, and a block that has no room left is given up to the sockets that hold it.
 */
export class Block {
  buffer = Buffer.allocUnsafeSlow(BLOCK_SIZE);
  readonly #onOwned: () => void;
  #owner: BlockOwner | null = null;
  #floor = 0;
  #end = 0;

  /** @param onOwned - Called when a first byte is about to be written: somebody has to call `flush` later. */
  constructor(onOwned: () => void) {
    this.#onOwned = onOwned;
  }

  /** Bytes of `owner` that are not flushed. */
  pending(owner: BlockOwner): number {
    return owner === this.#owner ? this.#end - this.#floor : 0;
  }

  reserve(owner: BlockOwner, size: number): number {
    if (owner !== this.#owner) this.#own(owner);
    if (this.#end + size > BLOCK_SIZE) {
      this.flush();
      if (this.#floor + size > BLOCK_SIZE) this.#renew();
      this.#own(owner);
    }
    return this.#end;
  }

  commit(size: number): void {
    this.#end += size;
  }

  flush(): void {
    const owner = this.#owner;
    this.#owner = null;
    const start = this.#floor;
    const end = this.#end;
    if (owner === null || start === end) return;
    // A stream in memory may run others' code from within its write: to them these bytes are taken.
    this.#floor = end;
    const buffer = this.buffer;
    if (!owner.take(buffer.subarray(start, end))) return;
    if (this.buffer === buffer && this.#owner === null && this.#end === end) {
      this.#floor = start;
      this.#end = start;
    }
  }

  #own(owner: BlockOwner): void {
    this.flush();
    this.#owner = owner;
    this.#onOwned();
  }

  #renew(): void {
    this.buffer = Buffer.allocUnsafeSlow(BLOCK_SIZE);
    this.#floor = 0;
    this.#end = 0;
  }
}
