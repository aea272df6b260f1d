/** How often losses are told of, in milliseconds. */
const INTERVAL = 1000;

/** Counts what a bus drops, and tells of it: of the first at once, then at most once in a second of all together. */
export class Losses {
  /** All of them so far. */
  total = 0;
  readonly #tell: (packets: number, error: Error) => void;
  #untold = 0;
  #latest: Error | null = null;
  #pause: NodeJS.Timeout | null = null;

  constructor(tell: (packets: number, error: Error) => void) {
    this.#tell = tell;
  }

  add(error: Error, packets = 1): void {
    this.total += packets;
    this.#untold += packets;
    this.#latest = error;
    if (this.#pause === null) this.#tellAll();
  }

  /** Tells what is left to tell, and nothing from then on. */
  end(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#pause = null;
    if (this.#untold > 0) this.#tellAll();
    if (this.#pause !== null) clearTimeout(this.#pause);
  }

  #tellAll(): void {
    const packets = this.#untold;
    this.#untold = 0;
    this.#pause = setTimeout(() => {
      this.#pause = null;
      if (this.#untold > 0) this.#tellAll();
    }, INTERVAL);
    this.#pause.unref();
    this.#tell(packets, this.#latest!);
  }
}
