import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasProgram } from "./processes.ts";
import { type BenchServer, built, type FoundServers, NODE } from "./servers.ts";

/** Makes a temporary folder with a P-256 certificate for localhost; null where there is no openssl. */
export function makeCertificate(): string | null {
  if (!hasProgram("openssl")) return null;
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "cert.pem")];
  spawnSync("openssl", ["req", "-x509", ...key, "-days", "2", ...names, ...files], { stdio: "ignore" });
  return folder;
}

/** The servers of the TLS cases that are here, and why others are not. `folder` is one of `makeCertificate`. */
export function findTlsServers(folder: string | null): FoundServers {
  const names = ["sluice-epoll", "sluice-node", "ws"];
  if (folder === null)
    return {
      servers: [],
      missing: names.map((name) => `${name}: openssl is not installed, to make a certificate`),
    };
  const server = (name: string, program: string[]): BenchServer => ({
    name,
    command: (port) => [...NODE, ...program, String(port), folder],
    deflates: false,
    controlled: true,
  });
  const [epoll, node, ws] = names;
  const servers = [
    server(epoll, [built("tls-sluice.js"), "epoll"]),
    server(node, [built("tls-sluice.js"), "node"]),
    server(ws, [built("tls-ws.js")]),
  ];
  return { servers, missing: [] };
}
