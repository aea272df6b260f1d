import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { MAX_RESERVE, type Outlet } from "../base/outlet.ts";
import { viewOf } from "../base/view.ts";

/** Frames of all streams are put together in here. What was written stays the stream's; the rest goes on. */
const SLAB = 2 * MAX_RESERVE;
let slab = Buffer.alloc(0);
let used = 0;

/** Writes what is put together for it to a Duplex: a commit is one chunk. */
export class StreamOutlet implements Outlet {
  #stream: Duplex;
  /** The stream goes to the kernel: what it holds no more is nobody's any more. */
  #kernel = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.open(stream);
  }

  /** Writes to another stream from now on. */
  open(stream: Duplex): void {
    this.#stream = stream;
    this.#kernel = stream instanceof Socket;
    // A message is written in one piece: nothing is won by waiting for more.
    if (stream instanceof Socket) stream.setNoDelay(true);
  }

  get block(): Buffer {
    return slab;
  }

  get queued(): number {
    return this.#stream.writableLength;
  }

  get choked(): boolean {
    return this.#stream.writableNeedDrain;
  }

  reserve(size: number): number {
    if (slab.length - used < size) {
      slab = Buffer.allocUnsafeSlow(SLAB);
      used = 0;
    }
    return used;
  }

  commit(size: number): void {
    const start = used;
    used += size;
    const stream = this.#stream;
    stream.write(viewOf(slab, start, used));
    if (this.#kernel && stream.writableLength === 0) used = start;
  }

  /** The bytes are copied: other streams hand them on as they are, to somebody who reads them at any later time. */
  send(buffer: Uint8Array, start: number, end: number): void {
    this.#stream.write(Buffer.from(buffer.subarray(start, end)));
  }
}
