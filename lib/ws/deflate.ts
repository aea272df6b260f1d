import { CORRUPT, type Codec, type DeflateSettings, TOO_LONG } from "../base/codec.ts";
import { History } from "../base/history.ts";
import { FAILURES, type Failure } from "./codes.ts";
import type { ExtensionSession } from "./extension.ts";
import { sharedPayload } from "./frame.ts";

/** What a handshake has settled, as one of the two sides sees it. */
export interface DeflateTerms {
  /** How this side compresses; null when it cannot keep to what the other side asks for, and so sends all plain. */
  readonly settings: DeflateSettings | null;
  /** Messages of fewer bytes go plain. */
  readonly threshold: number;
  /** Bytes of earlier messages that what we send may refer to; 0 without context takeover. */
  readonly sendWindow: number;
  /** The same for what we receive. */
  readonly receiveWindow: number;
}

/** The empty stored block that ends a sync flush, and that messages go without (RFC 7692 section 7.2.1). */
const TAIL_LENGTH = 4;
const EMPTY = Buffer.alloc(0);

/**
 * The part of permessage-deflate in one session (RFC 7692 section 7.2).
 *
 * Memory: none beside this object until a message is compressed. With context takeover the plain text that later
 * messages may refer to is kept, which grows with what comes: up to `receiveWindow` bytes for the one direction
 * (32 KiB unless less was agreed on) and up to `sendWindow` for the other (4 KiB). Compressors are the codec's.
 */
export class DeflateSession implements ExtensionSession {
  readonly #codec: Codec;
  readonly #terms: DeflateTerms;
  #sent: History | null = null;
  #received: History | null = null;

  get threshold(): number {
    return this.#terms.settings === null ? Number.POSITIVE_INFINITY : this.#terms.threshold;
  }

  constructor(codec: Codec, terms: DeflateTerms) {
    this.#codec = codec;
    this.#terms = terms;
  }

  /**
   * A message that begins with a fragment is compressed whatever its size, for how long it gets is not known yet.
   * Without context takeover its fragments do not refer to each other.
   */
  encode(payload: Uint8Array, first: boolean, final: boolean): Uint8Array | null {
    const { settings, threshold, sendWindow } = this.#terms;
    if (settings === null || (first && final && payload.length < threshold)) return null;
    // An empty stored block without its tail, which is what has to follow a flush too (section 7.2.3.6). The flush
    // behind a fragment with nothing in it can be left out: the message goes on.
    if (payload.length === 0) return final ? Buffer.of(0) : EMPTY;
    if (sendWindow > 0) this.#sent ??= new History(sendWindow);
    else if (first && final) return this.#encodeWhole(payload, settings);
    const compressed = this.#codec.deflate(payload, this.#sent, settings);
    return final ? withoutTail(compressed) : compressed;
  }

  /** A message that refers to no other one is the same for all sessions that it is broadcast to. */
  #encodeWhole(payload: Uint8Array, settings: DeflateSettings): Uint8Array {
    const shared = sharedPayload(payload);
    const known = shared?.compressed(settings);
    if (known !== undefined) return known;
    const compressed = withoutTail(this.#codec.deflate(payload, null, settings));
    return shared === null ? compressed : shared.keepCompressed(settings, compressed);
  }

  decode(payload: Buffer, start: number, end: number, maxLength: number): Buffer | Failure {
    // No compressor writes this, but with the tail put back it is an empty message all the same.
    if (start === end) return EMPTY;
    const { receiveWindow } = this.#terms;
    if (receiveWindow > 0) this.#received ??= new History(receiveWindow);
    const plain = this.#codec.inflate(payload, start, end, this.#received, maxLength);
    if (plain === CORRUPT) return FAILURES.compressed;
    return plain === TOO_LONG ? FAILURES.tooBig : plain;
  }

  close(): void {
    this.#sent = null;
    this.#received = null;
  }
}

function withoutTail(compressed: Buffer): Buffer {
  return compressed.subarray(0, compressed.length - TAIL_LENGTH);
}
