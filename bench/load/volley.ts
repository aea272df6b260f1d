import type { Link } from "../../lib/loop/loop.ts";

const KEY = [0x37, 0xfa, 0x21, 0x3d];
/** Above this size a link sends from where the bytes are, and copies nothing. */
const COPIED = 4096;

/** One masked text message of letters (RFC 6455 section 5.3), always under the same key. */
export function maskedFrame(payloadBytes: number): Buffer {
  const lengthBytes = payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + 4 + payloadBytes);
  frame[0] = 0x81;
  frame[1] = 0x80 | (lengthBytes === 0 ? payloadBytes : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes > 0)
    frame.writeUIntBE(payloadBytes, 2 + lengthBytes - Math.min(lengthBytes, 6), Math.min(lengthBytes, 6));
  const payload = frame.length - payloadBytes;
  for (let i = 0; i < 4; i++) frame[payload - 4 + i] = KEY[i];
  for (let i = 0; i < payloadBytes; i++) frame[payload + i] = (0x61 + (i % 26)) ^ KEY[i & 3];
  return frame;
}

/** Up to `depth` equal messages back to back, made once for all connections. */
export class Volley {
  readonly depth: number;
  readonly #frameBytes: number;
  readonly #all: Buffer;
  /** `#runs[n]` is n messages; kept, because a new view for each send would be garbage. */
  readonly #runs: Buffer[];

  constructor(payloadBytes: number, depth: number) {
    const frame = maskedFrame(payloadBytes);
    this.depth = depth;
    this.#frameBytes = frame.length;
    this.#all = Buffer.concat(Array<Buffer>(depth).fill(frame));
    this.#runs = Array.from({ length: depth + 1 }, (_, n) => this.#all.subarray(0, n * frame.length));
  }

  /** Sends `count` messages, at most `depth`. */
  send(link: Link, count: number): void {
    const bytes = count * this.#frameBytes;
    if (bytes > COPIED) {
      link.send(this.#all, 0, bytes);
    } else {
      const at = link.reserve(bytes);
      link.block.set(this.#runs[count], at);
      link.commit(bytes);
    }
  }
}
