import type { MessageTarget } from "./connection.ts";
import { invalid } from "./errors.ts";

/** Gives a message as one buffer. */
export class OneBuffer implements MessageTarget {
  readonly limit: number;
  data: Buffer | null = null;

  constructor(limit: number) {
    this.limit = limit;
  }

  put(buffer: Buffer, start: number, end: number): void {
    this.data = Buffer.allocUnsafe(end - start);
    buffer.copy(this.data, 0, start, end);
  }
}

/** Spreads a message over buffers, one filled after the other. */
export class Scatter implements MessageTarget {
  readonly limit: number;
  #length = 0;
  #lost = false;
  readonly #buffers: readonly Uint8Array[];

  /** @throws EINVAL */
  constructor(buffers: readonly Uint8Array[]) {
    if (!Array.isArray(buffers) || !buffers.every((each) => each instanceof Uint8Array)) {
      throw invalid("the buffers are not a list of Uint8Arrays");
    }
    this.#buffers = [...buffers];
    this.limit = buffers.reduce((sum, { length }) => sum + length, 0);
  }

  put(buffer: Buffer, start: number, end: number): void {
    this.#length = end - start;
    for (const each of this.#buffers) {
      if (start === end) return;
      start += buffer.copy(each, 0, start, end);
    }
    this.#lost = start < end;
  }

  /** Bytes of the message. @throws EINVAL when they do not stand in the buffers. */
  size(): number {
    if (this.#lost) throw invalid("a buffer was given away or made smaller while the call waited");
    return this.#length;
  }
}
