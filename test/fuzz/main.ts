import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Corpus } from "./corpus.ts";
import { Fuzzer } from "./fuzzer.ts";
import type { Target } from "./target.ts";
import { TARGETS } from "./targets/index.ts";

const USAGE = `npm run fuzz -- [target …] [options]

  --seconds N   how long each target (60)
  --seed N      what the inputs depend on, besides the corpus (1)
  --save        replace the corpus by the fewest inputs that show what was seen

targets: ${TARGETS.map(({ name }) => name).join(", ")}`;

/** The program is built to dist/fuzz/test/fuzz/main.js; the corpus is with the sources. */
const CORPUS = fileURLToPath(new URL("../../../../test/fuzz/corpus", import.meta.url));
const PROGRESS_MS = 2000;
/** Runs between two looks at the clock. */
const BATCH = 64;

interface FuzzOptions {
  readonly targets: readonly Target[];
  readonly seconds: number;
  readonly seed: number;
  readonly save: boolean;
}

function readOptions(): FuzzOptions {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: "string", default: "60" },
      seed: { type: "string", default: "1" },
      save: { type: "boolean", default: false },
    },
  });
  const targets = positionals.map((name) => {
    const target = TARGETS.find((each) => each.name === name);
    if (target === undefined) throw new Error(`unknown target "${name}"`);
    return target;
  });
  const seconds = Number(values.seconds);
  const seed = Number(values.seed);
  if (!(seconds > 0) || !Number.isInteger(seed)) throw new Error("--seconds and --seed take a number");
  return { targets: targets.length > 0 ? targets : TARGETS, seconds, seed, save: values.save };
}

/** Fuzzes one target. Returns false when something was found, which is saved. */
function fuzz(target: Target, { seconds, seed, save }: FuzzOptions): boolean {
  const corpus = new Corpus(CORPUS, target.name);
  const fuzzer = new Fuzzer(target, seed, corpus.read());
  const start = performance.now();
  let told = start;
  const tell = (now: number) => {
    const elapsed = (now - start) / 1000;
    console.log(
      `${target.name}  ${elapsed.toFixed(0)} s  ${fuzzer.runs} runs  ${(fuzzer.runs / elapsed).toFixed(0)}/s  ` +
        `corpus ${fuzzer.corpus.length}  features ${fuzzer.features}  slowest ${fuzzer.slowestMs.toFixed(1)} ms`,
    );
    told = now;
  };
  for (let now = start; now - start < seconds * 1000; now = performance.now()) {
    for (let i = 0; i < BATCH; i++) {
      const finding = fuzzer.step();
      if (finding === null) continue;
      console.error(`${target.name} fails at run ${fuzzer.runs} of seed ${seed}`, finding.error);
      console.error(
        finding.failsAlone ? "It fails alone." : "It does not fail alone: something outlives a run.",
      );
      console.error(`${finding.input.toString("hex")}\n${JSON.stringify(finding.input.toString("latin1"))}`);
      console.error(`saved as ${corpus.saveFound(finding.input)}`);
      return false;
    }
    if (now - told >= PROGRESS_MS) tell(now);
  }
  tell(performance.now());
  if (save) corpus.replace(fuzzer);
  return true;
}

try {
  const options = readOptions();
  const held = options.targets.map((target) => fuzz(target, options));
  process.exitCode = held.includes(false) ? 1 : 0;
} catch (error) {
  console.error(`${(error as Error).message}\n\n${USAGE}`);
  process.exitCode = 2;
}
