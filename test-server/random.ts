/** Numbers that look random, and are the same for the same seed (xorshift, 32 bits). For tests, not for secrets. */
export class Random {
  #state: number;

  /** @param seed - A whole number; 2 to the power of 32 further on it is the same one. */
  constructor(seed: number) {
    // Spread over all bits, for seeds are small and near each other; zero is the one state that stays where it is.
    this.#state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) || 1;
    this.next();
  }

  /** From 0 to 2 to the power of 32, without it. */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  /** A whole number, both bounds included. */
  between(least: number, most: number): number {
    return least + Math.floor((this.next() / 2 ** 32) * (most - least + 1));
  }

  /** Fills the buffer with bytes of any value. */
  fill(buffer: Buffer): Buffer {
    for (let i = 0; i < buffer.length; i += 4) {
      const word = this.next();
      const end = Math.min(buffer.length, i + 4);
      for (let at = i; at < end; at++) buffer[at] = word >>> (8 * (at - i));
    }
    return buffer;
  }
}

/** First and last code point of the characters that take one, two, three and four bytes; the surrogates are none. */
const CHARACTERS = [
  [0x20, 0x7e],
  [0xa0, 0x7ff],
  [0x800, 0xd7ff],
  [0x1_0000, 0x10_ffff],
] as const;

/** Random text in UTF-8 (RFC 3629), made in pieces: a character may begin in one of them and end in the next. */
export class RandomText {
  readonly #random: Random;
  readonly #character = Buffer.alloc(4);
  #length = 0;
  #taken = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Bytes that are missing of a character that was begun. */
  get missing(): number {
    return this.#length - this.#taken;
  }

  /**
   * Fills the buffer with the next piece.
   *
   * @param last - The text ends with this piece, which has room for what is `missing`.
   */
  fill(buffer: Buffer, last: boolean): Buffer {
    for (let at = 0; at < buffer.length; at++) {
      if (this.missing === 0) this.#begin(last ? buffer.length - at : 4);
      buffer[at] = this.#character[this.#taken++];
    }
    return buffer;
  }

  /** Most are ASCII, as in most texts. */
  #begin(room: number): void {
    const draw = this.#random.between(1, 16);
    this.#length = Math.min(draw <= 4 ? draw : 1, room);
    this.#taken = 0;
    const [first, end] = CHARACTERS[this.#length - 1]!;
    encode(this.#random.between(first, end), this.#length, this.#character);
  }
}

const LEADS = [0, 0xc0, 0xe0, 0xf0] as const;

function encode(code: number, length: number, into: Buffer): void {
  for (let at = length - 1; at > 0; at--) {
    into[at] = 0x80 | (code & 0x3f);
    code >>>= 6;
  }
  into[0] = LEADS[length - 1]! | code;
}
