import { hash } from "node:crypto";
import { once } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, it } from "vitest";
import { CallbackReason, type Protocol } from "../../lib/index.ts";
import { echo as echoPlugin } from "../../protocols/index.ts";
import {
  binaryFrame,
  closeFrame,
  frame,
  moreFrame,
  OPCODE,
  pingFrame,
  textFrame,
} from "../support/frames.ts";
import type { Peer } from "../support/node-client.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops } from "../support/server.ts";
import { describeEcho, type Kind, linesOf, sendChopped, startEcho } from "./conversation.ts";
import { plainServer } from "./musts.ts";

// What is large or many, on a real server: the right bytes come back, in order, and memory does not grow with them.

const KiB = 1024;
const MiB = 1024 * KiB;

/** Bytes of the message that is received in constant memory; SLUICE_LONG=1 makes it more than 32 bits can count. */
const STREAMED = process.env["SLUICE_LONG"] ? 5120 * MiB : 1024 * MiB;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes in buffers that are still referred to. Those that one collection frees are counted out by the next one. */
function liveBuffers(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().arrayBuffers;
}

/** No two of its 64 KiB are the same, so that a piece that is lost, doubled or moved changes the hash. */
function binaryOf(length: number): Buffer {
  const words = new Uint32Array(length / 4);
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 2_654_435_761);
  return Buffer.from(words.buffer);
}

/** Characters of one to four bytes, so that chops and fragments cut them everywhere. */
function textOf(length: number): Buffer {
  const unit = Buffer.from("aé€😀-0123456");
  const all = Buffer.alloc(length, " ");
  for (let at = 0; at + unit.length <= length; at += unit.length) unit.copy(all, at);
  return all;
}

const payloads = { text: textOf, binary: binaryOf };
const frames = { text: textFrame, binary: binaryFrame };
type Type = keyof typeof payloads;

function fragmentsOf(payload: Buffer, type: Type, size: number): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < payload.length; at += size) {
    const make = at === 0 ? frames[type] : moreFrame;
    parts.push(make(payload.subarray(at, at + size), { fin: at + size >= payload.length }));
  }
  return Buffer.concat(parts);
}

/** Sends the bytes, in chops where a size is given, and compares the message that comes back by its hash. */
async function comesBack(
  kind: Kind,
  type: Type,
  payload: Buffer,
  wire: Buffer,
  chop?: number,
): Promise<void> {
  const peer = await (await startEcho(kind)).open();
  void (chop === undefined ? peer.send(wire) : sendChopped(peer, wire, chop));
  const parts: Buffer[] = [];
  let next = await peer.frame();
  expect(next.opcode).toBe(OPCODE[type]);
  for (; ; next = await peer.frame()) {
    parts.push(next.payload);
    if (next.fin) break;
  }
  const whole = Buffer.concat(parts);
  expect(whole.length).toBe(payload.length);
  expect(hash("sha1", whole)).toBe(hash("sha1", payload));
  await peer.drop();
}

const TYPES: Type[] = ["text", "binary"];

describeEcho("large messages", (kind) => {
  it.each(TYPES)("of 16 MiB of %s come back, in one frame", async (type) => {
    const payload = payloads[type](16 * MiB);
    await comesBack(kind, type, payload, frames[type](payload));
  });

  it.each([
    ["text", 64],
    ["binary", 256],
    ...TYPES.flatMap((type) => [4 * KiB, 64 * KiB, MiB].map((size): [Type, number] => [type, size])),
  ] as [Type, number][])("of 4 MiB of %s come back, in fragments of %i bytes", async (type, size) => {
    const payload = payloads[type](4 * MiB);
    await comesBack(kind, type, payload, fragmentsOf(payload, type, size));
  });

  it.each(TYPES)("of 16 MiB of %s come back, in fragments of 4 MiB", async (type) => {
    const payload = payloads[type](16 * MiB);
    await comesBack(kind, type, payload, fragmentsOf(payload, type, 4 * MiB));
  });

  it.each([
    [64, 64 * KiB],
    [997, 64 * KiB],
    [997, MiB],
    [4096, 2 * MiB],
    [65_536, 4 * MiB],
  ])("in chops of %i bytes come back, text of %i bytes", async (chop, length) => {
    const payload = textOf(length);
    await comesBack(kind, "text", payload, textFrame(payload), chop);
    await comesBack(kind, "text", payload, fragmentsOf(payload, "text", 1000), Math.max(chop, length / 256));
  });

  it("of 65 536 bytes come back in chops of 997, both forms", async () => {
    for (const type of TYPES) {
      const payload = payloads[type](65_536);
      await comesBack(kind, type, payload, frames[type](payload), 997);
    }
  });
});

describeEcho("many", (kind) => {
  it("small messages, 20 000 of them in one write, come back in order", async () => {
    const peer = await (await startEcho(kind)).open();
    const count = 20_000;
    const texts = Array.from({ length: count }, (_, i) => `message ${i}`);
    void peer.send(...texts.map((each) => textFrame(each)), closeFrame(1000));
    expect(linesOf(await peer.closed())).toEqual([...texts.map((each) => `text ${each}`), "close 1000"]);
  });

  it("pings, 100 000 of them from a peer that reads, are each answered in order", async () => {
    const peer = await (await startEcho(kind)).open();
    const count = 100_000;
    const pings = Buffer.alloc(count * 10);
    const answers = Buffer.alloc(count * 6);
    for (let i = 0; i < count; i++) {
      // The key stays 00 00 00 00.
      pings.writeUInt16BE(0x8984, i * 10);
      pings.writeUInt32BE(i, i * 10 + 6);
      answers.writeUInt16BE(0x8a04, i * 6);
      answers.writeUInt32BE(i, i * 6 + 2);
    }
    void peer.send(pings);
    expect((await peer.bytes(answers.length)).equals(answers)).toBe(true);
  });
});

describeLoops("memory", (loop) => {
  const kind = { loop, wholeMessages: false };

  it("stays bounded under 100 000 pings of a peer that never reads", async () => {
    const server = await plainServer(kind, { timeouts: { ping: 600_000, close: 100 } });
    const { peer, wsi } = await server.pair();
    peer.pause();
    const batch = Buffer.concat(Array.from({ length: 1000 }, () => pingFrame(Buffer.alloc(125, "p"))));
    let most = 0;
    for (let i = 0; i < 100 && wsi.state === "ESTABLISHED"; i++) {
      await Promise.race([peer.send(batch), rounds(200)]);
      most = Math.max(most, wsi.bufferedAmount);
    }
    // 64 KiB of unread pongs fail the session; what one read brought behind that is not answered.
    expect(most).toBeLessThanOrEqual(4 * 64 * KiB);
    if (wsi.state !== "ESTABLISHED") {
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1008, wasClean: false });
    }
  });

  /** Sends one frame of `total` bytes, the same megabyte again and again, never more than the kernel takes. */
  async function stream(peer: Peer, total: number): Promise<void> {
    const megabyte = Buffer.alloc(MiB, "sluice: ");
    // The key 00 00 00 00 leaves the payload as it is.
    await peer.send(frame("", { opcode: OPCODE.text, claim: total, mask: Buffer.alloc(4) }));
    for (let sent = 0; sent < total; sent += MiB) {
      if (!peer.socket.write(megabyte)) await once(peer.socket, "drain");
    }
  }

  it(`is constant while one frame of ${STREAMED / MiB} MiB is received in pieces`, {
    timeout: 60_000,
  }, async () => {
    const rxBufferSize = 65_536;
    const counted = { bytes: 0, pieces: 0, largest: 0, grown: 0 };
    const before = liveBuffers();
    const counter: Protocol = {
      name: "counter",
      rxBufferSize,
      maxMessageSize: STREAMED,
      callback(_wsi, reason, _user, _input, length) {
        if (reason !== CallbackReason.RECEIVE) return;
        counted.bytes += length;
        counted.largest = Math.max(counted.largest, length);
        if (counted.pieces++ % 2048 === 0) counted.grown = Math.max(counted.grown, liveBuffers() - before);
      },
    };
    const server = await plainServer(kind, { protocols: [counter] });
    const peer = await server.open();
    await stream(peer, STREAMED);
    peer.send(pingFrame("over"));
    expect((await peer.frame()).payload.toString()).toBe("over");
    expect(counted.bytes).toBe(STREAMED);
    expect(counted.largest).toBeLessThanOrEqual(rxBufferSize);
    expect(counted.grown).toBeLessThan(32 * MiB);
  });

  it("is constant while one frame is echoed in pieces to a peer that reads", {
    timeout: 60_000,
  }, async () => {
    const total = 64 * MiB;
    let grown = 0;
    let pieces = 0;
    const before = liveBuffers();
    const echoing: Protocol = {
      name: "echoing",
      maxMessageSize: total,
      callback(wsi, reason, user, input, length) {
        if (reason === CallbackReason.RECEIVE && pieces++ % 256 === 0)
          grown = Math.max(grown, liveBuffers() - before);
        return (echoPlugin.callback as CallableFunction)(wsi, reason, user, input, length);
      },
    };
    const server = await plainServer(kind, { protocols: [echoing] });
    const peer = await server.open();
    void stream(peer, total);
    let received = 0;
    for (let fin = false; !fin; ) {
      const next = await peer.frame();
      received += next.payload.length;
      fin = next.fin;
      peer.chunks.length = 0;
    }
    expect(received).toBe(total);
    expect(grown).toBeLessThan(32 * MiB);
  });
});
