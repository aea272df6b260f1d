import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { MAX_RESERVE } from "../../lib/base/outlet.ts";
import type { Link, LinkHandler } from "../../lib/loop/loop.ts";
import { rounds } from "../support/raw.ts";
import type { OnStage } from "./contract.ts";
import { drive, pattern, put, sendAll, serviceSome, serviceUntil } from "./recorder.ts";

const MIB = 1 << 20;

/** Sends `bytes` in pieces of sizes that vary, half of them through the block. */
function writeInPieces(link: Link, bytes: Buffer, nextSize: () => number): void {
  let at = 0;
  while (at < bytes.length) {
    const size = Math.min(nextSize(), bytes.length - at);
    if (size <= MAX_RESERVE && size % 2 === 0) put(link, bytes.subarray(at, at + size));
    else link.send(bytes, at, at + size);
    at += size;
  }
}

/** Sizes from 1 to `most`, small ones as likely as large ones; the same row every time. */
function sizes(most: number, seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return 1 + (state % 2 ** (1 + ((state >>> 16) % Math.ceil(Math.log2(most)))));
  };
}

/** How bytes come in and go out. */
export function bytesContract(stage: OnStage): void {
  test("sends all that was written in one read event at once", async () => {
    const { client, peer, link } = await stage().pair();
    peer.thenBytes = () => {
      for (let i = 0; i < 100; i++) put(link, `<${i}>`);
      sendAll(link, "end");
    };
    await client.send("go");
    const reply = (await drive(stage().loop, client.until("end"))).toString();
    expect(reply).toBe(`${Array.from({ length: 100 }, (_, i) => `<${i}>`).join("")}end`);
    expect(client.chunks).toHaveLength(1);
    client.destroy();
  });

  test("sends what is written outside of a turn when the stack is done, unserviced", async () => {
    const { client, link } = await stage().pair();
    put(link, "one ");
    sendAll(link, "two ");
    put(link, "three");
    expect((await client.bytes(13)).toString()).toBe("one two three");
    expect(client.chunks).toHaveLength(1);
    expect(link.queued).toBe(0);
    client.destroy();
  });

  test("gives each turn a number of its own", async () => {
    const { client, peer } = await stage().pair();
    const turns: number[] = [];
    const task = { runSoon: () => void turns.push(stage().loop.turn) };
    peer.thenBytes = () => void turns.push(stage().loop.turn);
    for (let count = 1; count <= 3; count++) {
      await client.send("x");
      await serviceUntil(stage().loop, () => turns.length === 2 * count - 1);
      stage().loop.soon(task);
      await serviceUntil(stage().loop, () => turns.length === 2 * count);
    }
    expect(new Set(turns).size).toBe(6);
    client.destroy();
  });

  test("counts what stands in the block as queued", async () => {
    const { client, link } = await stage().pair();
    put(link, "12345");
    expect(link.queued).toBe(5);
    expect(link.choked).toBe(false);
    await client.bytes(5);
    expect(link.queued).toBe(0);
    client.destroy();
  });

  test("commits fewer bytes than it reserved, and none", async () => {
    const { client, link } = await stage().pair();
    link.reserve(1000);
    link.commit(0);
    const at = link.reserve(MAX_RESERVE);
    link.block[at] = 0x41;
    link.commit(1);
    put(link, "B");
    expect((await client.bytes(2)).toString()).toBe("AB");
    client.destroy();
  });

  test("keeps apart what is written to two links in turns", async () => {
    const one = await stage().pair();
    const two = await stage().pair();
    const expected = ["", ""];
    one.peer.thenBytes = () => {
      for (let i = 0; i < 500; i++) {
        put(one.link, `a${i};`);
        put(two.link, `b${i};`);
        if (i % 7 === 0) sendAll(two.link, "!");
        expected[0] += `a${i};`;
        expected[1] += `b${i};${i % 7 === 0 ? "!" : ""}`;
      }
    };
    await one.client.send("go");
    await serviceUntil(stage().loop, () => expected[0] !== "");
    expect((await one.client.bytes(expected[0].length)).toString()).toBe(expected[0]);
    expect((await two.client.bytes(expected[1].length)).toString()).toBe(expected[1]);
    one.client.destroy();
    two.client.destroy();
  });

  test("queues for a peer that does not read, and sends it all in order when it does", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    client.pause();
    const sent = pattern(24 * MIB);
    writeInPieces(link, sent, sizes(200_000, 7));
    await serviceSome(loop);
    expect(link.queued).toBeGreaterThan(MIB);
    expect(link.choked).toBe(true);
    link.requestWritable();
    await serviceSome(loop);
    expect(peer.events).toEqual([]);
    client.resume();
    const got = await drive(loop, client.bytes(sent.length));
    expect(got.equals(sent)).toBe(true);
    await serviceUntil(loop, () => peer.events.includes("writable"));
    expect(link.queued).toBe(0);
    expect(link.choked).toBe(false);
    client.destroy();
  });

  test("lets the caller reuse its buffer as soon as send returns", async () => {
    const { loop } = stage();
    const { client, link } = await stage().pair();
    client.pause();
    const scratch = Buffer.alloc(10_000);
    for (let i = 0; i < 1200; i++) {
      scratch.fill(i & 0xff);
      link.send(scratch, 0, scratch.length);
    }
    scratch.fill(0xee);
    client.resume();
    const got = await drive(loop, client.bytes(1200 * scratch.length));
    for (let i = 0; i < 1200; i++) {
      scratch.fill(i & 0xff);
      expect(scratch.compare(got, i * scratch.length, (i + 1) * scratch.length)).toBe(0);
    }
    client.destroy();
  });

  test("lets the handler write over the bytes that it was lent and has sent, with a full queue too", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    client.pause();
    const filling = pattern(8 * MIB);
    sendAll(link, filling);
    peer.thenBytes = (buffer, start, end) => {
      link.send(buffer, start, end);
      buffer.fill(0x2a, start, end);
    };
    await client.send("precious".repeat(1000));
    await serviceUntil(loop, () => peer.received.length === 8000);
    client.resume();
    expect((await drive(loop, client.bytes(filling.length))).equals(filling)).toBe(true);
    expect((await drive(loop, client.bytes(8000))).toString()).toBe("precious".repeat(1000));
    client.destroy();
  });

  test("sends a plain Uint8Array and a part of a buffer", async () => {
    const { client, link } = await stage().pair();
    link.send(new Uint8Array([0x30, 0x31, 0x32, 0x33]), 1, 3);
    link.send(new Uint8Array(300).fill(0x61), 100, 200);
    expect((await client.bytes(102)).toString()).toBe(`12${"a".repeat(100)}`);
    client.destroy();
  });

  test("asks for onWritable once, however often, and never from within the call", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    link.requestWritable();
    link.requestWritable();
    expect(peer.events).toEqual([]);
    await serviceUntil(loop, () => peer.events.length > 0);
    await serviceSome(loop);
    expect(peer.events).toEqual(["writable"]);
    client.destroy();
  });

  test("lets onWritable ask again, once in each turn", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    let written = 0;
    let inside = false;
    peer.thenWritable = () => {
      expect(inside).toBe(false);
      inside = true;
      sendAll(link, pattern(50_000, written++));
      if (written < 40) link.requestWritable();
      inside = false;
    };
    link.requestWritable();
    const got = await drive(loop, client.bytes(40 * 50_000));
    expect(written).toBe(40);
    for (let i = 0; i < 40; i++)
      expect(got.subarray(i * 50_000, (i + 1) * 50_000).equals(pattern(50_000, i))).toBe(true);
    client.destroy();
  });

  test("delivers nothing while it is paused, then all in order, never from within resume", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    peer.thenBytes = () => link.pause();
    await client.send("first ");
    await serviceUntil(loop, () => peer.text === "first ");
    peer.thenBytes = undefined;
    await client.send("second ");
    await client.send("third");
    client.end();
    await serviceSome(loop);
    expect(peer.text).toBe("first ");
    link.resume();
    expect(peer.text).toBe("first ");
    await serviceUntil(loop, () => peer.events.includes("end"));
    expect(peer.text).toBe("first second third");
    client.destroy();
  });

  test("holds back bytes that were there before the pause", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    await client.send("early");
    await rounds();
    link.pause();
    await serviceSome(loop);
    expect(peer.events).toEqual([]);
    link.resume();
    link.pause();
    await serviceSome(loop);
    expect(peer.events).toEqual([]);
    link.resume();
    await serviceUntil(loop, () => peer.text === "early");
    client.destroy();
  });

  test("stalls the peer of a paused link, and loses nothing", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    link.pause();
    const sent = pattern(16 * MIB);
    const hash = createHash("sha256");
    let count = 0;
    peer.link.handler = {
      onBytes: (buffer, start, end) => {
        hash.update(buffer.subarray(start, end));
        count += end - start;
      },
      onEnd: () => {},
      onWritable: () => {},
      onClose: () => {},
    };
    void client.send(sent);
    await serviceSome(loop);
    expect(count).toBe(0);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    link.resume();
    await serviceUntil(loop, () => count === sent.length);
    expect(hash.digest("hex")).toBe(createHash("sha256").update(sent).digest("hex"));
    client.destroy();
  });

  test("speaks to the new handler from the moment it is replaced", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    let later = "";
    const successor: LinkHandler = {
      onBytes: (buffer, start, end) => {
        later += buffer.toString("latin1", start, end);
      },
      onEnd: () => {
        later += "<end>";
        link.end();
      },
      onWritable: () => {},
      onClose: () => {
        later += "<close>";
      },
    };
    peer.thenBytes = () => {
      link.handler = successor;
    };
    await client.send("request");
    await serviceUntil(loop, () => peer.text === "request");
    await client.send("frames");
    client.end();
    await serviceUntil(loop, () => later.endsWith("<close>"));
    expect(later).toBe("frames<end><close>");
    expect(peer.events).toEqual(["bytes"]);
  });

  test("echoes 20 MiB in pieces of all sizes, every byte in its place", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    const nextSize = sizes(100_000, 3);
    link.handler = {
      onBytes: (buffer, start, end) => writeInPieces(link, buffer.subarray(start, end), nextSize),
      onEnd: () => link.end(),
      onWritable: () => {},
      onClose: () => peer.onClose(),
    };
    const sent = pattern(20 * MIB, 11);
    const clientSize = sizes(300_000, 5);
    for (let at = 0; at < sent.length; ) {
      const size = clientSize();
      void client.send(sent.subarray(at, at + size));
      at += size;
    }
    client.end();
    const got = await drive(loop, client.closed());
    expect(got.length).toBe(sent.length);
    const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
    expect(digest(got)).toBe(digest(sent));
    await serviceUntil(loop, () => peer.closed);
  });
}
