import type { Loop, Task } from "../loop/loop.ts";

/** What is spent in one turn before sessions that want more have to wait, in bytes of plain text. */
const BYTES_A_TURN = 1_048_576;
/** What a message costs beside its bytes, in the time that so many bytes take. */
const MESSAGE_BYTES = 1024;

/** Who has to wait until others had their turn. */
export interface Resting {
  goOn(): void;
}

/**
 * How much may be compressed and decompressed in one turn of the loop, by all sessions together.
 *
 * A few kilobytes can make megabytes, so that bytes received are no measure of work. Over the budget a session stops
 * behind the message that it is at, and goes on in the next turn, after all that came in meanwhile for others. So the
 * longest that others wait is for the budget and one message of the largest size.
 *
 * ```
 *   turn n   feed … spent, rest ──► soon        turn n+1   feed (others) ──► soon: rested sessions go on
 * ```
 */
export class WorkBudget implements Task {
  readonly #loop: Loop;
  #left = BYTES_A_TURN;
  #resting: Resting[] = [];
  #scheduled = false;
  /** Resting has begun in this very turn. */
  #fresh = false;

  constructor(loop: Loop) {
    this.#loop = loop;
  }

  /** True when who wants more work done has to `rest`. */
  get spent(): boolean {
    return this.#left <= 0;
  }

  /** A message of so many bytes was compressed or decompressed. */
  spend(bytes: number): void {
    this.#left -= bytes + MESSAGE_BYTES;
    if (this.#left <= 0) this.#schedule();
  }

  /** Calls `goOn` in a coming turn. */
  rest(session: Resting): void {
    this.#resting.push(session);
    this.#fresh = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#loop.soon(this);
  }

  runSoon(): void {
    this.#scheduled = false;
    const waits = this.#fresh;
    this.#fresh = false;
    this.#left = BYTES_A_TURN;
    // Those who began to rest in this turn wait for the next one, whose events are served before.
    if (!waits) this.#goOn();
    if (this.#resting.length > 0) this.#schedule();
  }

  #goOn(): void {
    const resting = this.#resting;
    this.#resting = [];
    for (const [index, session] of resting.entries()) {
      if (this.spent) {
        this.#resting = [...resting.slice(index), ...this.#resting];
        return;
      }
      session.goOn();
    }
    this.#fresh = false;
  }
}
