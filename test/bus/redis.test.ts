import { createClient } from "redis";
import { describe, expect, it, vi } from "vitest";
import { redisBus } from "../../lib/bus/redis.ts";
import { Broker, isInstalled, redisServer } from "./broker.ts";
import { brokerContract } from "./broker-contract.ts";
import { Recorder } from "./recorder.ts";

brokerContract({
  name: "Redis",
  program: redisServer,
  address: "url",
  impatient: { pingInterval: 100, socket: { socketTimeout: 500 } },
  bus: (port, channel, options) => redisBus({ url: `redis://127.0.0.1:${port}`, channel, ...options }),
  inject: async (port, channel, bytes) => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` });
    await client.connect();
    await client.publish(channel, Buffer.from(bytes));
    client.destroy();
  },
});

function withReject() {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<void>((_, no) => (reject = no));
  return { promise, reject };
}

const missing = isInstalled(redisServer) ? "" : " (skipped: redis-server is not installed)";

describe.skipIf(missing !== "")(`redisBus at a server${missing}`, () => {
  it("counts what the server refuses as lost, and stays up", async () => {
    const broker = await Broker.start(redisServer);
    const url = `redis://127.0.0.1:${broker.port}`;
    const heard = new Recorder();
    const bus = redisBus({ url });
    await bus.subscribe(heard);
    const client = createClient({ url });
    await client.connect();
    await client.sendCommand(["ACL", "SETUSER", "default", "-publish"]);
    bus.publish(Buffer.from("x"));
    await heard.until(() => heard.lost === 1);
    expect(heard.errors[0].message).toContain("NOPERM");
    expect(heard.states).toEqual([]);
    client.destroy();
    await bus.close();
    await broker.close();
  });
});

describe("redisBus", () => {
  it("gives up on a server that does not answer", async () => {
    vi.useFakeTimers();
    const createClient = () => {
      const { promise, reject } = withReject();
      const destroy = () => reject(new Error("destroyed"));
      const nothing = async () => {};
      return {
        isReady: false,
        on: () => {},
        connect: () => promise,
        subscribe: nothing,
        publish: nothing,
        destroy,
      };
    };
    const bus = redisBus({}, async () => ({ createClient }));
    const outcome = bus.subscribe(new Recorder()).catch((error: Error) => error.message);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await outcome).toBe("redisBus: cannot connect to url redis://127.0.0.1:6379: no answer");
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it("is closed soon while a server that does not answer is waited for, though its clients hear of nothing", async () => {
    const never = () => new Promise<never>(() => {});
    const createClient = () => {
      return { isReady: false, on() {}, connect: never, subscribe: never, publish: never, destroy() {} };
    };
    const bus = redisBus({}, async () => ({ createClient }));
    const outcome = bus.subscribe(new Recorder()).catch((error: Error) => error.message);
    await Promise.resolve();
    await bus.close();
    expect(await outcome).toBe("redisBus: closed while it connected");
  });

  it.each([
    [{ url: "localhost" }, "url"],
    [{ url: "http://127.0.0.1" }, "url"],
    [{ url: 6379 as unknown as string }, "url"],
    [{ channel: "" }, "channel"],
    [{ maxBacklog: 0 }, "maxBacklog"],
    [{ maxBacklog: 1.5 }, "maxBacklog"],
    [{ client: [] as unknown as Record<string, unknown> }, "client"],
    [{ uri: "redis://127.0.0.1" } as object, "uri"],
  ])("refuses %j by the name of the option", (options, option) => {
    expect(() => redisBus(options)).toThrow(TypeError);
    expect(() => redisBus(options)).toThrow(option);
  });

  it("shows no password when the url is wrong, nor when nobody is there", async () => {
    expect(() => redisBus({ url: "http://me:secret@127.0.0.1" })).toThrow(/^(?!.*secret)/);
    const bus = redisBus({ url: "redis://me:secret@127.0.0.1:1" });
    await expect(bus.subscribe(new Recorder())).rejects.toThrow(/redis:\/\/127\.0\.0\.1:1: (?!.*secret)/);
  });

  it("tells what to install when the package is missing", async () => {
    const bus = redisBus({}, () => Promise.reject(new Error("Cannot find package")));
    await expect(bus.subscribe(new Recorder())).rejects.toThrow(
      'redisBus needs the package "redis": npm install redis',
    );
    await bus.close();
  });
});
