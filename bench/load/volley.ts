import { constants, deflateRawSync } from "node:zlib";
import type { Link } from "../../lib/loop/loop.ts";

const KEY = [0x37, 0xfa, 0x21, 0x3d];
/** Above this size a link sends from where the bytes are, and copies nothing. */
const COPIED = 4096;

const TEXT = 0x81;
const COMPRESSED_TEXT = 0xc1;

/** One masked text message of letters (RFC 6455 section 5.3), always under the same key. */
export function maskedFrame(payloadBytes: number): Buffer {
  return masked(
    TEXT,
    Uint8Array.from({ length: payloadBytes }, (_, i) => 0x61 + (i % 26)),
  );
}

/** One masked message of JSON, compressed by itself: no earlier message is referred to (RFC 7692 section 7.2.1). */
export function deflatedFrame(payloadBytes: number, seed: number): Buffer {
  const flushed = deflateRawSync(jsonText(payloadBytes, seed), { finishFlush: constants.Z_SYNC_FLUSH });
  return masked(COMPRESSED_TEXT, flushed.subarray(0, -4));
}

/** Records as an application might send them, cut to size; another text for each seed. */
export function jsonText(bytes: number, seed: number): string {
  let text = "[";
  for (let i = 0; text.length < bytes; i++) {
    const id = (seed * 7919 + i * 104_729) % 1_000_003;
    const place = { x: (id % 1931) / 10, y: (id % 1087) / 10 };
    text += `${JSON.stringify({ id, name: `user-${id % 97}`, place, online: id % 3 === 0 })},`;
  }
  return `${text.slice(0, bytes - 1)}]`;
}

function masked(first: number, plain: Uint8Array): Buffer {
  const payloadBytes = plain.length;
  const lengthBytes = payloadBytes < 126 ? 0 : payloadBytes < 65_536 ? 2 : 8;
  const frame = Buffer.alloc(2 + lengthBytes + 4 + payloadBytes);
  frame[0] = first;
  frame[1] = 0x80 | (lengthBytes === 0 ? payloadBytes : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes > 0)
    frame.writeUIntBE(payloadBytes, 2 + lengthBytes - Math.min(lengthBytes, 6), Math.min(lengthBytes, 6));
  const payload = frame.length - payloadBytes;
  for (let i = 0; i < 4; i++) frame[payload - 4 + i] = KEY[i];
  for (let i = 0; i < payloadBytes; i++) frame[payload + i] = plain[i] ^ KEY[i & 3];
  return frame;
}

/** Messages that are made once for all connections. */
export interface Volley {
  /** The most that are sent at a time. */
  readonly depth: number;
  /** Sends `count` messages, at most `depth`. */
  send(link: Link, count: number): void;
}

/** Compressed messages, a few different ones in turn, so that none is a mere copy of the one before. */
export class DeflatedVolley implements Volley {
  readonly depth: number;
  readonly #frames: readonly Buffer[];
  #next = 0;

  constructor(payloadBytes: number, depth: number) {
    this.depth = depth;
    this.#frames = Array.from({ length: 61 }, (_, seed) => deflatedFrame(payloadBytes, seed));
  }

  send(link: Link, count: number): void {
    for (let i = 0; i < count; i++) {
      const frame = this.#frames[this.#next++ % this.#frames.length];
      link.send(frame, 0, frame.length);
    }
  }
}

/** A request of plain HTTP, one at a time. */
export class RequestVolley implements Volley {
  readonly depth = 1;
  readonly #request: Buffer;

  constructor(request: Buffer) {
    this.#request = request;
  }

  send(link: Link): void {
    link.send(this.#request, 0, this.#request.length);
  }
}

/** Up to `depth` equal messages back to back. */
export class EqualVolley implements Volley {
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
