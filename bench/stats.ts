/** The value in the middle; of an even number of values the mean of the two in the middle. NaN for none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) return Number.NaN;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * The value that `share` of the values do not exceed (nearest rank), of values in ascending order. NaN for none.
 *
 * @param share - 0.5 for the median, 0.99 for the 99th percentile.
 */
export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const rank = Math.ceil(share * sorted.length);
  return sorted[Math.min(Math.max(rank, 1), sorted.length) - 1];
}

/** Samples in memory that was reserved before, so that taking one allocates nothing. */
export class Samples {
  readonly #values: Float64Array;
  #count = 0;

  /** @param capacity - Samples beyond that many are not kept. */
  constructor(capacity: number) {
    this.#values = new Float64Array(capacity);
  }

  get count(): number {
    return this.#count;
  }

  add(value: number): void {
    if (this.#count < this.#values.length) this.#values[this.#count++] = value;
  }

  clear(): void {
    this.#count = 0;
  }

  /** What was kept, in ascending order. */
  sorted(): Float64Array {
    return this.#values.slice(0, this.#count).sort();
  }
}
