import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import type { Link, ServerTls } from "../../../lib/loop/loop.ts";
import { temporaryFolder } from "../../support/server.ts";
import { pattern, type Recorder, Stage, sendAll, serviceSome, serviceUntil } from "../recorder.ts";
import { TlsPeer } from "./tls-peer.ts";

const read = (name: string) => readFileSync(new URL(`../../support/${name}`, import.meta.url), "utf8");
const tls: ServerTls = { cert: read("cert.pem"), key: read("key.pem") };

let stage: Stage;
let client: TlsPeer;
let peer: Recorder;
let link: Link;
beforeEach(async () => {
  stage = new Stage(createEpollLoop());
  await stage.listen({ host: "127.0.0.1", tls });
  client = await TlsPeer.open(stage.loop, stage.listener.port);
  await serviceUntil(stage.loop, () => stage.arrived.length === 1);
  [peer] = stage.arrived;
  link = peer.link;
});
afterEach(async () => {
  client.close();
  await stage.loop.close();
});

/** All that the client gets, until there are `count` bytes. */
async function collect(count: number): Promise<Buffer> {
  const all: Buffer[] = [];
  for (let length = 0; length < count; ) {
    const some = client.read();
    all.push(some);
    length += some.length;
    if (some.length === 0) await stage.loop.service(2);
  }
  return Buffer.concat(all);
}

/** Sends until the kernel is full; gives what was sent. */
function fill(): Buffer {
  const sent = pattern(16 << 20);
  sendAll(link, sent);
  expect(link.choked).toBe(true);
  return sent;
}

test("hands over many small records as one, and in order", async () => {
  let sent = "";
  for (let i = 0; i < 100; i++) {
    expect(client.write(Buffer.from(`${i},`))).toBe(true);
    sent += `${i},`;
  }
  await serviceUntil(stage.loop, () => peer.text.length === sent.length);
  expect(peer.text).toBe(sent);
  expect(peer.events.length).toBeLessThan(10);
});

test("reads a bounded number of records in a turn, and the rest without an event", async () => {
  const turns: number[] = [];
  peer.thenBytes = () => turns.push(stage.loop.turn);
  for (let i = 0; i < 700; i++) client.write(Buffer.from([i & 0xff]));
  await serviceUntil(stage.loop, () => peer.received.length === 700);
  expect(peer.received.every((byte, i) => byte === (i & 0xff))).toBe(true);
  expect(new Set(turns).size).toBeGreaterThan(1);
});

test("keeps what OpenSSL holds while it is paused, and delivers it on resume", async () => {
  peer.thenBytes = () => link.pause();
  for (let i = 0; i < 600; i++) client.write(Buffer.from([i & 0xff]));
  await serviceUntil(stage.loop, () => peer.received.length > 0);
  await serviceSome(stage.loop);
  const first = peer.received.length;
  expect(first).toBeLessThan(600);
  expect(await stage.loop.service(2), "a paused link spins").toBe(0);
  while (peer.received.length < 600) {
    link.resume();
    await stage.loop.service(2);
  }
  expect(peer.received.every((byte, i) => byte === (i & 0xff))).toBe(true);
});

test("has one share of a turn, however often it is paused and resumed in it", async () => {
  const turns: number[] = [];
  peer.thenBytes = () => {
    turns.push(stage.loop.turn);
    for (let i = 0; i < 3; i++) {
      link.pause();
      link.resume();
    }
  };
  for (let i = 0; i < 2000; i++) client.write(Buffer.from([i & 0xff]));
  await serviceUntil(stage.loop, () => peer.received.length === 2000);
  // Once for the event, once for what OpenSSL held.
  for (const turn of turns) expect(turns.filter((each) => each === turn).length).toBeLessThanOrEqual(2);
});

test("tells of an end that came together with bytes, and was not read while it was paused", async () => {
  peer.thenBytes = () => link.pause();
  client.write(Buffer.from("last"));
  client.write(Buffer.from(" words"));
  client.closeNotify();
  await serviceUntil(stage.loop, () => peer.text === "last words");
  await serviceSome(stage.loop);
  expect(peer.events).toEqual(["bytes"]);
  link.resume();
  await serviceUntil(stage.loop, () => peer.events.includes("end"));
  sendAll(link, "and mine");
  link.end();
  expect((await collect(8)).toString()).toBe("and mine");
  await serviceUntil(stage.loop, () => peer.closed);
  expect(peer.error).toBeUndefined();
});

test("answers a key update, and goes on", async () => {
  client.updateKeys();
  client.write(Buffer.from("new keys"));
  await serviceUntil(stage.loop, () => peer.text === "new keys");
  sendAll(link, "here too");
  expect((await collect(8)).toString()).toBe("here too");
});

// OpenSSL 3.0 gives up when it has to answer a key update while a record of ours waits for the kernel.
test("goes on after key updates while the kernel takes no more, or ends with an error, and never spins", async () => {
  const sent = fill();
  for (const text of ["one ", "two ", "three"]) {
    client.updateKeys();
    client.write(Buffer.from(text));
  }
  await serviceSome(stage.loop);
  expect(await stage.loop.service(2)).toBe(0);
  if (peer.closed) {
    expect(peer.error).toBeInstanceOf(Error);
  } else {
    expect((await collect(sent.length)).equals(sent)).toBe(true);
    await serviceUntil(stage.loop, () => peer.text === "one two three");
  }
});

test("gives others their turn while one peer changes its keys without end", async () => {
  const turns: number[] = [];
  for (let i = 0; i < 2000; i++) client.renewKeys();
  client.write(Buffer.from("at last"));
  const before = stage.loop.turn;
  peer.thenBytes = () => turns.push(stage.loop.turn - before);
  await serviceUntil(stage.loop, () => peer.text === "at last");
  expect(turns[0]).toBeGreaterThan(2);
});

/** A record that no key opens. */
const FORGED = Buffer.from([23, 3, 3, 0, 40, ...Buffer.alloc(40)]);

test("ends, and does not spin, when it is paused and writes behind a forged record", async () => {
  peer.thenBytes = () => link.pause();
  client.write(Buffer.from("good"));
  client.writeRaw(FORGED);
  await serviceUntil(stage.loop, () => peer.text === "good");
  await serviceSome(stage.loop);
  sendAll(link, "answer");
  await serviceUntil(stage.loop, () => peer.closed);
  expect(peer.error).toBeInstanceOf(Error);
});

test("ends when the kernel has no room for the alert about a forged record", async () => {
  const path = join(temporaryFolder(), "full");
  const local = new Stage(stage.loop);
  await local.listen({ path, tls });
  // A socket of this family takes a record as a whole or not at all. So this many fill it, and none waits.
  const { count, other: full } = await fillWithRecords(local, path, Number.POSITIVE_INFINITY);
  const { other, there } = await fillWithRecords(local, path, count - 1);
  expect(there.link.choked).toBe(false);
  other.writeRaw(FORGED);
  await serviceUntil(stage.loop, () => there.closed);
  expect(there.error).toMatchObject({ code: expect.stringMatching(/^ERR_SSL_/) });
  for (const each of [full, other]) each.close();
});

/** Sends short records to a new peer that reads none, at most `limit`: until one of them waits. */
async function fillWithRecords(local: Stage, path: string, limit: number) {
  const other = await TlsPeer.open(local.loop, path);
  await serviceUntil(local.loop, () => local.arrived.length > 0);
  const there = local.arrived.shift()!;
  let count = 0;
  for (; count < limit && !there.link.choked; count++) {
    sendAll(there.link, pattern(1000));
    await new Promise((resolve) => process.nextTick(resolve));
  }
  return { count, other, there };
}

test("says its last word when the kernel has room for it again", async () => {
  const sent = fill();
  link.end();
  expect(link.writable).toBe(false);
  expect((await collect(sent.length)).equals(sent)).toBe(true);
  await serviceSome(stage.loop);
  expect(() => client.read(), "close_notify is SSL_ERROR_ZERO_RETURN").toThrow("says 6");
});

test("leaves files to be read and sent", () => {
  expect(link.sendFile?.(0, 0, 100)).toBe(-1);
});

test("sends what is longer than a record behind what is short, in order", async () => {
  sendAll(link, "head");
  const body = pattern(100_000);
  sendAll(link, body);
  sendAll(link, "tail");
  const all = await collect(100_008);
  expect(all.equals(Buffer.concat([Buffer.from("head"), body, Buffer.from("tail")]))).toBe(true);
});
