import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { Corpus } from "./corpus.ts";
import { Fuzzer } from "./fuzzer.ts";
import { Random, seedOf } from "./random.ts";
import { check, type Target } from "./target.ts";
import { TARGETS } from "./targets/index.ts";

const FOLDER = fileURLToPath(new URL("corpus", import.meta.url));
/** Runs of each target in this test; `npm run fuzz` goes on for minutes. */
const RUNS: Record<string, number> = {
  "frames-server": 600,
  "frames-client": 600,
  request: 1500,
  response: 3000,
  upgrade: 3000,
  "extension-header": 10_000,
  path: 10_000,
  inflate: 800,
};
const SEED = 1;

/** Fails with the input in hex, which can be saved and run again. */
function run(target: Target, input: Buffer): string[] {
  try {
    return [...target.run(input)];
  } catch (error) {
    throw new Error(`${target.name} fails with ${input.toString("hex")}`, { cause: error });
  }
}

describe.each(TARGETS.map((target): [string, Target] => [target.name, target]))(
  "fuzzing %s",
  (name, target) => {
    it("keeps its promises with every saved input", () => {
      const files = new Corpus(FOLDER, name).files();
      expect(files.length, "saved inputs").toBeGreaterThan(0);
      for (const file of files) {
        const input = readFileSync(file);
        expect(input.length, basename(file)).toBeLessThanOrEqual(4096);
        run(target, input);
      }
    });

    it("keeps them in a short run", () => {
      const fuzzer = new Fuzzer(target, SEED);
      while (fuzzer.runs < RUNS[name]) expect(fuzzer.step()).toBeNull();
      expect(fuzzer.features).toBeGreaterThan(10);
    });

    it("sees the same in the same input each time", () => {
      const random = new Random(SEED);
      for (let i = 0; i < 20; i++) {
        const input = target.generate(random);
        expect(run(target, Buffer.from(input))).toEqual(run(target, input));
      }
    });
  },
);

describe("the fuzzer", () => {
  /** Fails for whatever has three times "a" in a row, which no input has at first. */
  const fragile: Target = {
    name: "fragile",
    seeds: [Buffer.from("xay")],
    words: [Buffer.from("a")],
    generate: (random) => random.bytes(random.below(8)),
    run(input) {
      const text = input.toString("latin1");
      check(!text.includes("aaa"), "there are never three");
      return [`${text.includes("a")}`, `${text.includes("aa")}`];
    },
  };

  it("finds a broken promise, makes the input short, and finds the same for the same seed", () => {
    const find = (seed: number) => {
      const fuzzer = new Fuzzer(fragile, seed);
      for (;;) {
        const finding = fuzzer.step();
        if (finding !== null) return { finding, runs: fuzzer.runs };
      }
    };
    const { finding, runs } = find(SEED);
    expect(finding.input.toString()).toBe("aaa");
    expect(finding.error).toMatchObject({ message: "there are never three" });
    expect(finding.failsAlone).toBe(true);
    expect(find(SEED).runs).toBe(runs);
  });

  it("tells when a failure needs what came before", () => {
    let runs = 0;
    const later: Target = {
      ...fragile,
      run() {
        check(++runs !== 3, "not the third");
        return [];
      },
    };
    const fuzzer = new Fuzzer(later, SEED);
    expect([fuzzer.step(), fuzzer.step()]).toEqual([null, null]);
    expect(fuzzer.step()).toMatchObject({ failsAlone: false });
  });

  it("has random numbers that depend on the seed alone, and seeds on the bytes alone", () => {
    const numbers = (seed: number) => Buffer.from(new Random(seed).bytes(8)).toString("hex");
    expect(numbers(7)).toBe(numbers(7));
    expect(numbers(7)).not.toBe(numbers(8));
    expect(seedOf(Buffer.from("a"))).not.toBe(seedOf(Buffer.from("b")));
  });
});
