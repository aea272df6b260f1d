import { CallbackReason } from "../api/reasons.ts";
import type { Timed } from "../base/timers.ts";

/** The timer that a user sets for a connection; made only for those that use one. */
export class UserTimer implements Timed {
  deadline = 0;
  timerSlot = -1;
  readonly #connection: { call(reason: number, input: unknown, len: number): unknown };

  constructor(connection: { call(reason: number, input: unknown, len: number): unknown }) {
    this.#connection = connection;
  }

  onDeadline(): void {
    this.#connection.call(CallbackReason.TIMER, undefined, 0);
  }
}
