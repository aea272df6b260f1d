import { type BenchServer, built, type FoundServers, NODE } from "./servers.ts";

/** Servers that await each message. */
export function findStreamServers(): FoundServers {
  const server = (name: string, program: string): BenchServer => ({
    name,
    command: (port) => [...NODE, built(program), String(port)],
    deflates: false,
    controlled: true,
  });
  const servers = [server("sluice-stream", "stream-sluice.js"), server("ws-awaited", "stream-ws.js")];
  return { servers, missing: [] };
}
