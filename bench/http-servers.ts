import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasProgram } from "./processes.ts";
import { REPLY } from "./servers/reply.ts";
import { type BenchServer, built, type FoundServers, NODE } from "./servers.ts";

/** Makes a temporary folder with the files that the HTTP cases ask for. */
export function makeFiles(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  mkdirSync(join(folder, "files"));
  writeFileSync(join(folder, "files/1k.bin"), Buffer.alloc(1024, "sluice "));
  writeFileSync(join(folder, "files/10m.bin"), Buffer.alloc(10 * 1024 * 1024, "sluice "));
  return folder;
}

/** The servers of the HTTP cases that are here, and why others are not. `folder` is one of `makeFiles`. */
export function findHttpServers(folder: string): FoundServers {
  const server = (name: string, program: string[]): BenchServer => ({
    name,
    command: (port) => [...NODE, ...program, String(port), folder],
    deflates: false,
    controlled: true,
  });
  const servers = [
    server("sluice-epoll", [built("http-sluice.js"), "epoll"]),
    server("sluice-node", [built("http-sluice.js"), "node"]),
    server("node-http", [built("http-node.js")]),
  ];
  const missing: string[] = [];
  if (hasProgram("nginx")) servers.push(nginx(folder));
  else missing.push("nginx: not installed");
  return { servers, missing };
}

/** nginx writes its own files beside those that it serves. It says nothing when it listens. */
function nginx(folder: string): BenchServer {
  const config = join(folder, "nginx.conf");
  return {
    name: "nginx",
    command: (port) => {
      writeFileSync(config, nginxConfig(port, folder));
      return ["nginx", "-p", folder, "-e", "stderr", "-c", config];
    },
    deflates: false,
    controlled: false,
    silent: true,
  };
}

const TEMP_PATHS = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

/** One process that does all, so that its CPU time is that of its pid. */
export function nginxConfig(port: number, folder: string): string {
  return `daemon off;
master_process off;
worker_processes 1;
pid nginx.pid;
error_log stderr;
events {
  worker_connections 1024;
}
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=20s;
  open_file_cache_valid 30s;
  open_file_cache_min_uses 2;
  default_type application/octet-stream;
${TEMP_PATHS.map((name) => `  ${name}_temp_path temp;`).join("\n")}
  server {
    listen ${port};
    root "${folder}";
    location = /reply {
      default_type text/plain;
      return 200 "${REPLY.trimEnd()}\\n";
    }
  }
}
`;
}
