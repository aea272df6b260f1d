import { expect, test } from "vitest";
import type { Timed } from "../../lib/base/timers.ts";
import { RawClient, rounds } from "../support/raw.ts";
import type { OnStage } from "./contract.ts";
import { put, serviceSome, serviceUntil } from "./recorder.ts";

/** A timer that says so when it fires. */
function timed(onDeadline: () => void): Timed {
  return { deadline: 0, timerSlot: -1, onDeadline };
}

/** What a turn is, and that nothing happens outside of one. */
export function gateContract(stage: OnStage): void {
  test("tells of no link before it is serviced", async () => {
    const { loop, arrived } = stage();
    const listener = await stage().listen();
    const client = await RawClient.connect(listener.port);
    await client.send("early");
    await rounds();
    expect(arrived).toHaveLength(0);
    await serviceUntil(loop, () => arrived[0]?.text === "early");
    client.destroy();
  });

  test("dispatches nothing between two service calls", async () => {
    const { loop } = stage();
    const { client, peer, link } = await stage().pair();
    const ran: string[] = [];
    link.requestWritable();
    loop.soon({ runSoon: () => ran.push("soon") });
    loop.timers.set(
      timed(() => ran.push("timer")),
      loop.now,
    );
    await client.send("hello");
    client.end();
    await rounds();
    expect(peer.events).toEqual([]);
    expect(ran).toEqual([]);
    await serviceUntil(loop, () => peer.events.includes("end"));
    expect(peer.text).toBe("hello");
    expect(ran).toEqual(["soon", "timer"]);
    client.destroy();
  });

  test("keeps the close of a link for a turn", async () => {
    const { loop } = stage();
    const { client, peer } = await stage().pair();
    client.abort();
    await client.closed();
    await rounds();
    expect(peer.events).toEqual([]);
    await serviceUntil(loop, () => peer.closed);
  });

  test("services with service(0) what the kernel has already", async () => {
    const { loop } = stage();
    const { client, peer } = await stage().pair();
    await client.send("hello");
    await rounds();
    expect(await loop.service(0)).toBeGreaterThan(0);
    expect(peer.text).toBe("hello");
    client.destroy();
  });

  test("goes through a turn in order: accept, feed, drain, soon, timers", async () => {
    const { loop, arrived } = stage();
    const { client, peer, link } = await stage().pair();
    const other = await RawClient.connect(stage().listener.port);
    await client.send("x");
    await rounds();
    const order: string[] = [];
    peer.thenBytes = () => order.push(arrived.length === 2 ? "accepted, bytes" : "bytes");
    peer.thenWritable = () => order.push("writable");
    loop.timers.set(
      timed(() => order.push("timer")),
      0,
    );
    loop.soon({ runSoon: () => order.push("soon") });
    link.requestWritable();
    await loop.service(0);
    expect(order).toEqual(["accepted, bytes", "writable", "soon", "timer"]);
    client.destroy();
    other.destroy();
  });

  test("runs a task that was put off by a task, without spinning within one turn", async () => {
    const { loop } = stage();
    let runs = 0;
    const task = {
      runSoon: () => {
        if (++runs < 100) loop.soon(task);
      },
    };
    loop.soon(task);
    await loop.service(0);
    expect(runs).toBeGreaterThan(0);
    expect(runs).toBeLessThan(100);
    await serviceUntil(loop, () => runs === 100);
  });

  test("runs a task in the turn it was put off in, from within onBytes", async () => {
    const { loop } = stage();
    const { client, peer } = await stage().pair();
    let ran = false;
    peer.thenBytes = () => loop.soon({ runSoon: () => (ran = true) });
    await client.send("x");
    await rounds();
    await serviceUntil(loop, () => peer.text === "x");
    expect(ran).toBe(true);
    client.destroy();
  });

  test("fires timers by their deadline, not by the order of arming", async () => {
    const { loop } = stage();
    const fired: number[] = [];
    for (const at of [30, 10, 20])
      loop.timers.set(
        timed(() => fired.push(at)),
        loop.now + at,
      );
    await serviceUntil(loop, () => fired.length === 3);
    expect(fired).toEqual([10, 20, 30]);
  });

  test("fires a timer that was armed anew at its new moment, and one that was cleared never", async () => {
    const { loop } = stage();
    const fired: string[] = [];
    const moved = timed(() => fired.push("moved"));
    const cleared = timed(() => fired.push("cleared"));
    const last = timed(() => fired.push("last"));
    loop.timers.set(moved, loop.now + 1);
    loop.timers.set(cleared, loop.now + 1);
    loop.timers.set(moved, loop.now + 20);
    loop.timers.clear(cleared);
    loop.timers.set(last, loop.now + 25);
    await serviceUntil(loop, () => fired.includes("last"));
    expect(fired).toEqual(["moved", "last"]);
  });

  test("wakes from service(-1) for a timer, one that is armed while it waits too", async () => {
    const { loop } = stage();
    await stage().listen();
    const first = timed(() => {});
    loop.timers.set(first, loop.now + 10_000);
    const waiting = loop.service(-1);
    await rounds();
    loop.timers.set(
      timed(() => {}),
      loop.now + 5,
    );
    expect(await waiting).toBe(1);
    loop.timers.clear(first);
  });

  test("lets a timer arm itself again", async () => {
    const { loop } = stage();
    let ticks = 0;
    const ticker = timed(() => {
      if (++ticks < 5) loop.timers.set(ticker, loop.now + 1);
    });
    loop.timers.set(ticker, loop.now);
    await serviceUntil(loop, () => ticks === 5);
  });

  test("never lets now go back, and moves it on with the turns", async () => {
    const { loop } = stage();
    const before = loop.now;
    await loop.service(20);
    await loop.service(0);
    expect(loop.now).toBeGreaterThan(before);
  });

  test("gives 0 when service's time is over and nothing happened", async () => {
    const { loop } = stage();
    await stage().listen();
    expect(await loop.service(0)).toBe(0);
    expect(await loop.service(5)).toBe(0);
  });

  test("counts the tasks and timers that it serviced", async () => {
    const { loop } = stage();
    loop.soon({ runSoon: () => {} });
    loop.soon({ runSoon: () => {} });
    loop.timers.set(
      timed(() => {}),
      loop.now,
    );
    expect(await loop.service(0)).toBe(3);
  });

  test("ends service(-1) when woken, and for a task put off while it waits", async () => {
    const { loop } = stage();
    await stage().listen();
    const waiting = loop.service(-1);
    await rounds();
    loop.wake();
    expect(await waiting).toBe(0);
    const again = loop.service(-1);
    await rounds();
    loop.soon({ runSoon: () => {} });
    expect(await again).toBe(1);
  });

  test("refuses a second service while one waits (EBUSY)", async () => {
    const { loop } = stage();
    await stage().listen();
    const waiting = loop.service(-1);
    await expect(loop.service(0)).rejects.toMatchObject({ code: "EBUSY" });
    loop.wake();
    await waiting;
  });

  test("refuses service once it is closed (ECANCELED)", async () => {
    const { loop } = stage();
    await loop.close();
    await expect(loop.service(0)).rejects.toMatchObject({ code: "ECANCELED" });
  });

  test("runs until close, serving all the while", async () => {
    const { loop, arrived } = stage();
    const listener = await stage().listen();
    const running = loop.run();
    const client = await RawClient.connect(listener.port);
    await client.send("ping");
    while (arrived[0]?.text !== "ping") await rounds(1);
    put(arrived[0].link, "pong");
    expect((await client.bytes(4)).toString()).toBe("pong");
    await loop.close();
    await running;
    expect(arrived[0].events.at(-1)).toBe("close");
    await client.closed();
    client.destroy();
  });

  test("delivers every onClose before close resolves, without a service call", async () => {
    const { loop } = stage();
    const pairs = [await stage().pair(), await stage().pair()];
    const port = stage().listener.port;
    await loop.close();
    for (const { peer } of pairs) expect(peer.events).toEqual(["close"]);
    await expect(RawClient.connect(port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    for (const { client } of pairs) client.destroy();
  });

  test("can be closed from within a handler, and twice", async () => {
    const { loop } = stage();
    const { client, peer } = await stage().pair();
    let closing: Promise<void> | undefined;
    peer.thenBytes = () => {
      closing = loop.close();
      expect(peer.closed).toBe(false);
    };
    void client.send("x");
    while (closing === undefined) await loop.service(10);
    await Promise.all([closing, loop.close()]);
    expect(peer.events).toEqual(["bytes", "close"]);
    client.destroy();
  });

  test("leaves nothing to service after all is said", async () => {
    const { loop } = stage();
    const { client, peer } = await stage().pair();
    client.destroy();
    await serviceUntil(loop, () => peer.closed || peer.events.includes("end"));
    peer.link.destroy();
    await serviceUntil(loop, () => peer.closed);
    await serviceSome(loop);
    expect(await loop.service(0)).toBe(0);
  });
}
