import type { Part } from "./part.ts";
import type { SessionReport } from "./session-report.ts";

/** Contexts that are listed at a time. */
export const MAX_PARTS = 1024;

interface Heard {
  sessions: readonly SessionReport[];
  at: number;
}

/**
 * The sessions of other contexts, as far as these have told of them.
 *
 * Whoever may publish on the bus may tell what he likes: there are never more than `most` sessions, of `MAX_PARTS` contexts.
 */
export class OtherSessions {
  readonly #most: number;
  readonly #forgetAfter: number;
  readonly #parts = new Map<string, Heard>();
  #size = 0;
  #changed = false;

  /** @param forgetAfter - Milliseconds without a word from a context, after which it counts as gone. */
  constructor(most: number, forgetAfter: number) {
    this.#most = most;
    this.#forgetAfter = forgetAfter;
  }

  /** Puts a part in the place of the one that its context told before. */
  take({ id, sessions }: Part, now: number): void {
    const isKnown = this.#parts.has(id);
    if (!isKnown && this.#parts.size === MAX_PARTS) return;
    this.#size -= this.#parts.get(id)?.sessions.length ?? 0;
    const kept = sessions.slice(0, this.#most - this.#size);
    this.#size += kept.length;
    if (kept.length > 0) this.#parts.set(id, { sessions: kept, at: now });
    else this.#parts.delete(id);
    this.#changed ||= isKnown || kept.length > 0;
  }

  /** Forgets who has not been heard of. True when anything has changed since the last look. */
  look(now: number): boolean {
    for (const [id, { sessions, at }] of this.#parts) {
      if (now - at < this.#forgetAfter) continue;
      this.#parts.delete(id);
      this.#size -= sessions.length;
      this.#changed = true;
    }
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  reports(): SessionReport[] {
    return [...this.#parts.values()].flatMap(({ sessions }) => sessions);
  }
}
