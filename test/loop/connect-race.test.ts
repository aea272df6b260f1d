import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { TimerQueue } from "../../lib/base/timers.ts";
import { Race, type Runner } from "../../lib/loop/connect-race.ts";
import { createEpollLoop } from "../../lib/loop/epoll/epoll.ts";
import type { Link } from "../../lib/loop/loop.ts";
import { createNodeLoop } from "../../lib/loop/node.ts";
import { checkLeaks } from "../support/leaks.ts";
import { loops } from "../support/server.ts";
import { Recorder, Stage, serviceUntil } from "./recorder.ts";

/** A race whose runners do as they are told. */
function start(...addresses: string[]) {
  const timers = new TimerQueue();
  const started: string[] = [];
  const closed: string[] = [];
  const lost: Error[] = [];
  const runners = new Map<string, Runner>();
  const race = new Race<Runner>(
    timers,
    (address) => {
      started.push(address);
      if (address.startsWith("!")) throw Object.assign(new Error(`no ${address}`), { code: "EINVAL" });
      const runner = { destroy: () => void closed.push(address) };
      runners.set(address, runner);
      return runner;
    },
    (error) => lost.push(error),
  );
  race.run(addresses);
  const fail = (address: string) =>
    race.failed(runners.get(address)!, Object.assign(new Error(`no ${address}`), { code: "ECONNREFUSED" }));
  const win = (address: string) => race.won(runners.get(address)!);
  return { timers, started, closed, lost, race, fail, win };
}
const later = (timers: TimerQueue) => timers.expire(Number.MAX_VALUE);

describe("a race", () => {
  it("starts the next beside the last when time has passed, and closes all but the one that wins", () => {
    const { timers, started, closed, lost, win } = start("a", "b", "c", "d");
    expect(started).toEqual(["a"]);
    later(timers);
    later(timers);
    expect(started).toEqual(["a", "b", "c"]);
    win("b");
    expect(closed).toEqual(["a", "c"]);
    later(timers);
    expect([started.length, lost, timers.size]).toEqual([3, [], 0]);
  });

  it("starts the next at once when one fails, and gives that one its whole time", () => {
    const { timers, started, closed, fail } = start("a", "b", "c");
    fail("a");
    expect([started, closed]).toEqual([["a", "b"], ["a"]]);
    expect(timers.size).toBe(1);
  });

  it("is lost when all have failed, with the code of the last and the words of all", () => {
    const { timers, lost, fail } = start("!a", "b", "!c");
    expect(lost).toEqual([]);
    fail("b");
    expect(lost).toMatchObject([{ code: "EINVAL", message: "no !a, no b, no !c" }]);
    expect((lost[0].cause as AggregateError).errors).toHaveLength(3);
    expect(timers.size).toBe(0);
    expect(start("!a").lost).toMatchObject([{ message: "no !a", code: "EINVAL" }]);
  });

  it("is not lost while one is on its way", () => {
    const { timers, lost, fail } = start("a", "b");
    later(timers);
    fail("b");
    expect(lost).toEqual([]);
    fail("a");
    expect(lost).toHaveLength(1);
  });

  it("tells nothing once it is stopped, nor of one that has failed before", () => {
    const { timers, race, started, closed, lost, fail } = start("a", "b");
    race.stop();
    race.stop();
    fail("a");
    later(timers);
    expect([started, closed, lost, timers.size]).toEqual([["a"], ["a"], [], 0]);
  });
});

const found = vi.hoisted(() => ({ list: [] as string[] }));
vi.mock("node:dns", async (original) => ({
  ...(await original<typeof import("node:dns")>()),
  lookup: (_host: string, _options: object, callback: (error: null, all: object[]) => void) =>
    setImmediate(() =>
      callback(
        null,
        found.list.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      ),
    ),
}));

/** Only the epoll loop can listen without accepting. */
const canBeDeaf = loops.includes("epoll");

describe.each(loops)("the addresses of a name, on the %s loop", (name) => {
  checkLeaks();
  let stage: Stage;
  let server: Server;
  let port: number;
  beforeEach(async () => {
    stage = new Stage(name === "epoll" ? createEpollLoop() : createNodeLoop());
    server = createServer((socket) => socket.on("error", () => {}));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    port = (server.address() as { port: number }).port;
  });
  afterEach(async () => {
    await stage.loop.close();
    server.close();
  });

  async function connect(list: string[], host = "somewhere.test", timeout = 5000): Promise<Link | Error> {
    found.list = list;
    let outcome: Link | Error | undefined;
    const note = (came: Link | Error) => {
      outcome = came;
      return new Recorder();
    };
    stage.loop.connect({ host, port, timeout }, note, note);
    await serviceUntil(stage.loop, () => outcome !== undefined);
    return outcome!;
  }

  it("are tried until one answers, at once when one refuses", async () => {
    // Nobody listens on 127.0.0.2 and .3.
    const link = (await connect(["127.0.0.2", "127.0.0.3", "127.0.0.1"])) as Link;
    expect([link.remoteAddress, link.remotePort]).toEqual(["127.0.0.1", port]);
  });

  it.runIf(canBeDeaf)("are tried side by side when one does not answer", async () => {
    // A full queue of a listener that nobody accepts from: the kernel drops the SYN, as a dead host does.
    const dead = await deafOn("127.0.0.9", port);
    const link = (await connect(["127.0.0.9", "127.0.0.1"])) as Link;
    expect(link.remoteAddress).toBe("127.0.0.1");
    dead();
  });

  it("are named in the error, in the words of Node", async () => {
    expect(await connect([], "127.0.0.2")).toMatchObject({
      code: "ECONNREFUSED",
      message: `connect ECONNREFUSED 127.0.0.2:${port}`,
    });
    expect(await connect(["127.0.0.2", "127.0.0.3"])).toMatchObject({
      code: "ECONNREFUSED",
      message: `connect ECONNREFUSED 127.0.0.2:${port}, connect ECONNREFUSED 127.0.0.3:${port}`,
    });
    expect(await connect([])).toMatchObject({
      code: "ENOTFOUND",
      message: "getaddrinfo ENOTFOUND somewhere.test",
    });
  });

  it.runIf(canBeDeaf)("are left when the time is up", async () => {
    const dead = await deafOn("127.0.0.9", port);
    expect(await connect(["127.0.0.9"], "somewhere.test", 50)).toMatchObject({
      code: "ETIMEDOUT",
      message: "no connection within 50 ms",
    });
    dead();
  });

  it("name the path of a Unix socket that is not there", async () => {
    const errors: Error[] = [];
    stage.loop.connect(
      { path: "/no/such/socket", timeout: 1000 },
      () => null,
      (error) => errors.push(error),
    );
    await serviceUntil(stage.loop, () => errors.length > 0);
    expect(errors[0]).toMatchObject({ code: "ENOENT", message: "connect ENOENT /no/such/socket" });
  });

  /** An address that answers nobody any more; call what it gives to end it. */
  async function deafOn(host: string, at: number): Promise<() => void> {
    const other = new Stage(createEpollLoop());
    await other.loop.listen({ host, port: at, backlog: 0 }, () => null);
    let ended = 0;
    const note = () => {
      ended++;
      return new Recorder();
    };
    const filler = new Stage(createEpollLoop());
    for (let i = 0; i < 2; i++) filler.loop.connect({ host, port: at, timeout: 300 }, note, note);
    await serviceUntil(filler.loop, () => ended === 2);
    return () => void Promise.all([other.loop.close(), filler.loop.close()]);
  }
});
