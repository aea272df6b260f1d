import { closeSync, openSync, readdirSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import type { Link } from "../../../lib/loop/loop.ts";
import { RawClient, rounds } from "../../support/raw.ts";
import { drive, pattern, put, Stage, sendAll, serviceSome, serviceUntil } from "../recorder.ts";

let stage: Stage;
beforeEach(() => {
  stage = new Stage(createEpollLoop());
});
afterEach(() => stage.loop.close());

const descriptors = () => readdirSync("/proc/self/fd").length;

/** How many turns with something in them a busy loop makes in a moment, where a quiet one makes none. */
async function servedInAWhile(): Promise<number> {
  let served = 0;
  for (let i = 0; i < 20; i++) served += await stage.loop.service(1);
  return served;
}

test("does not spin for a paused link whose peer has ended, and tells all on resume", async () => {
  const { client, peer, link } = await stage.pair();
  link.pause();
  await client.send("last words");
  client.end();
  link.end();
  await drive(stage.loop, client.closed());
  await serviceSome(stage.loop);
  expect(await servedInAWhile()).toBe(0);
  expect(peer.events).toEqual([]);
  link.resume();
  await serviceUntil(stage.loop, () => peer.closed);
  expect(peer.text).toBe("last words");
  expect(peer.events).toEqual(["bytes", "end", "close"]);
  expect(peer.error).toBe(undefined);
});

test("closes a paused link that is reset, and does not spin", async () => {
  const { client, peer, link } = await stage.pair();
  link.pause();
  await serviceSome(stage.loop);
  client.abort();
  await serviceUntil(stage.loop, () => peer.closed);
  expect(peer.error).toMatchObject({ code: "ECONNRESET" });
  expect(await servedInAWhile()).toBe(0);
});

test("does not spin between the peer's end and ours", async () => {
  const { client, peer, link } = await stage.pair();
  client.end();
  await serviceUntil(stage.loop, () => peer.events.includes("end"));
  expect(await servedInAWhile()).toBe(0);
  sendAll(link, "answer");
  link.end();
  expect((await drive(stage.loop, client.closed())).toString()).toBe("answer");
  await serviceUntil(stage.loop, () => peer.closed);
  expect(peer.error).toBe(undefined);
});

test("tells of a reset that comes between the peer's end and ours", async () => {
  const { client, peer } = await stage.pair();
  client.end();
  await serviceUntil(stage.loop, () => peer.events.includes("end"));
  client.abort();
  await serviceUntil(stage.loop, () => peer.closed);
  expect(peer.error).toMatchObject({ code: "ECONNRESET" });
});

test("does not spin when the peer of a Unix socket is gone and the handler has not ended", async () => {
  const path = join(tmpdir(), `sluice-link-test-${process.pid}.sock`);
  await stage.listen({ path });
  const client = await RawClient.connect({ path });
  await serviceUntil(stage.loop, () => stage.arrived.length === 1);
  const [peer] = stage.arrived;
  client.destroy();
  await serviceUntil(stage.loop, () => peer.events.includes("end"));
  await serviceSome(stage.loop);
  expect(await servedInAWhile()).toBe(0);
  sendAll(peer.link, "nobody hears");
  await serviceUntil(stage.loop, () => peer.closed);
  expect(peer.error).toMatchObject({ code: "ECONNRESET" });
});

test("reads what the peer had sent before it went away, though sending fails already", async () => {
  const { client, peer, link } = await stage.pair();
  await client.send("farewell");
  client.destroy();
  await rounds();
  // The first send is answered with a reset, the second one fails.
  sendAll(link, "a");
  await rounds();
  sendAll(link, "b");
  await rounds();
  await serviceUntil(stage.loop, () => peer.closed);
  expect(link.writable).toBe(false);
  expect(peer.events.at(-1)).toBe("close");
});

test("asks for EPOLLOUT only while something is queued", async () => {
  const { client, link } = await stage.pair();
  client.pause();
  sendAll(link, pattern(8 << 20));
  expect(link.choked).toBe(true);
  expect(await servedInAWhile()).toBeLessThanOrEqual(20);
  client.resume();
  await drive(stage.loop, client.bytes(8 << 20));
  await serviceUntil(stage.loop, () => !link.choked);
  await serviceSome(stage.loop);
  expect(link.queued).toBe(0);
  expect(await servedInAWhile()).toBe(0);
});

test("refuses to send more than the buffer has, whatever way it would go", async () => {
  const { link } = await stage.pair();
  for (const size of [8, 1000, 100_000]) {
    const refusal = expect.objectContaining({ code: "ERR_OUT_OF_RANGE" });
    expect(() => link.send(Buffer.alloc(size), 0, size + 1)).toThrowError(refusal);
    expect(() => link.send(Buffer.alloc(size), -1, size)).toThrowError(refusal);
  }
  expect(link.queued).toBe(0);
});

test("drops what was reserved when the link is destroyed before the commit", async () => {
  const { client, link } = await stage.pair();
  const other = await stage.pair();
  link.reserve(10);
  link.destroy();
  link.commit(10);
  put(other.link, "fine");
  expect((await drive(stage.loop, other.client.bytes(4))).toString()).toBe("fine");
  expect((await drive(stage.loop, client.closed())).length).toBe(0);
});

test("goes on when a handler gives the lent buffer away for good", async () => {
  const { client, peer } = await stage.pair();
  peer.thenBytes = (buffer) =>
    void structuredClone(buffer.buffer, { transfer: [buffer.buffer as ArrayBuffer] });
  await client.send("one");
  await serviceUntil(stage.loop, () => peer.text === "one");
  peer.thenBytes = undefined;
  await client.send("two");
  await serviceUntil(stage.loop, () => peer.text === "onetwo");
});

test("destroys the link of a handler that throws, tells the log, and serves the others", async () => {
  await stage.loop.close();
  const errors: string[] = [];
  const log = { error: (line: string) => errors.push(line), warn() {}, info() {}, debug() {} };
  stage = new Stage(createEpollLoop(log));
  const bad = await stage.pair();
  const good = await stage.pair();
  bad.peer.thenBytes = () => {
    throw new Error("a defect");
  };
  await Promise.all([bad.client.send("x"), good.client.send("y")]);
  await serviceUntil(stage.loop, () => bad.peer.closed && good.peer.text === "y");
  expect(bad.peer.error?.message).toBe("a defect");
  expect(errors.join()).toContain("a defect");
});

test("keeps no descriptor over thousands of connects and aborts", async () => {
  await stage.listen();
  const before = descriptors();
  const { port } = stage.listener;
  const running = stage.loop.run();
  for (let round = 0; round < 40; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(port)));
    clients.forEach((client, i) => {
      void client.send("x".repeat(i));
      if (i % 3 === 0) client.abort();
      else if (i % 3 === 1) client.destroy();
      else client.end();
    });
    await Promise.all(clients.filter((_, i) => i % 3 !== 2).map((client) => client.closed()));
  }
  for (const peer of stage.arrived) peer.link.end();
  while (stage.arrived.some((peer) => !peer.closed)) await rounds(1);
  expect(stage.arrived.length).toBeGreaterThan(1300);
  expect(descriptors()).toBeLessThanOrEqual(before + 20);
  await stage.loop.close();
  await running;
});

describe("a file that is sent without being read", () => {
  const MIB = 1 << 20;
  const sendFile = (link: Link, from: number, offset: number, length: number) =>
    link.sendFile!(from, offset, length);
  const path = join(tmpdir(), `sluice-link-file-${process.pid}`);
  let file = -1;
  const open = (bytes: Uint8Array) => {
    writeFileSync(path, bytes);
    file = openSync(path, "r+");
    return file;
  };
  afterEach(() => {
    if (file !== -1) closeSync(file);
    file = -1;
    rmSync(path, { force: true });
  });

  test("stands between what is written before and after it", async () => {
    const { client, link } = await stage.pair();
    open(Buffer.from("0123456789"));
    put(link, "head ");
    expect(sendFile(link, file, 2, 5)).toBe(5);
    put(link, " tail");
    expect((await drive(stage.loop, client.bytes(15))).toString()).toBe("head 23456 tail");
    expect(link.queued).toBe(0);
  });

  test("goes as far as it reaches, and no further", async () => {
    const { client, link } = await stage.pair();
    open(Buffer.from("0123456789"));
    expect(sendFile(link, file, 8, 5)).toBe(2);
    expect(sendFile(link, file, 10, 5)).toBe(-1);
    expect(sendFile(link, file, 100, 5)).toBe(-1);
    expect((await drive(stage.loop, client.bytes(2))).toString()).toBe("89");
  });

  test("is found beyond 4 GiB", async () => {
    const { client, link } = await stage.pair();
    open(Buffer.alloc(0));
    const place = 5 * 2 ** 30 + 123;
    truncateSync(path, place + 10);
    writeSync(file, "far out", place);
    expect(sendFile(link, file, place, 7)).toBe(7);
    expect((await drive(stage.loop, client.bytes(7))).toString()).toBe("far out");
  });

  test("waits for a peer that does not read, in no memory, and goes on when it does", async () => {
    const { client, peer, link } = await stage.pair();
    const bytes = pattern(24 * MIB);
    open(bytes);
    client.pause();
    let at = 0;
    const go = () => {
      for (let taken = 1; taken > 0 && at < bytes.length; at += Math.max(0, taken)) {
        taken = sendFile(link, file, at, bytes.length - at);
        expect(taken).toBeGreaterThanOrEqual(0);
        expect(taken).toBeLessThanOrEqual(MIB);
      }
      if (at < bytes.length) link.requestWritable();
    };
    peer.thenWritable = go;
    go();
    await serviceSome(stage.loop);
    expect(at).toBeLessThan(bytes.length);
    expect(link.choked).toBe(true);
    expect(link.queued).toBe(0);
    const before = peer.events.length;
    expect(await servedInAWhile()).toBe(0);
    expect(peer.events).toHaveLength(before);
    expect(sendFile(link, file, at, 1)).toBe(0);
    client.resume();
    expect((await drive(stage.loop, client.bytes(bytes.length))).equals(bytes)).toBe(true);
    expect(link.choked).toBe(false);
    await serviceSome(stage.loop);
    expect(await servedInAWhile()).toBe(0);
  });

  test("is not sent before bytes that are queued", async () => {
    const { client, peer, link } = await stage.pair();
    const queued = pattern(8 * MIB);
    open(Buffer.from("file"));
    client.pause();
    sendAll(link, queued);
    expect(sendFile(link, file, 0, 4)).toBe(0);
    peer.thenWritable = () => void expect(sendFile(link, file, 0, 4)).toBe(4);
    link.requestWritable();
    client.resume();
    const got = await drive(stage.loop, client.bytes(queued.length + 4));
    expect(got.subarray(0, queued.length).equals(queued)).toBe(true);
    expect(got.subarray(queued.length).toString()).toBe("file");
  });

  test("that went in part is followed by the end, when that is asked for", async () => {
    const { client, link } = await stage.pair();
    open(pattern(24 * MIB));
    client.pause();
    let sent = 0;
    for (let taken = 1; taken > 0; sent += taken) taken = sendFile(link, file, sent, MIB);
    link.end();
    client.resume();
    expect(await drive(stage.loop, client.closed())).toHaveLength(sent);
  });

  test("cannot be sent to nobody, nor when it is closed", async () => {
    const { client, peer, link } = await stage.pair();
    open(Buffer.from("file"));
    expect(sendFile(link, -1, 0, 4)).toBe(-1);
    expect(link.writable).toBe(true);
    client.abort();
    await serviceUntil(stage.loop, () => peer.closed);
    expect(sendFile(link, file, 0, 4)).toBe(-1);
    const other = await stage.pair();
    other.link.end();
    expect(sendFile(other.link, file, 0, 4)).toBe(-1);
  });
});
