/** A file that is kept, and what must still be so for it to be served. */
export interface Kept<File, Witness> {
  readonly key: string;
  readonly file: File;
  readonly witnesses: readonly Witness[];
  readonly cost: number;
  /** It was asked for since the cache last looked for something to drop. */
  used: boolean;
  /** The turn of the loop in which the witnesses were asked last. */
  turn: number;
}

/** What one entry costs beside its bytes, roughly: so many empty files are not free either. */
const OVERHEAD = 1024;

/** The most bytes of files that are kept, all mounts of a context together: 16 MiB. */
const MAX_BYTES = 16_777_216;

/** Counts what all shelves of a context hold together. */
export class CacheBudget {
  readonly maxBytes: number;
  #bytes = 0;
  /** Every entry and where it lies, the oldest first. */
  readonly #entries = new Map<Kept<unknown, unknown>, Map<string, unknown>>();

  constructor(maxBytes = MAX_BYTES) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(entry: Kept<unknown, unknown>, shelf: Map<string, unknown>): void {
    this.#entries.set(entry, shelf);
    this.#bytes += entry.cost;
    while (this.#bytes > this.maxBytes) this.#makeRoom();
  }

  remove(entry: Kept<unknown, unknown>): void {
    const shelf = this.#entries.get(entry);
    if (shelf === undefined) return;
    this.#entries.delete(entry);
    this.#bytes -= entry.cost;
    shelf.delete(entry.key);
  }

  /** Drops the oldest entry that nobody asked for; others get a second chance. A hit so costs no more than a flag. */
  #makeRoom(): void {
    for (const [entry, shelf] of this.#entries) {
      if (!entry.used) return this.remove(entry);
      entry.used = false;
      // Behind all others, where this very walk comes to it again if need be.
      this.#entries.delete(entry);
      this.#entries.set(entry, shelf);
    }
  }
}

/** The files of one mount that are kept. Whether an entry still holds, its user must find out. */
export class FileCache<File, Witness> {
  readonly #budget: CacheBudget;
  readonly #shelf = new Map<string, Kept<File, Witness>>();

  constructor(budget: CacheBudget) {
    this.#budget = budget;
  }

  get size(): number {
    return this.#shelf.size;
  }

  find(key: string): Kept<File, Witness> | undefined {
    return this.#shelf.get(key);
  }

  /** Keeps a file of `bytes` bytes, in place of what was there. One that is larger than the whole cache is not kept. */
  keep(key: string, file: File, witnesses: readonly Witness[], bytes: number): void {
    this.drop(key);
    // A copy: as a part of a request's head the key would keep all of that alive.
    key = Buffer.from(key).toString();
    const cost = bytes + OVERHEAD;
    if (cost > this.#budget.maxBytes) return;
    const entry = { key, file, witnesses, cost, used: false, turn: -1 };
    this.#shelf.set(key, entry);
    this.#budget.add(entry, this.#shelf);
  }

  drop(key: string): void {
    const entry = this.#shelf.get(key);
    if (entry !== undefined) this.#budget.remove(entry);
  }
}
