/** Round trips that are kept for the percentiles: all of them, or, of more, as many by chance. */
const KEPT = 65_536;

/** Round trips: their extremes, average, deviation and percentiles. In milliseconds, or whatever else is added. */
export class RoundTrips {
  count = 0;
  min = Infinity;
  max = 0;
  #sum = 0;
  #squares = 0;
  readonly #kept: number[] = [];
  readonly #random: () => number;

  /** @param random - From 0 to just below 1. Which of many are kept for the percentiles is left to it. */
  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  add(time: number): void {
    this.count += 1;
    this.min = Math.min(this.min, time);
    this.max = Math.max(this.max, time);
    this.#sum += time;
    this.#squares += time * time;
    this.#keep(time);
  }

  get average(): number {
    return this.#sum / this.count;
  }

  /** The standard deviation, which ping(8) calls mdev. Rounding may bring the difference below zero. */
  get deviation(): number {
    return Math.sqrt(Math.max(0, this.#squares / this.count - this.average ** 2));
  }

  /** The smallest time that so many percent did not exceed, for each of the percentages (nearest rank). */
  percentiles(percentages: readonly number[]): number[] {
    const sorted = Float64Array.from(this.#kept).sort();
    return percentages.map((percent) => sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]!);
  }

  /** Reservoir sampling: each of the times so far has the same chance to be among those that are kept. */
  #keep(time: number): void {
    if (this.#kept.length < KEPT) {
      this.#kept.push(time);
      return;
    }
    const place = Math.floor(this.#random() * this.count);
    if (place < KEPT) this.#kept[place] = time;
  }
}
