import { mutate } from "./mutate.ts";
import { Random } from "./random.ts";
import type { Target } from "./target.ts";

/** An input that breaks a promise, as short as it could be made. */
export interface Finding {
  readonly input: Buffer;
  readonly error: unknown;
  /** False when it did not fail again alone: something outlives a run. */
  readonly failsAlone: boolean;
}

/**
 * Runs a target on inputs, one after the other: made by its grammar, or mutated from those that showed something new,
 * which is a cheap kind of coverage. The same seed and corpus give the same inputs.
 */
export class Fuzzer {
  runs = 0;
  slowestMs = 0;
  /** Inputs that showed something new, and what all they show. */
  readonly corpus: { readonly input: Buffer; readonly seen: ReadonlySet<string> }[] = [];
  readonly #target: Target;
  readonly #random: Random;
  readonly #waiting: Buffer[];
  readonly #seen = new Set<string>();

  constructor(target: Target, seed: number, inputs: readonly Buffer[] = []) {
    this.#target = target;
    this.#random = new Random(seed);
    this.#waiting = [...inputs, ...target.seeds].reverse();
  }

  /** How many different things were seen. */
  get features(): number {
    return this.#seen.size;
  }

  /** Runs one input. */
  step(): Finding | null {
    const input = this.#next();
    this.runs++;
    const start = performance.now();
    try {
      const seen = new Set(this.#target.run(input));
      const before = this.#seen.size;
      for (const feature of seen) this.#seen.add(feature);
      if (this.#seen.size > before) this.corpus.push({ input, seen });
      return null;
    } catch (error) {
      return this.#finding(input, error);
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - start);
    }
  }

  #next(): Buffer {
    const random = this.#random;
    const waiting = this.#waiting.pop();
    if (waiting !== undefined) return waiting;
    if (this.corpus.length === 0 || random.oneIn(8)) return this.#target.generate(random);
    const other = random.oneIn(2) ? random.pick(this.corpus).input : this.#target.generate(random);
    return mutate(random, random.pick(this.corpus).input, other, this.#target.words);
  }

  #finding(input: Buffer, error: unknown): Finding {
    const failure = this.#failure(input);
    if (failure === null) return { input, error, failsAlone: false };
    return { input: shortest(input, (each) => this.#failure(each) === failure), error, failsAlone: true };
  }

  /** The first line of what is wrong with an input. */
  #failure(input: Buffer): string | null {
    try {
      this.#target.run(input);
      return null;
    } catch (error) {
      return String(error).split("\n")[0];
    }
  }
}

/** `input` without all the parts that can be left out one after the other. */
function shortest(input: Buffer, fails: (input: Buffer) => boolean): Buffer {
  for (let size = input.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at < input.length; ) {
      const without = Buffer.concat([input.subarray(0, at), input.subarray(at + size)]);
      if (fails(without)) input = without;
      else at += size;
    }
  }
  return input;
}
