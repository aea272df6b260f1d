import { WriteProtocol } from "sluice";
import { Random, RandomText } from "./random.ts";

const { TEXT, BINARY, CONTINUATION, NO_FIN } = WriteProtocol;

/*
 * What goes over the wire, as in test-fraggle of libwebsockets: a message in fragments, then a binary message of four
 * bytes, the sum of the bytes of the first one (big endian, modulo 2^32), and so on.
 */

/** How large messages get. */
export interface ChainLimits {
  /** The most fragments of a message; at least 1. */
  fragments: number;
  /** The most bytes of a fragment; up to three more end the last character of a text. */
  size: number;
}

/** One frame to send. */
export interface Fragment {
  data: Buffer;
  /** A WriteProtocol. */
  mode: number;
  /** It is the sum that ends a chain. */
  sum: boolean;
}

/** Random messages, text and binary, each with its sum behind it. The same seed gives the same ones. */
export class Chains {
  readonly #limits: ChainLimits;
  readonly #random: Random;
  readonly #text: RandomText;
  #binary = false;
  /** Fragments of this chain that are still to come; 0 when its sum is, or a new one. */
  #left = 0;
  #sumDue = false;
  #sum = 0;

  constructor(limits: ChainLimits, seed: number) {
    this.#limits = limits;
    this.#random = new Random(seed);
    this.#text = new RandomText(this.#random);
  }

  /** The next frame. */
  next(): Fragment {
    if (this.#left > 0) return this.#fragment(CONTINUATION);
    if (this.#sumDue) return this.#claim();
    this.#binary = this.#random.between(0, 1) === 1;
    this.#left = this.#random.between(1, this.#limits.fragments);
    this.#sum = 0;
    this.#sumDue = true;
    return this.#fragment(this.#binary ? BINARY : TEXT);
  }

  #fragment(opcode: number): Fragment {
    this.#left--;
    const last = this.#left === 0;
    const data = this.#fill(this.#random.between(0, this.#limits.size), last);
    this.#sum = addUp(this.#sum, data);
    return { data, mode: last ? opcode : opcode | NO_FIN, sum: false };
  }

  /** Text is cut anywhere, also within a character. */
  #fill(size: number, last: boolean): Buffer {
    if (this.#binary) return this.#random.fill(Buffer.allocUnsafe(size));
    const enough = last ? Math.max(size, this.#text.missing) : size;
    return this.#text.fill(Buffer.allocUnsafe(enough), last);
  }

  #claim(): Fragment {
    this.#sumDue = false;
    const data = Buffer.alloc(4);
    data.writeUInt32BE(this.#sum);
    return { data, mode: BINARY, sum: true };
  }
}

/** Adds up what comes, piece by piece, and compares. */
export class Checker {
  /** Messages whose sum has come, right or wrong. */
  messages = 0;
  wrong = 0;
  bytes = 0;
  fragments = 0;
  readonly #claim = Buffer.alloc(4);
  #claimLength = 0;
  #sumNext = false;
  #sum = 0;

  /**
   * Takes a piece of what the server sends.
   *
   * @param ends - What the piece is the end of.
   * @returns What is wrong with the message that ends with it; undefined when nothing is.
   */
  take(piece: Buffer, binary: boolean, ends: { frame: boolean; message: boolean }): string | undefined {
    if (this.#sumNext) return this.#takeSum(piece, binary, ends.message);
    this.#sum = addUp(this.#sum, piece);
    this.bytes += piece.length;
    if (ends.frame) this.fragments++;
    this.#sumNext = ends.message;
    return undefined;
  }

  #takeSum(piece: Buffer, binary: boolean, final: boolean): string | undefined {
    piece.copy(this.#claim, Math.min(this.#claimLength, 4));
    this.#claimLength += piece.length;
    if (!final) return undefined;
    const problem = this.#compare(binary);
    this.messages++;
    if (problem !== undefined) this.wrong++;
    this.#claimLength = 0;
    this.#sumNext = false;
    this.#sum = 0;
    return problem && `message ${this.messages}: ${problem}`;
  }

  #compare(binary: boolean): string | undefined {
    if (!binary || this.#claimLength !== 4)
      return `a sum is 4 bytes of binary, not ${this.#claimLength} of ${binary ? "binary" : "text"}`;
    const claimed = this.#claim.readUInt32BE();
    return claimed === this.#sum ? undefined : `the sum should be ${claimed}, and is ${this.#sum}`;
  }
}

function addUp(sum: number, bytes: Buffer): number {
  for (let i = 0; i < bytes.length; i++) sum += bytes[i]!;
  return sum >>> 0;
}
