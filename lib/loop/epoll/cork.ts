import { codedError } from "../../base/errors.ts";
import { MAX_RESERVE } from "../../base/outlet.ts";

/** Who owns what stands in the block. */
export interface Corked {
  /** Sends the first `length` bytes of `block`; `more` when other bytes follow at once. */
  transmit(block: Buffer, length: number, more: boolean): void;
}

const BLOCK_SIZE = 4 * MAX_RESERVE;

/**
 * The one outgoing block of a loop. It belongs to one link at a time: what is written to that link while it is
 * served leaves in one send, and writing to another link sends it first.
 */
export class Cork {
  readonly block = Buffer.allocUnsafeSlow(BLOCK_SIZE);
  /** Bytes in the block, all of them the owner's. */
  used = 0;
  owner: Corked | null = null;
  readonly #onClaim: () => void;

  /** `onClaim` is called when bytes begin to wait, so that somebody flushes them. */
  constructor(onClaim: () => void) {
    this.#onClaim = onClaim;
  }

  reserve(owner: Corked, size: number): number {
    if (this.owner !== owner || this.used + size > BLOCK_SIZE) this.#claim(owner, size);
    return this.used;
  }

  #claim(owner: Corked, size: number): void {
    if (size > MAX_RESERVE) throw codedError("ERR_OUT_OF_RANGE", `reserve of ${size} bytes`);
    this.flush(false);
    this.owner = owner;
    this.#onClaim();
  }

  /** Sends what waits, and leaves the block to nobody. */
  flush(more: boolean): void {
    const owner = this.owner;
    const length = this.used;
    this.owner = null;
    this.used = 0;
    if (length > 0) owner!.transmit(this.block, length, more);
  }

  /** Throws away what `owner` has in the block. */
  drop(owner: Corked): void {
    if (this.owner !== owner) return;
    this.owner = null;
    this.used = 0;
  }
}
