import { parseArgs } from "node:util";
import { type BenchCase, CASES } from "./cases.ts";

export interface RunOptions {
  cases: readonly BenchCase[];
  /** Names of servers; null for all that are there. */
  servers: readonly string[] | null;
  rounds: number;
  seconds: number;
  /** Write docs/bench.svg. */
  chart: boolean;
  /** Write the tables of the READMEs. */
  readme: boolean;
  micro: boolean;
}

export const USAGE = `npm run bench -- [options]

  --only A,B        cases: ${CASES.map(({ name }) => name).join(", ")}
  --servers A,B     sluice-epoll, sluice-node, ws, bun, libwebsockets
  --rounds N        how often each server is measured in each case (5)
  --seconds N       how long each time (2)
  --quick           1 round of 1 s
  --chart           write docs/bench.svg
  --readme          write the tables of README.md and bench/README.md

npm run bench -- micro      parsing, masking and the like, without sockets`;

/** Reads the command line. Throws an Error that names what is wrong. */
export function readOptions(args: readonly string[]): RunOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      only: { type: "string" },
      servers: { type: "string" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      chart: { type: "boolean", default: false },
      readme: { type: "boolean", default: false },
    },
  });
  const other = positionals.find((word) => word !== "micro");
  if (other !== undefined) throw new Error(`unknown word "${other}"`);
  return {
    cases: values.only === undefined ? CASES : values.only.split(",").map(findCase),
    servers: values.servers?.split(",") ?? null,
    rounds: positiveNumber("rounds", values.rounds, values.quick ? 1 : 5),
    seconds: positiveNumber("seconds", values.seconds, values.quick ? 1 : 2),
    chart: values.chart,
    readme: values.readme,
    micro: positionals.includes("micro"),
  };
}

function findCase(name: string): BenchCase {
  const found = CASES.find((bench) => bench.name === name);
  if (found === undefined)
    throw new Error(`unknown case "${name}": one of ${CASES.map((bench) => bench.name).join(", ")}`);
  return found;
}

function positiveNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not "${text}"`);
  return value;
}
