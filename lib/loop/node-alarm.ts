import { monotonicMs } from "../base/clock.ts";

/** The longest delay that setTimeout knows. */
const MAX_DELAY = 2 ** 31 - 1;

/** One timer of Node's for the soonest of many deadlines. One that rings too early looks again, and does no harm. */
export class Alarm {
  readonly #onRing: () => void;
  #timeout: NodeJS.Timeout | undefined;
  #at = Number.POSITIVE_INFINITY;

  constructor(onRing: () => void) {
    this.#onRing = onRing;
  }

  /** Rings at `deadline` or before. */
  set(deadline: number): void {
    if (deadline >= this.#at) return;
    clearTimeout(this.#timeout);
    this.#at = deadline;
    const delay = Math.max(1, deadline - monotonicMs());
    this.#timeout = setTimeout(this.#ring, Math.min(delay, MAX_DELAY));
  }

  clear(): void {
    clearTimeout(this.#timeout);
    this.#timeout = undefined;
    this.#at = Number.POSITIVE_INFINITY;
  }

  readonly #ring = (): void => {
    this.clear();
    this.#onRing();
  };
}
