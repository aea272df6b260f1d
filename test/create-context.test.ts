import { afterEach, describe, expect, it } from "vitest";
import { ANY_PORT, type Context, type ContextOptions, createContext, type Protocol } from "../lib/index.ts";
import { certificate } from "./support/server.ts";

const silent = { error() {}, warn() {}, info() {}, debug() {} };
const quiet: Protocol = { name: "quiet", callback: () => 0 };
const open: Context[] = [];

async function start(options: ContextOptions = {}): Promise<Context> {
  const context = await createContext({ port: ANY_PORT, host: "127.0.0.1", logger: silent, ...options });
  open.push(context);
  return context;
}

afterEach(async () => {
  delete process.env["SLUICE_EVENT_LOOP"];
  for (const context of open.splice(0)) await context.destroy();
});

describe("createContext", () => {
  it("says in one line where it listens, on which loop, and for which protocols", async () => {
    const lines: string[] = [];
    const logger = { ...silent, info: (line: string) => lines.push(line) };
    const { port } = await start({ eventLoop: "node", protocols: [quiet], logger });
    expect(lines).toEqual([`listening on http://127.0.0.1:${port}, node loop, protocols: quiet`]);
  });

  it("takes the loop that is asked for", async () => {
    expect((await start({ eventLoop: "node" })).eventLoop).toBe("node");
  });

  it("lets the environment decide over the option", async () => {
    process.env["SLUICE_EVENT_LOOP"] = "node";
    expect((await start({ eventLoop: "auto" })).eventLoop).toBe("node");
  });

  it("refuses a loop in the environment that is none, and names the variable", async () => {
    process.env["SLUICE_EVENT_LOOP"] = "kqueue";
    await expect(start()).rejects.toThrow(/SLUICE_EVENT_LOOP.*"auto", "epoll" or "node"/);
  });

  it("listens on nothing when no port is given", async () => {
    expect((await createContext({ logger: silent })).port).toBe(0);
  });

  it("takes the same loop with TLS as without", async () => {
    const { eventLoop } = await start();
    expect((await start({ ssl: certificate })).eventLoop).toBe(eventLoop);
  });

  it("names the file of a certificate that cannot be read", async () => {
    await expect(start({ ssl: { cert: "/nowhere/cert.pem", key: "/nowhere/key.pem" } })).rejects.toThrow(
      "/nowhere/cert.pem",
    );
  });

  it("destroys what it began when a protocol fails the start", async () => {
    const reasons: number[] = [];
    const first: Protocol = { name: "first", callback: (_wsi, reason) => void reasons.push(reason) };
    const failing: Protocol = { name: "failing", callback: () => 1 };
    await expect(start({ protocols: [first, failing] })).rejects.toThrow(
      /"failing" returned nonzero from PROTOCOL_INIT/,
    );
    expect(reasons).toEqual([27, 28]);
  });
});
