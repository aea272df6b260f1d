/** Free bytes in front of an assembled message, so that a frame's header fits there when it is sent on. */
export const HEADROOM = 16;

const FIRST_CAPACITY = 65_536;
/** One buffer up to this size is kept for the next message that comes in pieces. */
const SPARE_LIMIT = 262_144;
let spare: Buffer | null = null;

/**
 * The bytes of a message that arrives in pieces. Grows with what has arrived, not with what is announced: a peer
 * that claims much and sends nothing costs nothing.
 */
export class Assembly {
  buffer: Buffer;
  /** Offset behind the last byte; the first one stands at `HEADROOM`. */
  end = HEADROOM;

  /** @param expected - Bytes announced; room for that many is made at once up to 64 KiB. */
  constructor(expected: number) {
    const size = HEADROOM + Math.min(expected, FIRST_CAPACITY);
    if (spare !== null && spare.length >= size) {
      this.buffer = spare;
      spare = null;
    } else {
      this.buffer = Buffer.allocUnsafeSlow(size);
    }
  }

  /** @param toCome - Bytes announced behind these. */
  append(from: Buffer, start: number, end: number, toCome: number): void {
    const needed = this.end + end - start;
    if (needed > this.buffer.length) this.#grow(needed, toCome);
    from.copy(this.buffer, this.end, start, end);
    this.end = needed;
  }

  #grow(needed: number, toCome: number): void {
    // Doubling keeps a message of many small fragments linear; a frame's own length is a bound for it.
    const doubled = 2 * this.buffer.length;
    const larger = Buffer.allocUnsafeSlow(
      Math.max(needed, toCome > 0 ? Math.min(needed + toCome, doubled) : doubled),
    );
    this.buffer.copy(larger, 0, 0, this.end);
    this.buffer = larger;
  }

  /** Gives the buffer back. Nobody may look at it afterwards. */
  release(): void {
    if (this.buffer.length <= SPARE_LIMIT && (spare === null || spare.length < this.buffer.length)) {
      spare = this.buffer;
    }
  }
}
