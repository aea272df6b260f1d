import { fileURLToPath } from "node:url";
import type { BenchCase } from "./cases.ts";
import type { ClientFigures } from "./clients/measured.ts";
import type { Progress } from "./macro.ts";
import type { RunOptions } from "./options.ts";
import { freePort, LineProcess, LOAD_CORE, startServer } from "./processes.ts";
import { type Figures, type Measured, medians, NO_FIGURES } from "./result.ts";
import { built, NODE } from "./servers.ts";

/* Clients, measured against one server: this project's own, on epoll where that can run. */

/** A client that can be measured: the command that runs it, before the numbers of its task. */
interface BenchClient {
  name: string;
  command: readonly string[];
}

const program = (file: string) => fileURLToPath(new URL(`./clients/${file}`, import.meta.url));

const CLIENTS: readonly BenchClient[] = [
  { name: "sluice-epoll", command: [...NODE, program("sluice.js"), "epoll"] },
  { name: "sluice-node", command: [...NODE, program("sluice.js"), "node"] },
  { name: "ws", command: [...NODE, program("ws.js")] },
];

/** What clients connect to, on a core of its own. */
class EchoServer {
  readonly port: number;
  readonly #process: LineProcess;

  private constructor(port: number, process: LineProcess) {
    this.port = port;
    this.#process = process;
  }

  static async start(): Promise<EchoServer> {
    const port = await freePort();
    const start = (loop: string) => startServer([...NODE, built("sluice.js"), loop, String(port)]);
    return new EchoServer(port, await start("epoll").catch(() => start("node")));
  }

  stop(): Promise<void> {
    return this.#process.stop();
  }
}

/** What the options say of a measurement of clients. */
export type ClientOptions = Pick<RunOptions, "cases" | "servers" | "rounds" | "seconds">;

/**
 * Measures the clients that are asked for in all cases.
 *
 * @param say - Is told which of them cannot run, and why.
 */
export async function measureClients(
  options: ClientOptions,
  say: Progress,
  progress: Progress,
): Promise<Measured[]> {
  const wanted = CLIENTS.filter(({ name }) => options.servers?.includes(name) ?? true);
  const server = await EchoServer.start();
  try {
    const able = await tryClients(wanted, server, say);
    if (able.length === 0) throw new Error("there is no client to measure");
    const results: Measured[] = [];
    for (const bench of options.cases)
      results.push(...(await runCase(bench, able, server, options, progress)));
    return results;
  } finally {
    await server.stop();
  }
}

/** Runs each client shortly, and leaves out those that cannot run. */
async function tryClients(
  clients: readonly BenchClient[],
  server: EchoServer,
  say: Progress,
): Promise<BenchClient[]> {
  const able: BenchClient[] = [];
  for (const client of clients) {
    try {
      await runClient(client, server, { connections: 1, bytes: 1, depth: 1 }, 0.01);
      able.push(client);
    } catch (error) {
      say(`not measured: ${client.name}: ${(error as Error).message}`);
    }
  }
  return able;
}

/** Measures one case: round by round, one client after the other. */
async function runCase(
  bench: BenchCase,
  clients: readonly BenchClient[],
  server: EchoServer,
  { rounds, seconds }: ClientOptions,
  progress: Progress,
): Promise<Measured[]> {
  const runs = new Map<string, Figures[]>(clients.map(({ name }) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const client of clients) {
      progress(`${bench.name}  round ${round}/${rounds}  ${client.name}`);
      runs.get(client.name)!.push(clientFigures(await runClient(client, server, bench, seconds)));
    }
  }
  return [...runs].map(([name, all]) => ({
    case: bench.name,
    server: name,
    runs: all,
    medians: medians(all),
  }));
}

async function runClient(
  { command }: BenchClient,
  { port }: EchoServer,
  { connections, bytes, depth }: Pick<BenchCase, "connections" | "bytes" | "depth">,
  seconds: number,
): Promise<ClientFigures> {
  const task = [port, connections, bytes, depth, seconds].map(String);
  const client = new LineProcess([...command, ...task], LOAD_CORE);
  try {
    return JSON.parse(await client.line()) as ClientFigures;
  } finally {
    await client.stop();
  }
}

/** @internal */
export function clientFigures({ count, seconds, cpu, errors }: ClientFigures): Figures {
  return { ...NO_FIGURES, perCpuSecond: cpu === 0 ? null : count / cpu, perSecond: count / seconds, errors };
}
