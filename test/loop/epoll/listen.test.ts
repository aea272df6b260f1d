import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { quietLogger } from "../../../lib/base/log.ts";
import { TimerQueue } from "../../../lib/base/timers.ts";
import { encodeInternet } from "../../../lib/loop/epoll/address.ts";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import { EAGAIN, ENFILE, IPPROTO_TCP, loadLibc, TCP_NODELAY } from "../../../lib/loop/epoll/libc.ts";
import { openListener } from "../../../lib/loop/epoll/listen.ts";
import { Pollset } from "../../../lib/loop/epoll/pollset.ts";
import { RawClient } from "../../support/raw.ts";
import { Stage, serviceUntil } from "../recorder.ts";
import { childBuild, runChild } from "./child.ts";

let stage: Stage;
beforeEach(() => {
  stage = new Stage(createEpollLoop());
});
afterEach(() => stage.loop.close());
afterAll(() => rmSync(childBuild, { recursive: true, force: true }));

test("has accepted links without Nagle's delay", async () => {
  const { link } = await stage.pair();
  expect(loadLibc().getOption(link.fd, IPPROTO_TCP, TCP_NODELAY)).toBe(1);
});

test("accepts more in the coming turns than fits one", async () => {
  await stage.listen({ host: "127.0.0.1", backlog: 511 });
  const { port } = stage.listener;
  const clients = await Promise.all(Array.from({ length: 300 }, () => RawClient.connect(port)));
  expect(await stage.loop.service(0)).toBeGreaterThan(0);
  await serviceUntil(stage.loop, () => stage.arrived.length === 300);
  for (const client of clients) client.destroy();
});

test("removes the path of a Unix socket when it is closed, and refuses one that is taken", async () => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-"));
  const path = join(directory, "socket");
  const listener = await stage.listen({ path });
  expect([listener.port, existsSync(path)]).toEqual([0, true]);
  await expect(stage.loop.listen({ path }, () => null)).rejects.toMatchObject({ code: "EADDRINUSE" });
  await listener.close();
  expect(existsSync(path)).toBe(false);
  rmSync(directory, { recursive: true });
});

test("refuses a host that has no address", async () => {
  await expect(stage.loop.listen({ host: "no-such-host.invalid" }, () => null)).rejects.toThrow();
});

test("rests for a moment when not even the spare descriptor can be had, and accepts again after it", () => {
  const libc = loadLibc();
  const pollset = new Pollset(libc);
  const timers = new TimerQueue();
  let free = false;
  let accepts = 0;
  const full = {
    ...libc,
    accept: () => {
      accepts++;
      return -1;
    },
    errno: () => (free ? EAGAIN : ENFILE),
    spare: () => (free ? libc.spare() : -1),
  };
  const host = { libc: full, pollset, timers, logger: { ...quietLogger, warn() {} } };
  const options = { host: "127.0.0.1" };
  const acceptor = openListener(host, [encodeInternet("127.0.0.1", 0)], options, { take() {}, close() {} });
  acceptor.onEvent();
  expect([accepts, timers.size]).toEqual([2, 1]);
  free = true;
  timers.expire(timers.next());
  acceptor.onEvent();
  expect([accepts, timers.size]).toEqual([3, 0]);
  acceptor.release();
  pollset.destroy();
});

// A client process of its own opens more connections than this one has descriptors for.
const outOfDescriptors = `
  import { spawn } from "node:child_process";
  import net from "node:net";
  const warned = [];
  const loop = createEpollLoop({ error: console.log, warn: (line) => warned.push(line), info() {}, debug() {} });
  let links = 0, closed = 0;
  const listener = await loop.listen({ host: "127.0.0.1" }, () => {
    links++;
    return { onBytes() {}, onEnd() {}, onWritable() {}, onClose() { closed++; } };
  });
  const crowd = \`
    const net = require("node:net");
    let turnedAway = 0;
    const sockets = Array.from({ length: 150 }, () => net.connect(\${listener.port}, "127.0.0.1"));
    for (const socket of sockets) socket.on("error", () => {}).on("close", () => turnedAway++).resume();
    setTimeout(() => {
      console.log(turnedAway > 0 && turnedAway < 150);
      for (const socket of sockets) socket.resetAndDestroy();
    }, 1000);
  \`;
  let turns = 0;
  const child = spawn("sh", ["-c", 'ulimit -n 1024; exec "$0" -e "$1"', process.execPath, crowd], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  child.stdout.on("data", (text) => { said += text; });
  let over = false;
  child.on("close", () => { over = true; loop.wake(); });
  while (!over) { await loop.service(1000); turns++; }
  while (closed < links) await loop.service(50);
  const soFar = links;
  const socket = net.connect(listener.port, "127.0.0.1");
  while (links === soFar) await loop.service(50);
  socket.destroy();
  await loop.close();
  console.log(JSON.stringify({ said: said.trim(), warned, turns }));
`;

test("turns connections away when the process has no descriptor left, without spinning, and recovers", async () => {
  const told = JSON.parse(await runChild(outOfDescriptors, "ulimit -n 80;"));
  expect(told.said).toBe("true");
  expect(told.warned.length).toBeGreaterThan(0);
  expect(told.warned[0]).toContain("EMFILE");
  expect(told.turns).toBeLessThan(1000);
});
