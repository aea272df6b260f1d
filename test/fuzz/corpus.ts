import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Fuzzer } from "./fuzzer.ts";

const MOST_FILES = 25;
const MOST_BYTES = 1024;
/** Inputs that failed once, in front of their names. They stay for good. */
const FOUND = "found-";

/** The saved inputs of a target: `<folder>/<target>/<hash>.bin`, and `found-<hash>.bin` for what failed once. */
export class Corpus {
  readonly #folder: string;

  constructor(folder: string, target: string) {
    this.#folder = join(folder, target);
  }

  /** Paths of the files, in a fixed order. */
  files(): string[] {
    if (!existsSync(this.#folder)) return [];
    return this.#names().map((name) => join(this.#folder, name));
  }

  read(): Buffer[] {
    return this.files().map((file) => readFileSync(file));
  }

  /** Saves an input that failed, and returns its path. */
  saveFound(input: Buffer): string {
    return this.#save(FOUND, input);
  }

  /** Replaces the files, but for what failed once, by the fewest that show what a fuzzer has seen. */
  replace({ corpus }: Fuzzer): void {
    for (const name of this.#names()) if (!name.startsWith(FOUND)) unlinkSync(join(this.#folder, name));
    const left = corpus.filter(({ input }) => input.length <= MOST_BYTES);
    const shown = new Set<string>();
    for (let files = 0; files < MOST_FILES; files++) {
      const gains = left.map(({ seen }) => [...seen].filter((feature) => !shown.has(feature)).length);
      const most = Math.max(0, ...gains);
      if (most === 0) return;
      const { input, seen } = left[gains.indexOf(most)];
      for (const feature of seen) shown.add(feature);
      this.#save("", input);
    }
  }

  #names(): string[] {
    if (!existsSync(this.#folder)) return [];
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith(".bin"))
      .sort();
  }

  #save(before: string, input: Buffer): string {
    mkdirSync(this.#folder, { recursive: true });
    const hash = createHash("sha256").update(input).digest("hex").slice(0, 12);
    const path = join(this.#folder, `${before}${hash}.bin`);
    writeFileSync(path, input);
    return path;
  }
}
