import { once } from "node:events";
import type { SessionReport } from "sluice/protocols";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Broker } from "../bus/broker.ts";
import { gone } from "../fork/forked.ts";
import { loops } from "../support/server.ts";
import { ServerProcess } from "../test-server/server-process.ts";
import { type Kind, kinds } from "./brokers.ts";

/** lws-status of the test server, over its children and those of another one. */
const servers: ServerProcess[] = [];
const sockets: WebSocket[] = [];
let broker: Broker | undefined;

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  expect(await Promise.all(servers.splice(0).map((server) => server.stop()))).not.toContain(null);
  await broker?.close();
  broker = undefined;
});

async function start(...args: string[]): Promise<ServerProcess> {
  const server = await ServerProcess.start(...args);
  servers.push(server);
  return server;
}

async function open({ url }: ServerProcess, protocol: string): Promise<WebSocket> {
  const socket = new WebSocket(url.replace("http", "ws"), protocol);
  socket.on("error", () => {});
  sockets.push(socket);
  await once(socket, "open");
  return socket;
}

/** A watcher, who knows the list that came last. */
class Watcher {
  list: SessionReport[] = [];
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => {
      this.list = JSON.parse(String(data)) as SessionReport[];
    });
  }

  async until(isSo: (list: readonly SessionReport[]) => boolean): Promise<void> {
    while (!isSo(this.list)) await once(this.#socket, "message");
  }

  /** Those who serve a session, in the order of the list: first the one that serves the watcher. */
  get servers(): string[] {
    return [...new Set(this.list.map(({ server }) => server))];
  }
}

const pidOf = (server: string) => Number(server.split("@")[0]);

describe.each(loops)("lws-status in a process tree, on the %s loop", (loop) => {
  it("lists the sessions of all children, and soon no more those of one that is killed", async () => {
    const tree = await start("--event-loop", loop, "--fork", "2");
    const watcher = new Watcher(await open(tree, "lws-status"));
    let count = 1;
    // Which child a session goes to is up to the system.
    for (; watcher.servers.length < 2; count++) {
      await open(tree, "echo");
      await watcher.until((list) => list.length > count);
    }
    const [, other] = watcher.servers;
    const left = watcher.list.filter(({ server }) => server !== other).length;
    process.kill(pidOf(other), "SIGKILL");
    await gone(pidOf(other));
    await watcher.until((list) => list.length === left);
    expect(watcher.servers).not.toContain(other);
  }, 20_000);
});

const brokers = kinds.map((kind): [string, Kind] => [`${kind.name}${kind.missing}`, kind]);

describe.each(brokers)("lws-status at %s", (_, kind) => {
  it.skipIf(kind.missing !== "")(
    "lists the sessions of another tree, and no more those that are gone",
    async () => {
      broker = await Broker.start(kind.program);
      const args = ["--bus", kind.address(broker.port), "--fork", "1"];
      const [here, there] = await Promise.all([start(...args), start(...args)]);
      const [watcher, distant] = [await open(here, "lws-status"), await open(there, "lws-status")].map(
        (socket) => new Watcher(socket),
      );
      const guests = [await open(there, "echo"), await open(there, "echo")];
      await watcher.until((list) => list.length === 4);
      await distant.until((list) => list.length === 4);
      expect(watcher.servers).toEqual(distant.servers.toReversed());
      for (const guest of guests) guest.close();
      await watcher.until((list) => list.length === 2);
      expect(await there.stop()).toBe(0);
      await watcher.until((list) => list.length === 1);
    },
    20_000,
  );
});
