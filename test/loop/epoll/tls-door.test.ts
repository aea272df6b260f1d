import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { quietLogger } from "../../../lib/base/log.ts";
import { TimerQueue } from "../../../lib/base/timers.ts";
import { loadLibc } from "../../../lib/loop/epoll/libc.ts";
import type { Door } from "../../../lib/loop/epoll/listen.ts";
import { loadOpenssl } from "../../../lib/loop/epoll/openssl.ts";
import { Pollset } from "../../../lib/loop/epoll/pollset.ts";
import { type DoorHost, findOpenssl, openDoor } from "../../../lib/loop/epoll/tls-door.ts";
import type { ServerTls } from "../../../lib/loop/loop.ts";
import { MAX_HANDSHAKES } from "../../../lib/loop/tls-door.ts";

const clock = vi.hoisted(() => ({ now: 1000 }));
vi.mock("../../../lib/base/clock.ts", () => ({ monotonicMs: () => clock.now }));

const read = (name: string) => readFileSync(new URL(`../../support/${name}`, import.meta.url), "utf8");
const tls: ServerTls = { cert: read("cert.pem"), key: read("key.pem") };
const libc = loadLibc();
const openssl = loadOpenssl();

let host: DoorHost & { turn: number };
let proceeded: number;
let opened: number[];
beforeEach(() => {
  proceeded = 0;
  opened = [];
  host = {
    libc,
    pollset: new Pollset(libc),
    timers: new TimerQueue(),
    landing: Buffer.alloc(0),
    turn: 1,
    logger: quietLogger,
    openLink: (fd) => void opened.push(fd),
    openSecureLink() {},
  };
});
afterEach(() => {
  for (const source of host.pollset.all()) host.pollset.close(source);
  host.pollset.destroy();
});

/** A door whose handshakes are counted, and go nowhere. */
function door(options: Partial<ServerTls> = {}): Door {
  const counting = {
    ...openssl,
    proceed: () => {
      proceeded++;
      return -1;
    },
    getError: () => 2,
  };
  return openDoor(host, counting, { tls: { ...tls, ...options } }, () => null);
}

/** Handshakes under way. An eventfd stands for a socket whose peer says nothing. */
const waiting = () => host.pollset.size;
const knock = (at: Door) => at.take(libc.spare(), "", 0);
const serveAll = () => {
  for (const source of host.pollset.all()) source.onEvent(1);
};

test("makes room for another by dropping the oldest handshake, once that has had its time", () => {
  const secured = door();
  for (let i = 0; i < MAX_HANDSHAKES; i++) knock(secured);
  const [oldest] = host.pollset.all();
  expect(waiting()).toBe(MAX_HANDSHAKES);
  knock(secured);
  expect([waiting(), oldest.fd >= 0]).toEqual([MAX_HANDSHAKES, true]);
  clock.now += 2000;
  knock(secured);
  expect([waiting(), oldest.fd]).toEqual([MAX_HANDSHAKES, -1]);
  secured.close();
  expect([waiting(), host.timers.size]).toEqual([0, 0]);
});

test("goes on with a bounded number of handshakes in a turn, and with the others in the next one", () => {
  const secured = door();
  for (let i = 0; i < 100; i++) knock(secured);
  serveAll();
  const first = proceeded;
  expect(first).toBeLessThan(100);
  serveAll();
  expect(proceeded).toBe(first);
  host.turn++;
  serveAll();
  expect(proceeded).toBe(2 * first);
  secured.close();
});

test("drops a handshake that takes too long", () => {
  const secured = door();
  knock(secured);
  expect(host.timers.next()).toBe(clock.now + 10_000);
  host.timers.expire(clock.now + 10_000);
  expect(waiting()).toBe(0);
  secured.close();
});

test("lets nobody in once it is closed, also with other certificates", () => {
  const secured = door();
  secured.close();
  secured.close();
  secured.set?.(tls);
  knock(secured);
  expect(waiting()).toBe(0);
});

test("throws for certificates that do not load, and keeps those it has", () => {
  expect(() => door({ key: "none" })).toThrow();
  const secured = door();
  expect(() => secured.set?.({ ...tls, cert: "none" })).toThrow("no start line");
  knock(secured);
  serveAll();
  expect(proceeded).toBe(1);
  secured.close();
});

test("is open to everybody where there is no TLS", () => {
  const plain = openDoor(host, undefined, {}, () => null);
  plain.take(7, "", 0);
  expect([opened, plain.set]).toEqual([[7], undefined]);
  plain.close();
});

test("says in the log where TLS is not to be had", () => {
  expect(findOpenssl(quietLogger)).toBe(openssl);
});
