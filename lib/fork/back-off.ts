/** Milliseconds before a child that ended is started again: the first time, and the most. */
const SHORTEST = 100;
const LONGEST = 30_000;
/** A child that lived for so long has shown that it can. */
const STEADY = 10_000;

/** How long to wait before the next start: 100 ms, then twice as long each time, up to half a minute. */
export class BackOff {
  #next = SHORTEST;

  /** @param livedFor - Milliseconds from the last start to its end. */
  after(livedFor: number): number {
    if (livedFor >= STEADY) this.#next = SHORTEST;
    const delay = this.#next;
    this.#next = Math.min(2 * delay, LONGEST);
    return delay;
  }
}
