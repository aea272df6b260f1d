import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Generator, type LoadOptions } from "../../../bench/load/generate.ts";
import { broadcast, echo } from "../../../bench/servers/protocols.ts";
import { ANY_PORT, CallbackReason, type Context, createContext, type Protocol } from "../../../lib/index.ts";
import { checkLeaks } from "../../support/leaks.ts";

const reply: Protocol = {
  name: "reply",
  callback(wsi, reason) {
    if (reason !== CallbackReason.HTTP) return;
    wsi.httpReply(wsi.uri === "/reply" ? 200 : 404, {}, "x".repeat(200));
  },
};

let context: Context;
let options: LoadOptions;

checkLeaks();

beforeEach(async () => {
  context = await createContext({
    port: ANY_PORT,
    host: "127.0.0.1",
    eventLoop: "node",
    protocols: [reply, echo, broadcast],
    defaultProtocol: "echo",
  });
  void context.run();
  // Both sides share this thread, so the generator may not block it.
  options = {
    port: context.port,
    subprotocol: "",
    mode: "echo",
    connections: 1,
    bytes: 20,
    depth: 1,
    seconds: 0.1,
    warmupSeconds: 0,
    pid: 0,
    loop: "node",
  };
});

afterEach(() => context.destroy());

async function generate(changes: Partial<LoadOptions>) {
  const generator = new Generator({ ...options, ...changes });
  try {
    await generator.open();
    return await generator.measure();
  } finally {
    await generator.close();
  }
}

describe("Generator", () => {
  test("counts and times echoes on one connection", async () => {
    const result = await generate({});
    expect(result).toMatchObject({ loop: "node", opened: 1, errors: 0, serverCpu: null });
    expect(result.count).toBeGreaterThan(0);
    expect(result.p50).toBeGreaterThan(0);
    expect(result.p99).toBeGreaterThanOrEqual(result.p50!);
    expect(result.perSecond).toBeCloseTo(result.count / result.seconds);
  });

  test("keeps several large messages in flight, and takes no round trips then", async () => {
    const result = await generate({ bytes: 70_000, depth: 4, connections: 2 });
    expect(result).toMatchObject({ opened: 2, errors: 0, p50: null });
    expect(result.count).toBeGreaterThan(4);
  });

  test("counts what a broadcast delivers to everyone", async () => {
    const result = await generate({
      mode: "broadcast",
      subprotocol: "broadcast",
      connections: 5,
      bytes: 100,
    });
    expect(result).toMatchObject({ opened: 5, errors: 0 });
    expect(result.count).toBeGreaterThan(5);
  });

  test("opens and drops connections as fast as they come", async () => {
    const result = await generate({ mode: "connect" });
    expect(result.errors).toBe(0);
    expect(result.count).toBeGreaterThan(0);
  });

  test("counts connections that the server does not upgrade, and goes on with the others", async () => {
    const generator = new Generator({ ...options, subprotocol: "unknown" });
    await expect(generator.open()).rejects.toThrow("no connection to port");
    await generator.close();
  });

  test("asks for a path in plain HTTP, again and again on the same connections", async () => {
    const result = await generate({ mode: "http", path: "/reply", connections: 3 });
    expect(result).toMatchObject({ opened: 3, errors: 0 });
    expect(result.count).toBeGreaterThan(3);
    expect(result.bytes).toBe(200 * result.count);
    expect(result.p50).toBeGreaterThan(0);
  });

  test("counts connections that are answered with an error", async () => {
    const result = await generate({ mode: "http", path: "/nothing", connections: 2 });
    expect(result).toMatchObject({ opened: 2, errors: 2, count: 0 });
  });
});
