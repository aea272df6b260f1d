const FIN = 0x80;
/** The bit of an opcode that makes it a control frame (RFC 6455 section 5.2). */
const CONTROL = 0x08;

/**
 * Counts the messages in a server's bytes. It reads headers and steps over payload, and takes bytes in any cuts.
 */
export class FrameCounter {
  /** Payload of all data frames whose header has arrived, in bytes. */
  payloadBytes = 0;
  /** Control frames that have arrived: pings, pongs and Close. */
  controls = 0;

  #first = 0;
  /** Bytes of the current header that have arrived; it is whole when they are `#headerSize`. */
  #headerBytes = 0;
  #headerSize = 2;
  /** The length that the current header gives. */
  #length = 0;
  /** Payload of the current frame that is still to come, once the header is whole. */
  #toCome = 0;

  /** Takes bytes `at` to `end`, and returns how many messages ended in them. */
  feed(buffer: Uint8Array, at: number, end: number): number {
    let messages = 0;
    while (at < end) {
      if (this.#headerBytes === 0) {
        // The usual case: short frames, whole. Nothing of them has to be kept.
        while (end - at >= 2 && buffer[at + 1] < 126 && at + 2 + buffer[at + 1] <= end) {
          messages += this.#ended(buffer[at], buffer[at + 1]);
          at += 2 + buffer[at + 1];
        }
        if (at === end) break;
      }
      if (this.#headerBytes < this.#headerSize) this.#header(buffer[at++]);
      else {
        const skipped = Math.min(this.#toCome, end - at);
        this.#toCome -= skipped;
        at += skipped;
      }
      if (this.#headerBytes === this.#headerSize && this.#toCome === 0) messages += this.#frameEnded();
    }
    return messages;
  }

  #header(byte: number): void {
    const place = this.#headerBytes++;
    if (place === 0) this.#first = byte;
    else if (place > 1) this.#length = this.#length * 256 + byte;
    else {
      const code = byte & 0x7f;
      this.#headerSize = code < 126 ? 2 : code === 126 ? 4 : 10;
      this.#length = code < 126 ? code : 0;
    }
    if (this.#headerBytes === this.#headerSize && place > 0) this.#toCome = this.#length;
  }

  #frameEnded(): number {
    this.#headerBytes = 0;
    this.#headerSize = 2;
    return this.#ended(this.#first, this.#length);
  }

  /** A frame is over: 1 when a message is, too. */
  #ended(first: number, length: number): number {
    if ((first & CONTROL) !== 0) {
      this.controls++;
      return 0;
    }
    this.payloadBytes += length;
    return (first & FIN) !== 0 ? 1 : 0;
  }
}
