import { Duplex, type DuplexOptions } from "node:stream";

/** One end of a pair: what is written to it can be read from the other one, by reference and without delay. */
export class PairedDuplex extends Duplex {
  /** The chunks that were written, in order. */
  readonly written: Buffer[] = [];
  #other: PairedDuplex | null = null;
  /** Goes on writing; there while the other end has not read. */
  #taken: (() => void) | null = null;

  join(other: PairedDuplex): void {
    this.#other = other;
  }

  override _read(): void {
    const other = this.#other;
    const taken = other === null ? null : other.#taken;
    if (other === null || taken === null) return;
    other.#taken = null;
    taken();
  }

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.written.push(chunk);
    if (chunk.length === 0) return callback();
    this.#taken = callback;
    this.#other?.push(chunk);
  }

  override _final(callback: () => void): void {
    this.#other?.push(null);
    callback();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const other = this.#other;
    this.#other = null;
    if (other !== null && !other.destroyed && !other.readableEnded) {
      if (error === null) other.push(null);
      else other.destroy(Object.assign(new Error("the other end broke"), { code: "ECONNRESET" }));
    }
    callback(error);
  }
}

/** Two ends of a stream in memory (Node's own `duplexPair` is younger than the oldest Node here). */
export function duplexPair(options: DuplexOptions = {}): [PairedDuplex, PairedDuplex] {
  const ends: [PairedDuplex, PairedDuplex] = [new PairedDuplex(options), new PairedDuplex(options)];
  ends[0].join(ends[1]);
  ends[1].join(ends[0]);
  return ends;
}
