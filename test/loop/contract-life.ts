import { expect, test } from "vitest";
import { codedError, errorCode } from "../../lib/base/errors.ts";
import { RawClient, rounds } from "../support/raw.ts";
import type { OnStage } from "./contract.ts";
import { drive, pattern, put, sendAll, serviceSome, serviceUntil } from "./recorder.ts";

/** From onLink to onClose. */
export function lifeContract(stage: OnStage): void {
  test("closes without an error when the peer ends first and we follow", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    client.end();
    await serviceUntil(loop, () => peer.events.includes("end"));
    expect(link.writable).toBe(true);
    put(link, "still here");
    await serviceSome(loop);
    expect(peer.closed).toBe(false);
    link.end();
    expect(link.writable).toBe(false);
    expect((await drive(loop, client.closed())).toString()).toBe("still here");
    await serviceUntil(loop, () => peer.closed);
    expect(peer.events).toEqual(["end", "close"]);
    expect(peer.error).toBeUndefined();
  });

  test("closes without an error when we end first and the peer follows", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    put(link, "bye");
    link.end();
    link.end();
    expect((await drive(loop, client.closed())).toString()).toBe("bye");
    await client.send("not yet");
    await serviceUntil(loop, () => peer.text === "not yet");
    client.end();
    await serviceUntil(loop, () => peer.closed);
    expect(peer.events).toEqual(["bytes", "end", "close"]);
    expect(peer.error).toBeUndefined();
  });

  test("sends FIN after all that is queued", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    client.pause();
    const sent = pattern(12 << 20);
    sendAll(link, sent);
    link.end();
    sendAll(link, "dropped");
    await serviceSome(loop);
    client.resume();
    const got = await drive(loop, client.closed());
    expect(got.length).toBe(sent.length);
    expect(got.equals(sent)).toBe(true);
    client.end();
    await serviceUntil(loop, () => peer.closed);
    expect(peer.error).toBeUndefined();
  });

  test("ends from within onEnd", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    peer.thenEnd = () => link.end();
    await client.send("x");
    client.end();
    await serviceUntil(loop, () => peer.closed);
    expect(peer.events).toEqual(["bytes", "end", "close"]);
  });

  test("tells of a reset as an error", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    client.abort();
    await serviceUntil(loop, () => peer.closed);
    expect(errorCode(peer.error)).toBe("ECONNRESET");
    expect(peer.events).toEqual(["close"]);
    expect(link.writable).toBe(false);
    expect(link.queued).toBe(0);
  });

  test("tells of a peer that vanished while much was queued", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    client.pause();
    sendAll(link, pattern(12 << 20));
    link.requestWritable();
    await serviceSome(loop);
    client.abort();
    await serviceUntil(loop, () => peer.closed);
    expect(["ECONNRESET", "EPIPE"]).toContain(errorCode(peer.error));
    expect(peer.events).toEqual(["close"]);
    expect(link.queued).toBe(0);
  });

  test("destroys from within onBytes: nothing follows but one onClose, later", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    peer.thenBytes = () => {
      put(link, "lost");
      link.destroy();
      expect(peer.events).toEqual(["bytes"]);
    };
    await client.send("x");
    client.end();
    await serviceUntil(loop, () => peer.closed);
    await serviceSome(loop);
    expect(peer.events).toEqual(["bytes", "close"]);
    expect(peer.error).toBeUndefined();
    await client.closed();
    client.destroy();
  });

  test("destroys with an error, once, however often it is called", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    const reason = codedError("EPROTO", "enough");
    link.destroy(reason);
    link.destroy(new Error("too late"));
    expect(peer.events).toEqual([]);
    expect(link.writable).toBe(false);
    await serviceUntil(loop, () => peer.closed);
    link.destroy();
    await serviceSome(loop);
    expect(peer.events).toEqual(["close"]);
    expect(peer.error).toBe(reason);
    client.destroy();
  });

  test("drops what is written, asked and ended after destroy", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    link.destroy();
    const useAll = () => {
      put(link, "block");
      sendAll(link, "send");
      sendAll(link, pattern(300_000));
      link.requestWritable();
      link.pause();
      link.resume();
      link.end();
      expect(link.queued).toBe(0);
    };
    useAll();
    await serviceUntil(loop, () => peer.closed);
    useAll();
    await serviceSome(loop);
    expect(peer.events).toEqual(["close"]);
    expect((await client.closed()).length).toBe(0);
    client.destroy();
  });

  test("writes to another link while one is destroyed", async () => {
    const { loop } = stage();
    const one = await stage().pair();
    const two = await stage().pair();
    one.peer.thenBytes = () => {
      put(two.link, "before ");
      put(one.link, "lost");
      one.link.destroy();
      put(two.link, "after");
    };
    await one.client.send("x");
    await serviceUntil(loop, () => one.peer.closed);
    expect((await two.client.bytes(12)).toString()).toBe("before after");
    two.client.destroy();
    one.client.destroy();
  });

  test("calls onClose once and last when both sides end at the same moment", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    link.end();
    client.end();
    await serviceUntil(loop, () => peer.closed);
    await serviceSome(loop);
    expect(peer.events).toEqual(["end", "close"]);
    expect(peer.error).toBeUndefined();
  });

  test("closes the rest when a link's onClose destroys another", async () => {
    const { loop } = stage();
    const one = await stage().pair();
    const two = await stage().pair();
    one.peer.thenClose = () => {
      two.link.destroy();
      expect(two.peer.closed).toBe(false);
    };
    one.link.destroy();
    await serviceUntil(loop, () => two.peer.closed);
    expect(one.peer.events).toEqual(["close"]);
    one.client.destroy();
    two.client.destroy();
  });

  test("keeps no link of 200 that connect and abort", async () => {
    const { loop, arrived } = stage();
    const listener = await stage().listen();
    for (let i = 0; i < 200; i++) {
      const client = await RawClient.connect(listener.port);
      if (i % 3 === 0) void client.send("half a requ");
      if (i % 2 === 0) client.abort();
      else client.destroy();
      if (i % 10 === 0) await loop.service(0);
    }
    await rounds();
    await serviceSome(loop);
    for (const peer of arrived) if (!peer.closed) peer.link.destroy();
    await serviceUntil(loop, () => arrived.every((peer) => peer.closed));
    for (const peer of arrived) expect(peer.events.filter((event) => event === "close")).toHaveLength(1);
    const { client, peer } = await stage().pair();
    await client.send("alive");
    await serviceUntil(loop, () => peer.text === "alive");
    client.destroy();
  });
}
