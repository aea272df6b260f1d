import { viewOf } from "./view.ts";

const FIRST_CAPACITY = 512;
const EMPTY = Buffer.alloc(0);

/**
 * The last bytes of a stream: what a compressor may refer back to, its sliding window (RFC 1951 section 2).
 *
 * ```
 *   buffer: [ forgotten | start: kept :end | room ]       end - start <= size
 * ```
 *
 * Memory grows with what has come, up to `size` and a quarter, so that a session of few short messages holds little.
 * With the quarter the bytes are moved to the front once in a while, not at each append.
 */
export class History {
  /** The bytes stand at `start` to `end`, the latest last. */
  buffer: Buffer = EMPTY;
  start = 0;
  end = 0;
  /** Counts the changes, so that who worked with these bytes before can tell that nothing else came since. */
  version = 0;
  /** The most bytes kept. */
  readonly size: number;

  constructor(size: number) {
    this.size = size;
  }

  get length(): number {
    return this.end - this.start;
  }

  append(data: Uint8Array, start: number, end: number): void {
    this.version++;
    const from = Math.max(start, end - this.size);
    const count = end - from;
    if (this.end + count > this.buffer.length) this.#makeRoom(count);
    this.buffer.set(from === 0 && end === data.length ? data : data.subarray(from, end), this.end);
    this.end += count;
    this.start = Math.max(this.start, this.end - this.size);
  }

  /** A view of the last bytes, `count` or as many as there are; good until the next change. */
  last(count: number): Buffer {
    return viewOf(this.buffer, Math.max(this.start, this.end - count), this.end);
  }

  /** Forgets the bytes and keeps the memory. */
  clear(): void {
    this.version++;
    this.start = this.end = 0;
  }

  /** Moves what stays to the front, into a larger buffer where one is needed and allowed. */
  #makeRoom(count: number): void {
    const kept = Math.min(this.length, this.size - count);
    const from = this.end - kept;
    const most = this.size + (this.size >> 2);
    if (this.buffer.length < most && kept + count > this.buffer.length >> 1) {
      const capacity = Math.min(most, Math.max(FIRST_CAPACITY, kept + count, 2 * this.buffer.length));
      const larger = Buffer.allocUnsafeSlow(capacity);
      this.buffer.copy(larger, 0, from, this.end);
      this.buffer = larger;
    } else this.buffer.copyWithin(0, from, this.end);
    this.start = 0;
    this.end = kept;
  }
}
