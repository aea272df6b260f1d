import { MAX_RESERVE, type Outlet } from "../../../lib/base/outlet.ts";
import { check } from "../target.ts";

const POISON = 0xee;
const GUARD = 16;

/** As strict as `MemoryOutlet` of the tests but for the block, which stays the same: a fuzzer sends very often. */
export class FuzzOutlet implements Outlet {
  readonly choked = false;
  readonly block = block;
  queued = 0;
  #reserved = -1;
  #written: Buffer[] = [];

  reserve(size: number): number {
    check(this.#reserved === -1, "a reserve is committed before the next one");
    check(Number.isInteger(size) && size >= 0 && size <= MAX_RESERVE, "a reserve is no larger than allowed");
    this.#reserved = size;
    block.fill(POISON, 0, GUARD + size + GUARD);
    return GUARD;
  }

  commit(size: number): void {
    check(Number.isInteger(size) && size >= 0 && size <= this.#reserved, "a commit stays within its reserve");
    const behind = GUARD + this.#reserved;
    for (let i = 0; i < GUARD; i++) {
      check(block[i] === POISON && block[behind + i] === POISON, "nothing is written outside of the reserve");
    }
    this.#reserved = -1;
    this.#write(block.subarray(GUARD, GUARD + size));
  }

  send(buffer: Uint8Array, start: number, end: number): void {
    check(this.#reserved === -1, "a reserve is committed before a send");
    check(0 <= start && start <= end && end <= buffer.length, "what is sent is a range of the buffer");
    this.#write(buffer.subarray(start, end));
  }

  /** All that was sent. */
  bytes(): Buffer {
    return Buffer.concat(this.#written);
  }

  #write(bytes: Uint8Array): void {
    this.#written.push(Buffer.from(bytes));
    this.queued += bytes.length;
  }
}

const block = Buffer.alloc(GUARD + MAX_RESERVE + GUARD);
