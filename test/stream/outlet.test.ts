import { Duplex, PassThrough } from "node:stream";
import { describe, expect, it } from "vitest";
import { MAX_RESERVE } from "../../lib/base/outlet.ts";
import { StreamOutlet } from "../../lib/stream/outlet.ts";
import { sendFrame } from "../../lib/ws/frame.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { RawClient } from "../support/raw.ts";
import { tcpPair } from "./support.ts";

/** A stream that takes all at once, and what it has taken, by reference. */
function taker(): { stream: Duplex; written: Buffer[] } {
  const written: Buffer[] = [];
  const write = (chunk: Buffer, _encoding: string, taken: () => void) => {
    written.push(chunk);
    taken();
  };
  return { stream: new Duplex({ read() {}, write }), written };
}

describe("an outlet to a stream", () => {
  it("writes each commit as one chunk", () => {
    const { stream, written } = taker();
    const outlet = new StreamOutlet(stream);
    sendFrame(outlet, 0x81, "Hello");
    sendFrame(outlet, 0x82, Buffer.of(1));
    expect(written.map((chunk) => chunk.toString("hex"))).toEqual(["810548656c6c6f", "820101"]);
  });

  it("keeps what others hold by reference", () => {
    const { stream, written } = taker();
    const outlet = new StreamOutlet(stream);
    for (let i = 0; i < 20_000; i++) sendFrame(outlet, 0x82, Buffer.alloc(20, i));
    expect(written).toHaveLength(20_000);
    written.forEach((chunk, i) => {
      expect(chunk.subarray(2).equals(Buffer.alloc(20, i))).toBe(true);
    });
  });

  it("has room for the largest reserve, always", () => {
    const outlet = new StreamOutlet(new PassThrough());
    for (let i = 0; i < 10; i++) {
      const at = outlet.reserve(MAX_RESERVE);
      expect(outlet.block.length - at).toBeGreaterThanOrEqual(MAX_RESERVE);
      outlet.commit(i * 1000);
    }
  });

  it("copies what it is sent", () => {
    const { stream, written } = taker();
    const data = Buffer.from("abcdef");
    new StreamOutlet(stream).send(data, 1, 4);
    data.fill(0);
    expect(written.join()).toBe("bcd");
  });

  it("tells how much waits, and whether there is room", () => {
    const [stream, peer] = duplexPair({ highWaterMark: 10 });
    const outlet = new StreamOutlet(stream);
    expect([outlet.queued, outlet.choked]).toEqual([0, false]);
    for (let i = 0; i < 3; i++) outlet.send(Buffer.alloc(10), 0, 10);
    expect([outlet.queued, outlet.choked]).toEqual([30, true]);
    peer.destroy();
  });
});

it("uses its block again when the kernel has taken what was in it, and nothing is garbled", async () => {
  const [client, server] = await tcpPair();
  const raw = new RawClient(client);
  const outlet = new StreamOutlet(server);
  const places = new Set<number>();
  const expected: Buffer[] = [];
  for (let i = 0; i < 5000; i++) {
    const at = outlet.reserve(1000);
    places.add(at);
    outlet.block.fill(i, at, at + 1000);
    expected.push(Buffer.alloc(1000, i));
    outlet.commit(1000);
  }
  expect(places.size).toBeLessThan(5000);
  expect((await raw.bytes(5_000_000)).equals(Buffer.concat(expected))).toBe(true);
  client.destroy();
  server.destroy();
});
