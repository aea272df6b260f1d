import type { Random } from "./random.ts";

/** Inputs do not grow beyond this. */
export const MAX_INPUT = 8192;

/** Where lengths, characters and opcodes change their meaning. */
const BYTES = [
  0x00, 0x01, 0x0a, 0x0d, 0x20, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x88, 0xc0, 0xed, 0xf4, 0xfd, 0xfe, 0xff,
];
const WORDS = [
  0, 1, 125, 126, 127, 128, 200, 201, 999, 1000, 1004, 1005, 1006, 1015, 2999, 4999, 0x7fff, 0xfffe, 0xffff,
];

type Mutation = (random: Random, input: Buffer, other: Buffer, words: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(random, input) {
    const at = random.below(input.length);
    return replaced(input, at, at + 1, Buffer.of(input[at] ^ (1 << random.below(8))));
  },
  function setByte(random, input) {
    const at = random.below(input.length);
    return replaced(input, at, at + 1, Buffer.of(random.below(256)));
  },
  function nudgeByte(random, input) {
    const at = random.below(input.length);
    return replaced(input, at, at + 1, Buffer.of(input[at] + random.below(7) - 3));
  },
  function interestingByte(random, input) {
    const at = random.below(input.length);
    return replaced(input, at, at + random.below(2), Buffer.of(random.pick(BYTES)));
  },
  function interestingNumber(random, input) {
    const size = random.pick([2, 2, 4, 8]);
    const number = Buffer.alloc(size);
    number.writeUInt16BE(random.pick(WORDS), random.oneIn(8) ? 0 : size - 2);
    const at = random.below(input.length);
    return replaced(input, at, at + size, number);
  },
  function insertBytes(random, input) {
    const at = random.below(input.length + 1);
    return replaced(input, at, at, random.bytes(1 + random.below(8)));
  },
  function insertWord(random, input, _other, words) {
    const at = random.below(input.length + 1);
    return replaced(input, at, at, random.pick(words));
  },
  function overwriteWithWord(random, input, _other, words) {
    const word = random.pick(words);
    const at = random.below(input.length + 1);
    return replaced(input, at, at + word.length, word);
  },
  function remove(random, input) {
    const [from, to] = part(random, input);
    return replaced(input, from, to, Buffer.alloc(0));
  },
  function duplicate(random, input) {
    const [from, to] = part(random, input);
    return replaced(
      input,
      to,
      to,
      repeated(input.subarray(from, to), random.oneIn(4) ? random.below(30) : 1),
    );
  },
  function cutOff(random, input) {
    return input.subarray(0, random.below(input.length + 1));
  },
  function splice(random, input, other) {
    const tail = other.subarray(random.below(other.length + 1));
    return Buffer.concat([input.subarray(0, random.below(input.length + 1)), tail]);
  },
  function insertOther(random, input, other) {
    const at = random.below(input.length + 1);
    const [from, to] = part(random, other);
    return replaced(input, at, at, other.subarray(from, to));
  },
];

/** A changed copy of `input`; `other` is one to take parts from. */
export function mutate(random: Random, input: Buffer, other: Buffer, words: readonly Buffer[]): Buffer {
  let mutated = input;
  for (let times = 1 + random.below(4); times > 0; times--) {
    // Only what is there can be changed.
    if (mutated.length === 0) mutated = random.bytes(1);
    mutated = random.pick(MUTATIONS)(random, mutated, other, words).subarray(0, MAX_INPUT);
  }
  return Buffer.from(mutated);
}

function replaced(input: Buffer, from: number, to: number, by: Buffer): Buffer {
  return Buffer.concat([input.subarray(0, from), by, input.subarray(to)]);
}

/** A range, mostly a short one. */
function part(random: Random, input: Buffer): [from: number, to: number] {
  const from = random.below(input.length + 1);
  const size = 1 + random.below(random.oneIn(3) ? input.length + 1 : 16);
  return [from, Math.min(input.length, from + size)];
}

function repeated(bytes: Buffer, times: number): Buffer {
  return Buffer.concat(Array.from({ length: times }, () => bytes));
}
