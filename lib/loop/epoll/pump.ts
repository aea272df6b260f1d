import { monotonicMs } from "../../base/clock.ts";
import type { Libc, Watch } from "./libc.ts";

/** The longest delay that setTimeout knows. */
const MAX_DELAY = 2 ** 31 - 1;

/**
 * The loop's life inside Node's own.
 *
 * ```
 *   Node's poll phase   libuv sees the epoll descriptor readable ─► #onReadable ─┐
 *   timers phase        the alarm for the soonest deadline ──────────────────────┤
 *   anywhere            turnSoon (a task, a link to drain) ──────────────────────┴─► setImmediate
 *   check phase         turn(): ordinary JavaScript, promises and ticks as usual
 * ```
 *
 * No handler runs inside the FFI's callback: there is no JavaScript frame under it to catch a throw or to run
 * microtasks. Everything is level-triggered, so that a turn may leave something over.
 */
export class Pump {
  readonly #watch: Watch;
  readonly #turn: () => void;
  #due = false;
  #watching = false;
  #held = true;
  #alarm: NodeJS.Timeout | undefined;
  #alarmAt = Number.POSITIVE_INFINITY;

  /** Throws `ENOTSUP` in a worker thread: libuv's default loop belongs to the main thread. */
  constructor(libc: Libc, epoll: number, turn: () => void) {
    this.#turn = turn;
    this.#watch = libc.watch(epoll, () => this.turnSoon());
  }

  /** One turn in the coming check phase. */
  turnSoon(): void {
    if (this.#due) return;
    this.#due = true;
    setImmediate(this.#runTurn);
  }

  readonly #runTurn = (): void => {
    this.#due = false;
    this.#turn();
  };

  /** Goes back to Node until a descriptor is ready or `deadline` comes. `keep`: the process stays alive for the descriptors. */
  rest(deadline: number, keep: boolean): void {
    if (!this.#watching) this.#watch.start();
    this.#watching = true;
    if (keep !== this.#held) this.#watch.hold(keep);
    this.#held = keep;
    this.wakeAt(deadline);
    if (deadline < Number.POSITIVE_INFINITY) this.#alarm?.ref();
  }

  /** Makes sure of a turn at `deadline`. An alarm that rings too early only looks again. */
  wakeAt(deadline: number): void {
    if (deadline >= this.#alarmAt) return;
    clearTimeout(this.#alarm);
    this.#alarmAt = deadline;
    const delay = Math.max(1, deadline - monotonicMs());
    this.#alarm = setTimeout(this.#ring, Math.min(delay, MAX_DELAY));
  }

  readonly #ring = (): void => {
    this.#alarmAt = Number.POSITIVE_INFINITY;
    this.#alarm = undefined;
    this.turnSoon();
  };

  /** Nobody is to be woken for the time being: the alarm alone does not keep the process. */
  pause(): void {
    this.#alarm?.unref();
  }

  /** Stops watching, as what is ready would wake Node again and again. */
  ignore(): void {
    if (this.#watching) this.#watch.stop();
    this.#watching = false;
  }

  close(): Promise<void> {
    clearTimeout(this.#alarm);
    this.#watching = false;
    return this.#watch.close();
  }
}
