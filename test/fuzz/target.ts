import type { Random } from "./random.ts";

/** Something that takes bytes from a stranger. */
export interface Target {
  readonly name: string;
  /** Inputs to begin with, the known kinds of bad input among them. */
  readonly seeds: readonly Buffer[];
  /** Words of its language, which mutations put in. */
  readonly words: readonly Buffer[];
  /** An input after its grammar, mostly valid. */
  generate(random: Random): Buffer;
  /**
   * Runs one input. What it does depends on the input alone, so that a saved one fails again.
   *
   * @returns What was seen: a new entry makes the input one to go on from. Few hundred different ones at most.
   * @throws Whatever is wrong: a broken promise, or what the code under test threw.
   */
  run(input: Buffer): Iterable<string>;
}

/** Throws unless a promise was kept. */
export function check(kept: boolean, promise: string): asserts kept {
  if (!kept) throw new Error(promise);
}

/** Throws unless two ways to the same thing came to the same. */
export function checkSame(one: readonly string[], other: readonly string[], ways: string): void {
  const at = one.findIndex((line, i) => line !== other[i]);
  if (at === -1 && one.length === other.length) return;
  const i = at === -1 ? one.length : at;
  throw new Error(`${ways} differ at line ${i}:\n  ${one[i]}\n  ${other[i]}`);
}

/** So many bytes come one by one; what is behind them comes in larger pieces, to save time. */
const MOST_SINGLES = 200;
const LATER_PIECES = 100;

/** Offsets at which pieces of `length` bytes end: one piece, single bytes, and random ones. */
export function waysToCut(random: Random, length: number): number[][] {
  const singles: number[] = [];
  for (let at = 0; at < length; singles.push(at))
    at = Math.min(length, at + (at < MOST_SINGLES ? 1 : LATER_PIECES));
  const few = new Set([...random.several(6, () => random.below(length + 1)), length]);
  return [[length], singles, [...few].sort((a, b) => a - b)];
}

/** "first>second" for all neighbours: what followed what. */
export function transitions(kinds: readonly string[]): string[] {
  return kinds.map((kind, at) => `${at === 0 ? "" : kinds[at - 1]}>${kind}`);
}
