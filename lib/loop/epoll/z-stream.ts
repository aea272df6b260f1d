import { viewOf } from "../../base/view.ts";
import { type Zlib, ZSTREAM_SIZE } from "./libc.ts";

export const Z_NO_FLUSH = 0;
export const Z_SYNC_FLUSH = 2;
export const Z_OK = 0;
export const Z_STREAM_END = 1;
export const Z_BUF_ERROR = -5;

/** Input goes to zlib in chunks of this many bytes. */
export const CHUNK = 65_536;
const OUTPUT_SIZE = 65_536;
/** Output memory that has grown further is for the garbage collector. */
const KEPT_OUTPUT = 262_144;
const WORD = 2 ** 32;

/*
 * How the memory that zlib works on is kept safe. It is never the FFI's to free, but always that of typed arrays,
 * which the garbage collector keeps: a stream's by whoever has the stream, and what it points to as follows.
 *
 * - The pointers of a stream are written right before each call, and are looked at by zlib within that call only.
 * - Input is copied to memory that nobody else ever sees.
 * - Output is lent as a view, so the memory lives as long as anybody looks at it, whether the loop is closed or not.
 *   Whoever has a view can detach the memory under it (`structuredClone` with a transfer): then its length is 0, and
 *   another one is taken before the next call.
 * - What zlib allocates itself is known to the stream only. After `deflateEnd` or `inflateEnd` a stream has no state,
 *   and every call with it fails with an error.
 */

/** Memory whose address is known. */
export class Area {
  readonly buffer: Buffer;
  readonly address: number;

  constructor(zlib: Zlib, size: number) {
    this.buffer = Buffer.allocUnsafeSlow(size);
    this.address = zlib.address(this.buffer);
  }

  /** Bytes that are there; 0 when the memory was detached. */
  get size(): number {
    return this.buffer.length;
  }
}

/**
 * A `struct z_stream` (zlib.h), 64 bits and little-endian, in words of four bytes:
 *
 * ```
 *   0 next_in   2 avail_in   4 total_in   6 next_out   8 avail_out   10 total_out   12 msg   14 state … 22 data_type …
 * ```
 */
export class ZStream {
  readonly memory: Buffer = Buffer.allocUnsafeSlow(ZSTREAM_SIZE).fill(0);
  readonly #words = new Uint32Array(this.memory.buffer);

  setInput(area: Area, length: number): void {
    this.#point(0, area, 0, length);
  }

  setOutput(area: Area, start: number, length: number): void {
    this.#point(6, area, start, length);
  }

  #point(word: number, area: Area, start: number, length: number): void {
    if (!(start >= 0 && length >= 0 && start + length <= area.size))
      throw new RangeError(`an area of ${area.size} bytes was given as ${start} and ${length}`);
    const words = this.#words;
    const address = area.address + start;
    words[word] = address % WORD;
    words[word + 1] = address / WORD;
    words[word + 2] = length;
  }

  /** Bytes of input that were not taken. */
  get inputLeft(): number {
    return this.#words[2];
  }

  /** Bytes of output that were not filled. */
  get outputLeft(): number {
    return this.#words[8];
  }

  /** After `inflate`: all that was taken ended with a block's end, on a byte boundary. */
  get betweenBlocks(): boolean {
    // The number of unused bits, plus 64 in a final block, 128 after a block's end, 256 at a block's first code.
    return this.#words[22] === 128;
  }
}

/** The memory that output is gathered in, and lent from. */
export class Output {
  readonly #zlib: Zlib;
  #home: Area;

  constructor(zlib: Zlib) {
    this.#zlib = zlib;
    this.#home = new Area(zlib, OUTPUT_SIZE);
  }

  /** The area to begin with. */
  open(): Area {
    if (this.#home.size === 0) this.#home = new Area(this.#zlib, OUTPUT_SIZE);
    return this.#home;
  }

  /** An area twice as large, but no larger than `limit`, with all of the bytes so far. */
  grow(full: Area, limit: number): Area {
    const larger = new Area(this.#zlib, Math.min(2 * full.size, limit));
    full.buffer.copy(larger.buffer);
    if (larger.size <= KEPT_OUTPUT) this.#home = larger;
    return larger;
  }

  /** The first bytes of an area, until the next time it is opened. */
  lend(area: Area, length: number): Buffer {
    return viewOf(area.buffer, 0, length);
  }
}
