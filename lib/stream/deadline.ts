import { monotonicMs } from "../base/clock.ts";
import { invalid } from "./errors.ts";

/** When a call gives up. */
export interface Until {
  /**
   * A moment on the clock of `now()`, in milliseconds: the call throws ETIMEDOUT then. 0, or a moment that has passed:
   * it does what can be done at once. -1, Infinity or none: it waits for ever.
   */
  deadline?: number | undefined;
  /** Cancels the call: it throws ECANCELED, whose `cause` is the signal's reason. */
  signal?: AbortSignal | undefined;
}

/** A deadline alone, or with a signal. */
export type Deadline = number | Until | undefined;

export const FOREVER = -1;

/** The longest time that a timer of Node's can take. */
const LONGEST = 2 ** 31 - 1;
/** So that a moment before now is no negative number, which would mean something else. */
const ORIGIN = Math.trunc(performance.timeOrigin);

/**
 * The clock that deadlines are on: whole milliseconds, which never go back. They begin near `Date.now()` when the
 * process starts, and go their own way when somebody sets the clock. libdill's `now`.
 */
export function now(): number {
  return ORIGIN + monotonicMs();
}

/** The moment, `FOREVER` for none. @throws EINVAL */
export function deadlineOf(until: Deadline): number {
  const deadline = isUntil(until) ? until.deadline : until;
  if (deadline === undefined || deadline === FOREVER || deadline === Number.POSITIVE_INFINITY) return FOREVER;
  if (typeof deadline !== "number" || !(deadline >= 0)) {
    throw invalid("a deadline is a moment of now(), 0 for at once or -1 for never");
  }
  return deadline;
}

/** @throws EINVAL */
export function signalOf(until: Deadline): AbortSignal | undefined {
  const signal = isUntil(until) ? until.signal : undefined;
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw invalid("signal is not an AbortSignal");
  }
  return signal;
}

function isUntil(until: Deadline): until is Until {
  return typeof until === "object" && until !== null;
}

/** Rings once at a deadline. */
export class Alarm {
  readonly #ring: () => void;
  #deadline = FOREVER;
  #timer: NodeJS.Timeout | undefined;
  #turn: NodeJS.Immediate | undefined;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /**
   * A deadline that has passed rings when the process has looked at its descriptors once more, so that what the kernel
   * has already can arrive, and a loop of such calls shuts nobody out.
   */
  set(deadline: number): void {
    if (deadline === FOREVER) return;
    this.#deadline = deadline;
    const rest = deadline - now();
    if (rest > 0) this.#timer = setTimeout(this.#due, Math.min(rest, LONGEST));
    // The first turn may come before the poll, the second one comes behind it.
    else this.#turn = setImmediate(() => (this.#turn = setImmediate(this.#due)));
  }

  clear(): void {
    if (this.#timer !== undefined) clearTimeout(this.#timer);
    if (this.#turn !== undefined) clearImmediate(this.#turn);
    this.#timer = undefined;
    this.#turn = undefined;
  }

  readonly #due = () => {
    const early = now() < this.#deadline;
    this.clear();
    if (early) this.set(this.#deadline);
    else this.#ring();
  };
}
