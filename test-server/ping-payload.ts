/** Bytes that every ping begins with: its sequence number, big endian, as in the original. */
export const SEQUENCE_BYTES = 8;

/** What pings carry: a sequence number, and a filler by which replies to them are told from what others send. */
export class PingPayload {
  readonly #bytes: Buffer;

  /**
   * @param size - At least `SEQUENCE_BYTES`.
   * @param filler - Repeated behind the sequence number; another one for each run of the program.
   */
  constructor(size: number, filler: Uint8Array) {
    this.#bytes = Buffer.alloc(size);
    this.#bytes.fill(filler, SEQUENCE_BYTES);
  }

  /** The payload of a ping. The same buffer each time: it is to be sent before the next one. */
  encode(sequence: number): Buffer {
    this.#bytes.writeBigUInt64BE(BigInt(sequence));
    return this.#bytes;
  }

  /** The sequence number in a reply; undefined for what is no reply to these pings. */
  decode(bytes: Buffer): number | undefined {
    const own = this.#bytes;
    if (bytes.length !== own.length) return undefined;
    if (bytes.compare(own, SEQUENCE_BYTES, own.length, SEQUENCE_BYTES) !== 0) return undefined;
    return Number(bytes.readBigUInt64BE());
  }
}
