import { monotonicMs } from "../base/clock.ts";
import { codedError, errorCode } from "../base/errors.ts";
import type { Timed, TimerQueue } from "../base/timers.ts";

/** Milliseconds after which the next address is tried beside those that have not answered (RFC 8305 section 5). */
const STAGGER_MS = 250;

/** A socket on its way to one address. */
export interface Runner {
  /** Closes it; nothing more is heard of it. */
  destroy(): void;
}

/**
 * All addresses of a server, tried side by side; the first that answers wins, and the others are closed.
 *
 * ```
 *   address 1 ──250 ms or failure──► address 2 beside it ──250 ms or failure──► …      all have failed: lost
 * ```
 */
export class Race<R extends Runner> implements Timed {
  deadline = 0;
  timerSlot = -1;
  readonly #timers: TimerQueue;
  readonly #start: (address: string) => R;
  readonly #lost: (error: Error) => void;
  readonly #running = new Set<R>();
  readonly #failures: Error[] = [];
  #left: string[] = [];

  /**
   * @param start - Begins to connect, or throws. It tells the outcome by `won` or `failed`, and not from within the call.
   * @param lost - Hears that all have failed, perhaps from within `run`.
   */
  constructor(timers: TimerQueue, start: (address: string) => R, lost: (error: Error) => void) {
    this.#timers = timers;
    this.#start = start;
    this.#lost = lost;
  }

  run(addresses: readonly string[]): void {
    this.#left = [...addresses];
    this.#next();
  }

  won(runner: R): void {
    this.#running.delete(runner);
    this.stop();
  }

  failed(runner: R, error: Error): void {
    if (!this.#running.delete(runner)) return;
    runner.destroy();
    this.#failures.push(error);
    this.#next();
  }

  /** Closes all that are on their way. Nothing is told any more. */
  stop(): void {
    this.#timers.clear(this);
    this.#left = [];
    const running = [...this.#running];
    this.#running.clear();
    for (const runner of running) runner.destroy();
  }

  onDeadline(): void {
    this.#next();
  }

  #next(): void {
    this.#timers.clear(this);
    while (this.#left.length > 0) {
      try {
        this.#running.add(this.#start(this.#left.shift()!));
      } catch (error) {
        this.#failures.push(error as Error);
        continue;
      }
      if (this.#left.length > 0) this.#timers.set(this, monotonicMs() + STAGGER_MS);
      return;
    }
    if (this.#running.size === 0) this.#lost(asOne(this.#failures));
  }
}

/** The code is that of the last one: the families that the machine prefers come first, and may be those it has not. */
function asOne(failures: readonly Error[]): Error {
  const last = failures[failures.length - 1];
  if (failures.length === 1) return last;
  const texts = failures.map(({ message }) => message).join(", ");
  return codedError(errorCode(last), texts, new AggregateError(failures));
}
