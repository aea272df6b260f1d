import type { SslOptions } from "../api/tls.ts";
import { type Family, Place } from "./place.ts";

/** What a child may take for its end beside what it waits for its sessions. */
const GRACE_MS = 5000;

/** The children of one context, on one port. */
export class Children {
  readonly #family: Family;
  readonly #places: readonly Place[];
  readonly #limitMs: number;
  #released = false;

  /** @param drainMs - What a child waits for its sessions when it ends. */
  constructor(family: Family, processes: number, drainMs: number) {
    this.#family = family;
    this.#places = Array.from({ length: processes }, (_, number) => new Place(number, family));
    this.#limitMs = drainMs + GRACE_MS;
  }

  /** The processes as they are at this moment. */
  get pids(): number[] {
    return this.#places.map(({ pid }) => pid).filter((pid) => pid !== undefined);
  }

  /** Resolves when all of them serve. Rejects with the reason of the first that ends before, when all are gone again. */
  async start(): Promise<void> {
    try {
      await Promise.all(this.#places.map((place) => place.start()));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Has all that serve read certificates. Rejects with the reason of the first that cannot. */
  async load(ssl: SslOptions): Promise<void> {
    await Promise.all(this.#places.map((place) => place.load(ssl)));
  }

  /** Has all of them use certificates, and those that are started from now on. */
  async use(ssl: SslOptions): Promise<void> {
    this.#family.ssl = ssl;
    await Promise.all(this.#places.map((place) => place.use(ssl)));
  }

  /**
   * Drains all of them, their Close frames spread over so many milliseconds, and gives the port up at once. Resolves when
   * they are gone. Called again it hurries them.
   */
  async stop(spread = 0): Promise<void> {
    const limitMs = spread + this.#limitMs;
    const stopped = Promise.all(this.#places.map((place) => place.stop(spread, limitMs)));
    if (!this.#released) this.#family.port.release();
    this.#released = true;
    await stopped;
  }
}
