import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort, hasProgram, type LineProcess, LOAD_CORE, startSilentServer } from "./processes.ts";
import { type BenchServer, built, type FoundServers, NODE } from "./servers.ts";

/** Processes that share a port. */
const PROCESSES = "2";

/** A redis-server for as long as the bench takes. It has a core with the load, and its time counts for nobody. */
export class Redis {
  readonly url: string;
  readonly #process: LineProcess;
  readonly #folder: string;

  private constructor(url: string, process: LineProcess, folder: string) {
    this.url = url;
    this.#process = process;
    this.#folder = folder;
  }

  /** Null where there is none. */
  static async start(): Promise<Redis | null> {
    if (!hasProgram("redis-server")) return null;
    const folder = mkdtempSync(join(tmpdir(), "sluice-redis-"));
    const port = await freePort();
    const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
    const process = await startSilentServer(["redis-server", ...options], port, LOAD_CORE);
    return new Redis(`redis://127.0.0.1:${port}`, process, folder);
  }

  async stop(): Promise<void> {
    await this.#process.stop("SIGTERM");
    rmSync(this.#folder, { recursive: true });
  }
}

/** Servers of several processes, and why others are not measured. */
export function findProcessServers(redis: Redis | null): FoundServers {
  const server = (name: string, before: string[], after: string[] = []): BenchServer => ({
    name,
    command: (port) => [...NODE, ...before, String(port), PROCESSES, ...after],
    deflates: false,
    controlled: true,
  });
  const servers = [
    server("sluice-epoll", [built("sluice-forked.js"), "epoll"]),
    server("sluice-node", [built("sluice-forked.js"), "node"]),
  ];
  if (redis === null)
    return { servers, missing: ["ws-cluster, sluice-redis: redis-server is not installed"] };
  servers.push(
    server("sluice-redis", [built("sluice-forked.js"), "epoll"], [redis.url]),
    server("ws-cluster", [built("ws-cluster.js")], [redis.url]),
  );
  return { servers, missing: [] };
}
