import { expect, it } from "vitest";
import { encodeEnvelope, newInstance } from "../../lib/bus/envelope.ts";
import { ANY_PORT, createContext, localBus, WriteProtocol, type Wsi } from "../../lib/index.ts";
import { MemoryBroker, type MemoryBus } from "../support/bus.ts";
import { textFrame } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import {
  describeLoops,
  Recorder,
  type ServerOptions,
  startServer,
  type TestServer,
} from "../support/server.ts";

/** A packet of another sender. */
const packet = (data: string | Uint8Array, protocol = "test", sequence = 0) =>
  encodeEnvelope({ instance: newInstance(), sequence, protocol, data: Buffer.from(data as string) });

const send = (wsi: Wsi, input: never) => void wsi.write(input, WriteProtocol.TEXT);
const texts = (server: TestServer) => server.all("BROADCAST").map((note) => String(note.input));

describeLoops("a context on a bus", (loop) => {
  /** A server on a bus of its own of this broker. */
  async function start(broker = new MemoryBroker(), options: ServerOptions = {}) {
    const bus = broker.bus();
    const server = await startServer({ eventLoop: loop, bus, on: { BROADCAST: send }, ...options });
    return { server, bus, broker };
  }

  it("tells each broadcast once to every session of every context, in the order of its sender", async () => {
    const broker = new MemoryBroker();
    const on = {
      RECEIVE: (wsi: Wsi, input: never) => wsi.context.broadcast("test", input),
      BROADCAST: send,
    };
    const servers = await Promise.all([1, 2, 3].map(async () => (await start(broker, { on })).server));
    const opened = servers.flatMap((server) => [server.open(), server.open()]);
    const peers = await Promise.all(opened);
    await Promise.all(servers.map((server) => server.nth("ESTABLISHED", 2)));
    const each = 40;
    for (let i = 0; i < each; i++) for (const [p, peer] of peers.entries()) peer.send(textFrame(`${p}:${i}`));
    for (const peer of peers) {
      const got = (await peer.frames(peers.length * each)).map((frame) => String(frame.payload));
      for (const p of peers.keys()) {
        const own = got.filter((text) => text.startsWith(`${p}:`));
        expect(own).toEqual(Array.from({ length: each }, (_, i) => `${p}:${i}`));
      }
    }
    await rounds(20);
    for (const peer of peers) expect(peer.available).toBe(0);
    for (const { context } of servers)
      expect(context.busStats).toEqual({ up: true, sent: 80, received: 160, dropped: 0, lost: 0 });
  });

  it("hears another one through the bus of a thread", async () => {
    const bus = () => localBus({ channel: `test-${loop}` });
    const [here, there] = await Promise.all([1, 2].map(() => startServer({ eventLoop: loop, bus: bus() })));
    await Promise.all([here.pair(), there.pair()]);
    here.context.broadcast("test", "hello");
    expect(String((await there.nth("BROADCAST")).input)).toBe("hello");
    await here.nth("BROADCAST");
    expect([here, there].map(texts)).toEqual([["hello"], ["hello"]]);
  });

  it("is told large messages whole, and none of them changes the bytes that the bus holds", async () => {
    const { server, broker } = await start();
    const peer = await server.open();
    await server.nth("ESTABLISHED");
    const large = Buffer.alloc(100_000, "ab");
    const sent = packet(large);
    const before = Buffer.from(sent);
    broker.publish(sent);
    expect((await peer.frame()).payload.equals(large)).toBe(true);
    expect(sent.equals(before)).toBe(true);
  });

  it("gives the bus what is broadcast with a filter too, and nothing that is local", async () => {
    const broker = new MemoryBroker();
    const [here, there] = [(await start(broker)).server, (await start(broker)).server];
    const [{ wsi }] = await Promise.all([here.pair(), there.open()]);
    await there.nth("ESTABLISHED");
    here.context.broadcast("test", "filtered", { filter: (each) => each !== wsi });
    here.context.broadcast("test", "local", { local: true });
    here.context.broadcast("test", "all");
    await here.nth("BROADCAST", 2);
    await there.nth("BROADCAST", 2);
    await rounds(10);
    expect(texts(here)).toEqual(["local", "all"]);
    expect(texts(there)).toEqual(["filtered", "all"]);
    expect(here.context.busStats).toMatchObject({ sent: 2 });
  });

  it("joins before PROTOCOL_INIT, so that what is broadcast there goes out", async () => {
    const broker = new MemoryBroker();
    const { server } = await start(broker);
    await server.open();
    await server.nth("ESTABLISHED");
    await start(broker, { on: { PROTOCOL_INIT: (wsi) => wsi.context.broadcast("test", "I am new") } });
    expect(String((await server.nth("BROADCAST")).input)).toBe("I am new");
  });

  it("tells nothing before a turn", async () => {
    const { server, broker } = await start(new MemoryBroker(), { run: false });
    server.connect().then(
      (peer) => peer.upgrade(),
      () => {},
    );
    while (server.all("ESTABLISHED").length === 0) await server.context.service(50);
    broker.publish(packet("one"));
    await rounds(10);
    expect(texts(server)).toEqual([]);
    expect(await server.context.service(0)).toBeGreaterThan(0);
    expect(texts(server)).toEqual(["one"]);
  });

  it("tells what its sessions broadcast as they end, and as its protocols do", async () => {
    const broker = new MemoryBroker();
    const { server } = await start(broker);
    await server.open();
    await server.nth("ESTABLISHED");
    const leave = (wsi: Wsi) => wsi.context.broadcast("test", "gone");
    const { server: other, bus } = await start(broker, { on: { CLOSED: leave, PROTOCOL_DESTROY: leave } });
    const { peer } = await other.pair();
    await peer.drop();
    await other.nth("CLOSED");
    await other.context.destroy();
    await server.nth("BROADCAST", 2);
    expect(texts(server)).toEqual(["gone", "gone"]);
    expect(bus.closed).toBe(1);
    expect(other.context.busStats).toMatchObject({ up: false, sent: 2 });
    other.context.broadcast("test", "late");
    expect(broker.packets).toHaveLength(2);
  });

  it("drops what is not ours, and counts it; the log has one line for each kind", async () => {
    const { server, broker } = await start();
    await server.open();
    await server.nth("ESTABLISHED");
    const good = packet("good");
    const version2 = Buffer.from(good);
    version2[4] = 2;
    const garbage = [Buffer.alloc(0), Buffer.from("{}"), good.subarray(0, -1), version2, "text" as never];
    for (const each of garbage) broker.publish(each);
    for (let i = 0; i < 100; i++) broker.publish(packet("x", `unknown-${i}`));
    broker.publish(packet("x", `a\n${"b".repeat(1000)}`));
    broker.publish(good);
    await server.nth("BROADCAST");
    expect(texts(server)).toEqual(["good"]);
    expect(server.context.busStats).toMatchObject({ received: 1, dropped: garbage.length + 101 });
    const lines = server.log.filter((line) => line.includes("bus"));
    expect(lines).toEqual([
      'warn bus "memory" dropped a packet that is not ours, or of another version; busStats.dropped counts them',
      'warn bus "memory" dropped a packet for the protocol "unknown-0", which is not in the table; busStats.dropped counts them',
    ]);
  });

  it("holds 16 MiB for the coming turn, drops what comes beyond, and goes on", async () => {
    const { server, broker } = await start(new MemoryBroker(), { run: false, on: {} });
    server.connect().then(
      (peer) => peer.upgrade(),
      () => {},
    );
    while (server.all("ESTABLISHED").length === 0) await server.context.service(50);
    const mebibyte = packet(Buffer.alloc(1_048_576));
    for (let i = 0; i < 20; i++) broker.publish(mebibyte);
    expect(server.context.busStats).toMatchObject({ received: 15, dropped: 5 });
    while (server.all("BROADCAST").length < 15) await server.context.service(-1);
    broker.publish(packet(Buffer.alloc(20_000_000)));
    while (server.all("BROADCAST").length < 16) await server.context.service(-1);
    expect(server.all("BROADCAST")[15].len).toBe(20_000_000);
    expect(server.context.busStats).toMatchObject({ received: 16, dropped: 5 });
  });

  it("keeps nothing for sessions that are not there, though no turn comes", async () => {
    const { server, broker } = await start(new MemoryBroker(), { run: false, on: {} });
    const mebibyte = packet(Buffer.alloc(1_048_576));
    for (let i = 0; i < 20; i++) broker.publish(mebibyte);
    server.context.broadcast("test", "to nobody");
    expect(server.context.busStats).toMatchObject({ received: 20, dropped: 0 });
    expect(await server.context.service(0)).toBe(0);
  });

  it("serves others between two turns of a flood", async () => {
    const { server, broker } = await start(new MemoryBroker(), { on: {} });
    const { peer } = await server.pair();
    const count = 20_000;
    for (let i = 0; i < count; i++) broker.publish(packet(`${i}`));
    peer.send(textFrame("me too"));
    await server.nth("RECEIVE");
    expect(server.all("BROADCAST").length).toBeLessThan(count);
    await server.until(() => String(server.notes.at(-1)?.input) === `${count - 1}`);
    expect(texts(server)).toEqual(Array.from({ length: count }, (_, i) => `${i}`));
  });

  it("tells that the broker went away and came back, once for each, and broadcasts here all the while", async () => {
    const states: unknown[] = [];
    const onBusState = (state: string, error?: Error) => void states.push([state, error?.message]);
    const { server, bus } = await start(new MemoryBroker(), { onBusState });
    await server.open();
    await server.nth("ESTABLISHED");
    bus.receiver!.onState("up");
    bus.receiver!.onState("down", new Error("connection refused"));
    bus.receiver!.onState("down", new Error("again"));
    expect(server.context.busStats).toMatchObject({ up: false });
    server.context.broadcast("test", "here");
    await server.nth("BROADCAST");
    bus.receiver!.onState("up");
    bus.receiver!.onState("down");
    bus.receiver!.onState("up");
    expect(states).toEqual([
      ["down", "connection refused"],
      ["up", undefined],
      ["down", undefined],
      ["up", undefined],
    ]);
    expect(server.log.filter((line) => line.includes("memory"))).toEqual([
      'warn bus "memory" is down: connection refused; broadcasts stay in this process',
      'info bus "memory" is up again',
      'warn bus "memory" is down: no reason given; broadcasts stay in this process',
      'info bus "memory" is up again',
    ]);
  });

  it("logs that the bus loses broadcasts, once until it was down and up, and not while it is down", async () => {
    const { server, bus } = await start();
    const { receiver } = bus;
    for (let i = 0; i < 3; i++) receiver!.onLoss?.(2, new Error("too slow"));
    receiver!.onState("down", new Error("gone"));
    receiver!.onLoss?.(1, new Error("gone"));
    receiver!.onState("up");
    receiver!.onLoss?.(1, new Error("too large"));
    expect(server.context.busStats).toMatchObject({ lost: 8 });
    const lines = server.log.filter((line) => line.includes("loses"));
    expect(lines).toEqual([
      'warn bus "memory" loses broadcasts: too slow; busStats.lost counts them',
      'warn bus "memory" loses broadcasts: too large; busStats.lost counts them',
    ]);
    Object.assign(bus, { lost: 11 });
    expect(server.context.busStats).toMatchObject({ lost: 11 });
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("on purpose");
      },
    ],
    ["is async and fails", () => Promise.reject(new Error("on purpose"))],
  ])("goes on when onBusState %s", async (_how, onBusState) => {
    const { server, bus } = await start(new MemoryBroker(), { onBusState });
    bus.receiver!.onState("down", new Error("gone"));
    await rounds(5);
    expect(server.log.filter((line) => line.includes("onBusState threw: Error: on purpose"))).toHaveLength(1);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("on purpose");
      },
    ],
    ["is async and fails", () => Promise.reject(new Error("on purpose"))],
  ])("goes on when publish %s, and logs it once", async (_how, publish: () => unknown) => {
    const { server, bus } = await start();
    bus.publish = publish as MemoryBus["publish"];
    await server.open();
    await server.nth("ESTABLISHED");
    for (const text of ["a", "b"]) server.context.broadcast("test", text);
    await server.nth("BROADCAST", 2);
    expect(texts(server)).toEqual(["a", "b"]);
    expect(server.context.busStats).toMatchObject({ lost: 2 });
    expect(server.log.filter((line) => line.includes("threw in publish: Error: on purpose"))).toHaveLength(1);
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("on purpose"))],
    [
      "throws",
      () => {
        throw new Error("on purpose");
      },
    ],
  ] as [string, MemoryBus["close"]][])("is destroyed when close %s, and logs it", async (_how, close) => {
    const { server, bus } = await start();
    bus.close = close;
    await server.destroy();
    expect(server.log.filter((line) => line.includes("threw in close: Error: on purpose"))).toHaveLength(1);
  });

  it("is destroyed though close never ends", async () => {
    const { server, bus } = await start();
    bus.close = () => new Promise(() => {});
    await server.destroy();
    expect(server.log).toContain('warn bus "memory" does not close; it is left as it is');
  });

  it("hears nothing after it has left", async () => {
    const { server, bus } = await start();
    const { receiver } = bus;
    await server.destroy();
    const lines = server.log.length;
    receiver!.onPacket(packet("late"));
    receiver!.onState("down", new Error("late"));
    receiver!.onLoss?.(1, new Error("late"));
    await rounds(5);
    expect(server.log).toHaveLength(lines);
    expect(server.context.busStats).toMatchObject({ up: false, received: 0 });
  });

  it("does not start, and leaves nothing open, when the bus cannot be joined", async () => {
    const broker = new MemoryBroker();
    const bus = broker.bus();
    bus.subscribe = () => Promise.reject(Object.assign(new Error("no broker"), { code: "ECONNREFUSED" }));
    const { protocol, notes } = new Recorder();
    const made = createContext({ eventLoop: loop, port: ANY_PORT, protocols: [protocol], bus });
    await expect(made).rejects.toMatchObject({ code: "ECONNREFUSED", message: "no broker" });
    expect(notes).toEqual([]);
    expect(bus.closed).toBe(1);
  });

  it("takes what is a bus, and no other", async () => {
    for (const [bus, message] of [
      [{}, "bus.subscribe: has to be a function, not undefined"],
      [
        "redis://localhost",
        'bus: has to be an object with subscribe, publish, close, not "redis://localhost"',
      ],
      [{ ...new MemoryBroker().bus(), name: "" }, "bus.name: has to be a string"],
    ] as const) {
      await expect(createContext({ eventLoop: loop, bus: bus as MemoryBus })).rejects.toThrow(message);
    }
    const context = await createContext({ eventLoop: loop });
    expect(context.busStats).toBeNull();
    await context.destroy();
  });
});
