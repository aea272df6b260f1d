import { Alarm, type Deadline, deadlineOf, signalOf } from "./deadline.ts";
import { WsError } from "./errors.ts";

/** What an attempt returns that has to wait. */
export const PENDING = Symbol("pending");

/** Tries to do all of a call's work at once; throws what the call shall throw. */
export type Attempt<T> = () => T | typeof PENDING;

const DONE = Promise.resolve();

/**
 * One direction of a socket: one call at a time, which is tried at once, and again whenever something has happened,
 * until its deadline. An attempt that has to wait has changed nothing that a later call could not go on from: so a
 * deadline loses nothing.
 */
export class Lane {
  #attempt: Attempt<unknown> | null = null;
  #resolve: (value: never) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #signal: AbortSignal | undefined;
  #attempting = false;
  readonly #alarm = new Alarm(() => this.fail(new WsError("ETIMEDOUT", "the deadline has passed")));

  get busy(): boolean {
    return this.#attempt !== null;
  }

  /** Runs one call. Throws nothing itself: the promise is rejected, with EBUSY while another call waits. */
  run<T>(attempt: Attempt<T>, until: Deadline): Promise<T> {
    try {
      if (this.#attempt !== null) throw new WsError("EBUSY", "another call of this direction is under way");
      const deadline = deadlineOf(until);
      const signal = signalOf(until);
      if (signal?.aborted) throw canceled(signal);
      const result = attempt();
      if (result === PENDING) return this.#wait(attempt, deadline, signal);
      return result === undefined ? (DONE as Promise<T>) : Promise.resolve(result);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #wait<T>(attempt: Attempt<T>, deadline: number, signal: AbortSignal | undefined): Promise<T> {
    this.#attempt = attempt;
    this.#signal = signal;
    this.#alarm.set(deadline);
    signal?.addEventListener("abort", this.#abort);
    return new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Something has happened: tries again. */
  poke(): void {
    const attempt = this.#attempt;
    if (attempt === null || this.#attempting) return;
    this.#attempting = true;
    try {
      const result = attempt();
      if (result === PENDING) return;
      this.#clear();
      this.#resolve(result as never);
    } catch (error) {
      this.fail(error);
    } finally {
      this.#attempting = false;
    }
  }

  /** Ends the call that waits, if there is one. */
  fail(error: unknown): void {
    if (this.#attempt === null) return;
    this.#clear();
    this.#reject(error);
  }

  #clear(): void {
    this.#attempt = null;
    this.#alarm.clear();
    this.#signal?.removeEventListener("abort", this.#abort);
    this.#signal = undefined;
  }

  readonly #abort = () => this.fail(canceled(this.#signal!));
}

function canceled(signal: AbortSignal): WsError {
  return new WsError("ECANCELED", "the call was canceled", { cause: signal.reason });
}
