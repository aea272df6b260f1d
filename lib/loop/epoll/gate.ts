import { monotonicMs } from "../../base/clock.ts";

/** Open while a `service` call waits or `run` lasts: only then are there turns inside Node's loop. */
export class Gate {
  #waiter: { until: number; woken: boolean; resolve(serviced: number): void } | undefined;
  #endRun: (() => void) | undefined;

  get open(): boolean {
    return this.#waiter !== undefined || this.#endRun !== undefined;
  }

  /** Whether a `service` call waits for something to be served. */
  get waiting(): boolean {
    return this.#waiter !== undefined;
  }

  /** The moment at which the `service` call ends whatever happens. */
  get until(): number {
    return this.#waiter === undefined ? Number.POSITIVE_INFINITY : this.#waiter.until;
  }

  service(timeoutMs: number): Promise<number> {
    const until = timeoutMs < 0 ? Number.POSITIVE_INFINITY : monotonicMs() + timeoutMs;
    return new Promise((resolve) => {
      this.#waiter = { until, woken: timeoutMs === 0, resolve };
    });
  }

  run(): Promise<void> {
    return new Promise((resolve) => {
      this.#endRun = resolve;
    });
  }

  /** The waiting call ends with its turn, though nothing is served. */
  wake(): void {
    if (this.#waiter !== undefined) this.#waiter.woken = true;
  }

  /** Ends the waiting call if that turn was its last, and returns whether it was. */
  endWait(served: number): boolean {
    const waiter = this.#waiter;
    if (waiter === undefined) return false;
    if (served === 0 && !waiter.woken && monotonicMs() < waiter.until) return false;
    this.#waiter = undefined;
    waiter.resolve(served);
    return true;
  }

  /** Ends whatever lasts: the loop is closed. */
  shut(served: number): void {
    this.#waiter?.resolve(served);
    this.#endRun?.();
    this.#waiter = this.#endRun = undefined;
  }
}
