/** Something that waits for a moment. It is its own heap entry, so that arming a timer allocates nothing. */
export interface Timed {
  /** The moment, in milliseconds of `monotonicMs`. Set by the queue. */
  deadline: number;
  /** Where the entry stands in the queue; -1 while it is not armed, -2 while it is about to fire. Set by the queue. */
  timerSlot: number;
  /** The moment has come; the entry is no longer armed and may arm itself again. */
  onDeadline(): void;
}

const DUE = -2;

/**
 * The timers of one loop: a binary heap over the entries themselves.
 *
 * ```
 *            [0] soonest          children of i: 2i+1, 2i+2
 *          /     \                each entry knows its own slot,
 *       [1]       [2]             so clear() needs no search
 * ```
 */
export class TimerQueue {
  readonly #heap: Timed[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Arms `entry` for `deadline`, or moves it there when it is armed already. */
  set(entry: Timed, deadline: number): void {
    const earlier = entry.timerSlot < 0 || deadline < entry.deadline;
    entry.deadline = deadline;
    if (entry.timerSlot < 0) entry.timerSlot = this.#heap.push(entry) - 1;
    if (earlier) this.#up(entry);
    else this.#down(entry);
  }

  /** Disarms `entry`; harmless when it is not armed. */
  clear(entry: Timed): void {
    const slot = entry.timerSlot;
    entry.timerSlot = -1;
    if (slot < 0) return;
    const last = this.#heap.pop()!;
    if (last === entry) return;
    this.#place(last, slot);
    this.#up(last);
    this.#down(last);
  }

  /** The soonest deadline, or Infinity when nothing is armed. */
  next(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0].deadline;
  }

  /**
   * Fires what is due at `now` and returns how many there were. An entry that arms itself again for a moment
   * that is due already waits for the next call, so that one call ends.
   */
  expire(now: number): number {
    if (this.next() > now) return 0;
    const due: Timed[] = [];
    while (this.next() <= now) {
      const entry = this.#heap[0];
      this.clear(entry);
      entry.timerSlot = DUE;
      due.push(entry);
    }
    let fired = 0;
    try {
      for (const entry of due) {
        fired++;
        // One that fired earlier in this batch may have disarmed this one, or armed it for later.
        if (entry.timerSlot !== DUE) continue;
        entry.timerSlot = -1;
        entry.onDeadline();
      }
    } finally {
      // One that throws does not take the others with it.
      for (const entry of due.slice(fired)) if (entry.timerSlot === DUE) this.set(entry, entry.deadline);
    }
    return due.length;
  }

  #place(entry: Timed, slot: number): void {
    this.#heap[slot] = entry;
    entry.timerSlot = slot;
  }

  #up(entry: Timed): void {
    let slot = entry.timerSlot;
    while (slot > 0) {
      const parent = (slot - 1) >> 1;
      if (this.#heap[parent].deadline <= entry.deadline) break;
      this.#place(this.#heap[parent], slot);
      slot = parent;
    }
    this.#place(entry, slot);
  }

  #down(entry: Timed): void {
    let slot = entry.timerSlot;
    for (;;) {
      let child = 2 * slot + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && this.#heap[child + 1].deadline < this.#heap[child].deadline)
        child++;
      if (this.#heap[child].deadline >= entry.deadline) break;
      this.#place(this.#heap[child], slot);
      slot = child;
    }
    this.#place(entry, slot);
  }
}

/** Timers that tell of each deadline that is armed, so that the alarm of their loop is never late. */
export class WatchedTimers extends TimerQueue {
  readonly #onSet: (deadline: number) => void;

  constructor(onSet: (deadline: number) => void) {
    super();
    this.#onSet = onSet;
  }

  override set(entry: Timed, deadline: number): void {
    super.set(entry, deadline);
    this.#onSet(deadline);
  }
}
