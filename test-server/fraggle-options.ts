import { parseArgs } from "node:util";
import type { ChainLimits } from "./fraggle-chains.ts";
import { integerOption, withUsageErrors } from "./program.ts";
import { END_OPTIONS, type Ends, endsHelp, onlyOf, parseEnds } from "./two-ended.ts";

/** What fraggle was asked to do. */
export interface FraggleOptions {
  ends: Ends;
  /** Messages to send to each client, or to check; 0 for no end. */
  count: number;
  limits: ChainLimits;
  seed: number;
}

const PORT = 7681;

export const HELP = `Usage: sluice-fraggle [options]
       sluice-fraggle -c ADDRESS [options]

Torture by fragments: the server sends random messages, text and binary, in random
fragments, and behind each the sum of its bytes. The client adds up what it gets,
compares, and ends with 0 when all sums were right, else with 1.

  -n, --count N          server: messages for each client, 0 for no end (0)
                         client: messages to check, 0 for no end (100)
      --fragments N      server: the most fragments of a message (1024)
      --size N           server: the most bytes of a fragment (2000)
      --seed N           server: what the messages are made of; the same number
                         gives every client the same ones (a random one)
${endsHelp(PORT)}`;

/** Parses the arguments; "help" when that is what was asked for. Throws a UsageError. */
export function parseOptions(args: readonly string[]): FraggleOptions | "help" {
  const { values } = withUsageErrors(() =>
    parseArgs({
      args: [...args],
      options: {
        ...END_OPTIONS,
        count: { type: "string", short: "n" },
        fragments: { type: "string" },
        size: { type: "string" },
        seed: { type: "string" },
      },
    }),
  );
  if (values.help) return "help";
  const ends = parseEnds(values, PORT);
  const { count, fragments, size, seed } = values;
  if (ends.destination !== undefined)
    onlyOf("server", { "--fragments": fragments, "--size": size, "--seed": seed });
  return {
    ends,
    count: integerOption("--count", count ?? (ends.destination ? "100" : "0"), 0, 1e9),
    limits: {
      fragments: integerOption("--fragments", fragments ?? "1024", 1, 65_536),
      size: integerOption("--size", size ?? "2000", 1, 1_048_576),
    },
    seed: integerOption("--seed", seed ?? String(randomSeed()), 0, 2 ** 32 - 1),
  };
}

function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 32);
}
