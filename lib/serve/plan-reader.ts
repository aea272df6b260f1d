import type { Part } from "./plan.ts";
import { FileReader, type OpenFile } from "./source.ts";

/** Bytes at the end that are read whatever happens, and not given away before it is sure what the others were. */
const READ_LAST = 4096;

/**
 * Reads the parts of a plan one after the other, from the file's descriptor or from its bytes in memory, and owns the
 * file.
 *
 * ```ts
 * const reader = new PlanReader(file, plan.parts);
 * const size = reader.read();
 * if (size > 0) link.send(reader.buffer, reader.start, reader.end);   // the last ones when reader.remaining is 0
 * else if (reader.failed) link.destroy();                             // what was promised will never come
 * else …                                                              // all is read
 * reader.close();
 * ```
 *
 * Who can send a file without reading it asks for the `stretch` that comes next, and says by `skip` how much of it went.
 */
export class PlanReader {
  /** Where the bytes of the last `read` are: lent until the next `read` of any reader. */
  buffer: Buffer;
  start = 0;
  end = 0;
  readonly #file: OpenFile;
  readonly #reader: FileReader;
  readonly #parts: readonly Part[];
  #part = -1;
  /** Bytes of the file from here on, up to its end, are what is left of the current part. */
  #at = 0;
  #remaining: number;
  #failed = false;

  constructor(file: OpenFile, parts: readonly Part[]) {
    this.#file = file;
    this.#parts = parts;
    this.#reader = new FileReader(file.handle, 0, 0);
    this.buffer = file.bytes ?? this.#reader.piece;
    this.#remaining = parts.reduce((sum, { text, start, end }) => sum + text.length + end - start, 0);
    if (parts.length > 0 && parts[0].text === "") this.#enter(0);
  }

  /** Bytes of all parts that are still to be read. */
  get remaining(): number {
    return this.#remaining;
  }

  /** The file became shorter, was changed while it was read, or cannot be read: only the end of the connection tells so. */
  get failed(): boolean {
    return this.#failed;
  }

  /**
   * Reads some bytes more and returns how many: 0 when all is read, or `failed`, or the reader is closed. The last bytes are
   * not given away before it is sure that the file is still the one that the head of the reply spoke of.
   */
  read(): number {
    if (this.#remaining === 0 || this.#failed) return 0;
    const size = this.#next();
    if (size === 0) return this.#fail();
    this.#remaining -= size;
    if (this.#remaining === 0 && this.#file.bytes === null && this.#reader.isChanged(this.#file)) {
      return this.#fail();
    }
    return size;
  }

  /** The file's descriptor; -1 when its bytes are in memory. */
  get handle(): number {
    return this.#file.handle;
  }

  /** Where in the file the next stretch begins. */
  get offset(): number {
    return this.#at;
  }

  /** How many bytes of the file come next and need not be read; 0 when only `read` goes on. */
  get stretch(): number {
    if (this.#part === -1 || this.#failed) return 0;
    return Math.max(0, Math.min(this.#parts[this.#part].end - this.#at, this.#remaining - READ_LAST));
  }

  /** So many bytes of the stretch have gone another way. */
  skip(size: number): void {
    this.#at += size;
    this.#remaining -= size;
    this.#reader.seek(this.#at, this.#parts[this.#part].end);
  }

  /** Closes the file; harmless when it is closed. */
  close(): void {
    this.#reader.close();
  }

  #fail(): number {
    this.#failed = true;
    return 0;
  }

  #next(): number {
    while (this.#part === -1 || this.#at === this.#parts[this.#part].end) {
      this.#enter(this.#part + 1);
      const { text } = this.#parts[this.#part];
      if (text !== "") return this.#lend(Buffer.from(text, "latin1"), 0, text.length);
    }
    const { end } = this.#parts[this.#part];
    const at = this.#at;
    const { bytes } = this.#file;
    const size = bytes === null ? this.#reader.read() : end - at;
    this.#at = at + size;
    return bytes === null ? this.#lend(this.#reader.piece, 0, size) : this.#lend(bytes, at, end);
  }

  #enter(part: number): void {
    const { start, end } = this.#parts[part];
    this.#part = part;
    this.#at = start;
    this.#reader.seek(start, end);
  }

  #lend(buffer: Buffer, start: number, end: number): number {
    this.buffer = buffer;
    this.start = start;
    this.end = end;
    return end - start;
  }
}
