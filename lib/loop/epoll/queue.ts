const SMALLEST = 16_384;

/**
 * Bytes that the kernel did not take yet, copied once.
 *
 * ```
 *   first: [ sent | to send ... ] → [ ... ] → last: [ ... | room ]
 * ```
 *
 * A link has one only while something waits; small writes fill the room of the last buffer.
 */
export class SendQueue {
  /** Bytes that wait. */
  size = 0;
  readonly #buffers: Buffer[] = [];
  #sent = 0;
  #filled = 0;

  append(from: Uint8Array, start: number, end: number): void {
    this.size += end - start;
    const last = this.#buffers.at(-1);
    if (last !== undefined) {
      const fits = Math.min(last.length - this.#filled, end - start);
      last.set(from.subarray(start, start + fits), this.#filled);
      this.#filled += fits;
      start += fits;
    }
    if (start === end) return;
    const next = Buffer.allocUnsafeSlow(Math.max(SMALLEST, end - start));
    next.set(from.subarray(start, end));
    this.#filled = end - start;
    this.#buffers.push(next);
  }

  /** The first stretch of what waits; only while `size` is not 0. */
  first(): Buffer {
    const first = this.#buffers[0];
    return first.subarray(this.#sent, this.#buffers.length === 1 ? this.#filled : first.length);
  }

  /** `bytes` of the first stretch are gone. */
  consume(bytes: number): void {
    this.size -= bytes;
    this.#sent += bytes;
    const isLast = this.#buffers.length === 1;
    if (this.#sent < (isLast ? this.#filled : this.#buffers[0].length)) return;
    this.#sent = 0;
    this.#buffers.shift();
  }
}
