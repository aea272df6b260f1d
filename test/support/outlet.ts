import { MAX_RESERVE, type Outlet } from "../../lib/base/outlet.ts";

const POISON = 0xee;
/** Bytes in front of and behind the room that is given; nobody may touch them. */
const GUARD = 16;
const clean = Buffer.alloc(MAX_RESERVE + 2 * GUARD, POISON);

/** Bytes as the tests spell them: `"81 05 48"`. */
export function spelled(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString("hex")
    .replaceAll(/..(?=.)/g, "$& ");
}

/**
 * An outlet that keeps what is sent, and throws for everything that its contract forbids: a reserve that is too large
 * or was not committed, a commit without a reserve or beyond it, a byte outside of the room that was given, a range
 * that is none. The block is another one after each commit, so that nobody gets away with keeping it.
 *
 * ```ts
 * const outlet = new MemoryOutlet();
 * sendFrame(outlet, 0x81, "Hello");
 * outlet.take();                       // "81 05 48 65 6c 6c 6f"
 * ```
 */
export class MemoryOutlet implements Outlet {
  /** Set by a test: the taker refuses bytes. What is sent waits until it is taken either way. */
  choked = false;
  /** How often bytes came through `commit`, and through `send`. */
  commits = 0;
  sends = 0;
  #block: Buffer | null = null;
  #reserved = -1;
  #written: Buffer[] = [];

  get block(): Buffer {
    if (this.#block === null) throw new Error("block: read it between reserve and commit");
    return this.#block;
  }

  get queued(): number {
    return this.#written.reduce((sum, { length }) => sum + length, 0);
  }

  reserve(size: number): number {
    if (this.#reserved !== -1) throw new Error("reserve: the last one was not committed");
    if (!Number.isInteger(size) || size < 0 || size > MAX_RESERVE) throw new Error(`reserve(${size})`);
    this.#block = Buffer.from(clean);
    this.#reserved = size;
    return GUARD;
  }

  commit(size: number): void {
    if (this.#block === null) throw new Error("commit: nothing is reserved");
    if (!Number.isInteger(size) || size < 0 || size > this.#reserved) {
      throw new Error(`commit(${size}) after reserve(${this.#reserved})`);
    }
    const behind = GUARD + this.#reserved;
    const untouched =
      this.#block.compare(clean, 0, GUARD, 0, GUARD) === 0 &&
      this.#block.compare(clean, behind, clean.length, behind, clean.length) === 0;
    if (!untouched) throw new Error("commit: bytes outside of the reserved room were written");
    this.#written.push(Buffer.from(this.#block.subarray(GUARD, GUARD + size)));
    this.#block.fill(POISON);
    this.#block = null;
    this.#reserved = -1;
    this.commits++;
  }

  send(buffer: Uint8Array, start: number, end: number): void {
    if (this.#reserved !== -1) throw new Error("send: the last reserve was not committed");
    const isRange = Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start <= end;
    if (!isRange || end > buffer.length) throw new Error(`send(${start}, ${end}) of ${buffer.length} bytes`);
    this.#written.push(Buffer.from(buffer.subarray(start, end)));
    this.sends++;
  }

  /** All that was sent since the last time, as bytes; nothing is queued then. */
  takeBytes(): Buffer {
    const bytes = Buffer.concat(this.#written);
    this.#written = [];
    return bytes;
  }

  /** As `takeBytes`, spelled in hex: `"81 05 48 65 6c 6c 6f"`. */
  take(): string {
    return spelled(this.takeBytes());
  }
}
