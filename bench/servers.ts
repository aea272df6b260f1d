import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Deflate } from "./cases.ts";
import { hasProgram } from "./processes.ts";

/** A server that can be measured. */
export interface BenchServer {
  name: string;
  /** The command that runs it on a port, with compression if so asked. */
  command(port: number, deflate?: Deflate): string[];
  /** Speaks permessage-deflate. */
  deflates: boolean;
  /** Answers the words of `servers/control.ts`. */
  controlled: boolean;
  /** Says nothing when it listens, and does not end with its input: its port is tried, and it gets SIGTERM. */
  silent?: boolean;
}

export interface FoundServers {
  servers: BenchServer[];
  /** Those that cannot be measured, each with the reason behind a colon. */
  missing: string[];
}

/** Built by tsc beside this file. */
export const built = (file: string) => fileURLToPath(new URL(`./servers/${file}`, import.meta.url));
/** From dist/bench back to the sources. */
const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));

export const NODE = [process.execPath, "--expose-gc"];

const SLUICE_EPOLL: BenchServer = {
  name: "sluice-epoll",
  command: (port, deflate) => [...NODE, built("sluice.js"), "epoll", String(port), deflate ?? "off"],
  deflates: true,
  controlled: true,
};
const SLUICE_NODE: BenchServer = {
  name: "sluice-node",
  command: (port, deflate) => [...NODE, built("sluice.js"), "node", String(port), deflate ?? "off"],
  deflates: true,
  controlled: true,
};
const WS: BenchServer = {
  name: "ws",
  command: (port, deflate) => [...NODE, built("ws.js"), String(port), deflate ?? "off"],
  deflates: true,
  controlled: true,
};
const BUN: BenchServer = {
  name: "bun",
  command: (port) => ["bun", built("bun.js"), String(port)],
  deflates: false,
  controlled: true,
};

/** The servers that can be built here, and why others cannot. */
export function findServers(): FoundServers {
  const servers = [SLUICE_EPOLL, SLUICE_NODE, WS];
  const missing: string[] = [];
  if (hasProgram("bun")) servers.push(BUN);
  else missing.push("bun: not installed");
  const libwebsockets = buildLibwebsockets();
  if (typeof libwebsockets === "string") missing.push(`libwebsockets: ${libwebsockets}`);
  else servers.push(libwebsockets);
  return { servers, missing };
}

/** Compiles servers/libwebsockets.c; says why when it cannot. */
function buildLibwebsockets(): BenchServer | string {
  if (!hasProgram("cc")) return "no C compiler";
  const header = spawnSync("cc", ["-E", "-include", "libwebsockets.h", "-x", "c", "/dev/null"], {
    stdio: "ignore",
  });
  if (header.status !== 0) return "no libwebsockets.h (libwebsockets-dev)";
  mkdirSync(root("bench/results"), { recursive: true });
  const program = root("bench/results/libwebsockets");
  const source = root("bench/servers/libwebsockets.c");
  const compiled = spawnSync("cc", ["-O2", "-o", program, source, "-lwebsockets", "-lpthread"], {
    encoding: "utf8",
  });
  if (compiled.status !== 0) return `does not compile: ${compiled.stderr.split("\n")[0]}`;
  return {
    name: "libwebsockets",
    command: (port) => [program, String(port)],
    deflates: false,
    controlled: false,
  };
}
