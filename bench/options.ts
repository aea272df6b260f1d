import { parseArgs } from "node:util";
import { type BenchCase, SUITES, type SuiteName } from "./cases.ts";
import type { LoadProgram } from "./result.ts";

export interface RunOptions {
  suite: SuiteName;
  cases: readonly BenchCase[];
  /** Names of servers; null for all that are there. */
  servers: readonly string[] | null;
  rounds: number;
  seconds: number;
  /** What puts the load on; null for wrk where the suite is HTTP and wrk is installed, else the project's own. */
  load: LoadProgram | null;
  /** Write docs/bench.svg. */
  chart: boolean;
  /** Write the tables of the READMEs. */
  readme: boolean;
  micro: boolean;
}

const names = (suite: SuiteName) => SUITES[suite].cases.map(({ name }) => name).join(", ");

export const USAGE = `npm run bench -- [options]

  --only A,B        cases: ${names("websocket")}
  --servers A,B     sluice-epoll, sluice-node, ws, bun, libwebsockets
  --rounds N        how often each server is measured in each case (5)
  --seconds N       how long each time (2)
  --quick           1 round of 1 s
  --chart           write docs/bench.svg
  --readme          write the tables of README.md and bench/README.md

npm run bench -- files [options]      files and replies over HTTP

  --only A,B        cases: ${names("files")}
  --servers A,B     sluice-epoll, sluice-node, node-http, nginx
  --load own|wrk    what puts the load on (wrk where it is installed)
  --rounds, --seconds, --quick, --readme as above

npm run bench -- tls [options]        echo and handshakes over TLS 1.3; needs the openssl program

  --only A,B        cases: ${names("tls")}
  --servers A,B     sluice-epoll, sluice-node, ws
  --rounds, --seconds, --quick, --readme as above

npm run bench -- stream [options]     sluice/stream against ws used the same way

  --only A,B        cases: ${names("stream")}
  --servers A,B     sluice-stream, ws-awaited
  --rounds, --seconds, --quick, --readme as above

npm run bench -- processes [options]  two processes that share a port, against ws with node:cluster and Redis

  --only A,B        cases: ${names("processes")}
  --servers A,B     sluice-epoll, sluice-node, sluice-redis, ws-cluster
  --rounds, --seconds, --quick, --readme as above

npm run bench -- clients [options]    clients, on one server

  --only A,B        cases: ${names("clients")}
  --servers A,B     clients: sluice-epoll, sluice-node, ws
  --rounds, --seconds, --quick, --readme as above

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
      load: { type: "string" },
      quick: { type: "boolean", default: false },
      chart: { type: "boolean", default: false },
      readme: { type: "boolean", default: false },
    },
  });
  const [word] = positionals;
  const suite = word === undefined || word === "micro" ? "websocket" : (word as SuiteName);
  const other = Object.hasOwn(SUITES, suite) ? positionals[1] : suite;
  if (other !== undefined) throw new Error(`unknown word "${other}"`);
  if (values.chart && suite !== "websocket") throw new Error("--chart draws the WebSocket cases only");
  const all = SUITES[suite].cases;
  return {
    suite,
    cases: values.only === undefined ? all : values.only.split(",").map((name) => findCase(all, name)),
    servers: values.servers?.split(",") ?? null,
    rounds: positiveNumber("rounds", values.rounds, values.quick ? 1 : 5),
    seconds: positiveNumber("seconds", values.seconds, values.quick ? 1 : 2),
    load: loadProgram(values.load, suite),
    chart: values.chart,
    readme: values.readme,
    micro: word === "micro",
  };
}

function findCase(cases: readonly BenchCase[], name: string): BenchCase {
  const found = cases.find((bench) => bench.name === name);
  if (found === undefined)
    throw new Error(`unknown case "${name}": one of ${cases.map((bench) => bench.name).join(", ")}`);
  return found;
}

function loadProgram(text: string | undefined, suite: SuiteName): LoadProgram | null {
  if (text === undefined) return null;
  if (text !== "own" && text !== "wrk") throw new Error(`--load takes own or wrk, not "${text}"`);
  if (text === "wrk" && suite !== "files")
    throw new Error("wrk speaks HTTP only: --load wrk goes with files");
  return text;
}

function positiveNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value > 0)) throw new Error(`--${name} takes a number above 0, not "${text}"`);
  return value;
}
