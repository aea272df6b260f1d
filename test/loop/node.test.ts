import { Duplex } from "node:stream";
import { describe, expect, test } from "vitest";
import { createNodeLoop } from "../../lib/loop/node.ts";
import { loopContract } from "./contract.ts";
import { pattern, put, Recorder, serviceSome, serviceUntil } from "./recorder.ts";

loopContract("node", () => createNodeLoop());

/** A stream in memory that keeps the very buffers that it is written, and counts the writes. */
class Wire extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.written.push(chunk);
    done();
  }

  get text(): string {
    return Buffer.concat(this.written).toString("latin1");
  }
}

async function onWire() {
  const errors: string[] = [];
  const note = (message: string) => errors.push(message);
  const loop = createNodeLoop({ error: note, warn: note, info: note, debug: note });
  const wire = new Wire();
  const peer = new Recorder();
  loop.adopt(wire, undefined, (link) => {
    peer.link = link;
    return peer;
  });
  await serviceUntil(loop, () => peer.link !== undefined);
  return { loop, wire, peer, errors };
}

describe("the node loop over a stream in memory", () => {
  test("puts all that is written in one read event into one write", async () => {
    const { loop, wire, peer } = await onWire();
    peer.thenBytes = () => {
      for (let i = 0; i < 1000; i++) put(peer.link, `<${i}>`);
      peer.link.send(Buffer.from("end"), 0, 3);
    };
    wire.push("go");
    await serviceUntil(loop, () => peer.text === "go");
    expect(wire.written).toHaveLength(1);
    expect(wire.text.endsWith("<999>end")).toBe(true);
    await loop.close();
  });

  test("never writes again to memory that such a stream still looks at", async () => {
    const { loop, wire, peer } = await onWire();
    const sent = pattern(1 << 20);
    for (let at = 0; at < sent.length; at += 1000) {
      put(peer.link, sent.subarray(at, Math.min(at + 1000, sent.length)));
      if (at % 7000 === 0) await null;
    }
    await serviceSome(loop);
    expect(Buffer.concat(wire.written).equals(sent)).toBe(true);
    await loop.close();
  });

  test("reports a handler that throws, and drops that link alone", async () => {
    const { loop, wire, peer, errors } = await onWire();
    const mistake = new TypeError("my mistake");
    peer.thenBytes = () => {
      throw mistake;
    };
    wire.push("go");
    await serviceUntil(loop, () => peer.closed);
    expect(peer.error).toBe(mistake);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain("my mistake");
    await loop.close();
  });

  test("holds what the stream gives within our own write for a later turn", async () => {
    const { loop, wire, peer } = await onWire();
    wire._write = (chunk: Buffer, _encoding, done) => {
      wire.written.push(chunk);
      if (wire.written.length === 1) wire.push("echo");
      done();
    };
    peer.thenBytes = () => put(peer.link, "once");
    wire.push("go");
    await serviceUntil(loop, () => peer.text === "goecho");
    await serviceSome(loop);
    expect(wire.text).toBe("onceonce");
    await loop.close();
  });

  test("tells of a stream that somebody else destroyed as an error", async () => {
    const { loop, wire, peer } = await onWire();
    wire.destroy();
    await serviceUntil(loop, () => peer.closed);
    expect(peer.error).toMatchObject({ code: "ECONNRESET" });
    await loop.close();
  });

  test("closes a link whose stream was gone before it was adopted", async () => {
    const loop = createNodeLoop();
    const wire = new Wire();
    wire.destroy();
    await new Promise((resolve) => wire.once("close", resolve));
    const peer = new Recorder();
    loop.adopt(wire, undefined, () => peer);
    await serviceUntil(loop, () => peer.closed);
    await loop.close();
  });
});

describe("the node loop alone", () => {
  test("cannot be serviced synchronously (ENOTSUP)", async () => {
    const loop = createNodeLoop();
    expect(() => loop.serviceSync(0)).toThrow(expect.objectContaining({ code: "ENOTSUP" }));
    await loop.close();
  });
});
