/** Where one reader of a ring stands: the number of the item that it reads next. */
export interface Tail {
  at: number;
}

/** How much a ring holds. */
export interface RingLimits<T> {
  /** Items at most. */
  items: number;
  /** The sum of `weigh` at most. */
  weight: number;
  weigh(item: T): number;
}

/**
 * A queue with one writer and many readers, each item kept until the last reader has passed it.
 *
 * ```
 *   oldest                     head
 *     ▼                          ▼
 *     a     b     c     d     e  ·        items a to e are held
 *     ▲           ▲              ▲
 *   tail        tail           tail       the slowest tail stands at `oldest`
 * ```
 *
 * Places are numbered on for ever. The ring counts how many tails stand at each place, and so finds what nobody needs
 * any more without looking at all readers.
 */
export class Ring<T> {
  readonly #limits: RingLimits<T>;
  /** One slot more than items: a tail may stand at each item, and behind the newest one. */
  readonly #slots: number;
  readonly #items: (T | undefined)[];
  readonly #standing: number[];
  #oldest = 0;
  #head = 0;
  #weight = 0;

  constructor(limits: RingLimits<T>) {
    this.#limits = limits;
    this.#slots = limits.items + 1;
    this.#items = new Array<T | undefined>(this.#slots).fill(undefined);
    this.#standing = new Array<number>(this.#slots).fill(0);
  }

  /** Items that some tail has yet to read. */
  get length(): number {
    return this.#head - this.#oldest;
  }

  /** From 0 for empty to 1 for full, by items or by weight, whichever is fuller. */
  get fill(): number {
    return Math.max(this.length / this.#limits.items, this.#weight / this.#limits.weight);
  }

  /** A new reader, which gets what is pushed from now on. */
  attach(): Tail {
    this.#standing[this.#head % this.#slots]! += 1;
    return { at: this.#head };
  }

  /** Forgets a reader, and what only it had yet to read. */
  detach(tail: Tail): void {
    this.#standing[tail.at % this.#slots]! -= 1;
    this.#release();
  }

  /** Adds an item for every reader. False, and nothing is added, when it does not fit. */
  push(item: T): boolean {
    const weight = this.#limits.weigh(item);
    if (this.length === this.#limits.items || this.#weight + weight > this.#limits.weight) return false;
    this.#items[this.#head % this.#slots] = item;
    this.#head += 1;
    this.#weight += weight;
    this.#release();
    return true;
  }

  /** What a reader reads next; undefined when it has read everything. */
  peek(tail: Tail): T | undefined {
    return tail.at === this.#head ? undefined : this.#items[tail.at % this.#slots];
  }

  /** Moves a reader past the item that `peek` gave. */
  advance(tail: Tail): void {
    if (tail.at === this.#head) return;
    this.#standing[tail.at % this.#slots]! -= 1;
    tail.at += 1;
    this.#standing[tail.at % this.#slots]! += 1;
    this.#release();
  }

  /** True for the reader, or the readers, that hold back the most. */
  isSlowest(tail: Tail): boolean {
    return tail.at === this.#oldest;
  }

  /** Lets go of the items that every tail has passed. */
  #release(): void {
    while (this.#oldest < this.#head && this.#standing[this.#oldest % this.#slots] === 0) {
      const slot = this.#oldest % this.#slots;
      this.#weight -= this.#limits.weigh(this.#items[slot]!);
      this.#items[slot] = undefined;
      this.#oldest += 1;
    }
  }
}
