import { hostname } from "node:os";
import { CallbackReason, localBus, type Protocol } from "sluice";
import { echo, lwsStatus, type SessionReport } from "sluice/protocols";
import { describe, expect, it } from "vitest";
import { decodeEnvelope } from "../../lib/bus/envelope.ts";
import { Board, COUNT_EVERY, FORGET_AFTER, LOOK_EVERY } from "../../protocols/lws-status/board.ts";
import { makePart, readPart } from "../../protocols/lws-status/part.ts";
import { MemoryBroker } from "../support/bus.ts";
import type { Peer } from "../support/node-client.ts";
import { describeLoops, startServer } from "../support/server.ts";
import { FakeWsi, fakeContext } from "./fake-wsi.ts";
import { id, reportOf, reports } from "./status-reports.ts";

const { PROTOCOL_INIT, ESTABLISHED, TIMER, SERVER_WRITEABLE } = CallbackReason;

describe("Board", () => {
  it("tells about each session, whatever its protocol", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    sessions.push(new FakeWsi(echo, context));
    const board = new Board(context, 500);
    board.look(0);
    expect(JSON.parse(board.text)).toEqual([
      {
        server: `${process.pid}@${hostname()}`,
        address: "127.0.0.1",
        port: 50_000,
        protocol: "echo",
        userAgent: "fake/1.0",
        since: "1970-01-01T00:00:00.000Z",
        bytesReceived: 0,
        bytesSent: 0,
        messagesReceived: 0,
        messagesSent: 0,
      },
    ]);
  });

  it("sees a session come or go at the next look, but looks at most ten times a second", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    const board = new Board(context, 500);
    expect(board.look(0)).toBe(0);
    sessions.push(new FakeWsi(echo, context));
    expect(board.look(LOOK_EVERY - 1)).toBe(0);
    expect(board.look(LOOK_EVERY)).toBe(1);
    sessions.pop();
    expect(board.look(2 * LOOK_EVERY)).toBe(2);
    expect(board.text).toBe("[]");
  });

  it("counts anew only now and then, and makes no new edition when nothing has changed", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    const wsi = new FakeWsi(echo, context);
    sessions.push(wsi);
    const board = new Board(context, 500);
    expect(board.look(0)).toBe(1);
    wsi.stats.messagesSent = 1;
    expect(board.look(COUNT_EVERY - 1)).toBe(1);
    expect(board.look(COUNT_EVERY + LOOK_EVERY)).toBe(2);
    expect(board.look(3 * COUNT_EVERY)).toBe(2);
  });

  it("leaves out what is beyond its limit", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    for (let i = 0; i < 5; i += 1) sessions.push(new FakeWsi(echo, context));
    const board = new Board(context, 3);
    board.look(0);
    expect(JSON.parse(board.text)).toHaveLength(3);
  });

  it("has the sessions of others behind its own, as far as there is room, until they are gone", () => {
    const context = fakeContext();
    const board = new Board(context, 3);
    const ports = () => (JSON.parse(board.text) as SessionReport[]).map(({ port }) => port);
    board.look(0);
    board.hear(makePart({ id: id(1), sessions: reports(2) }), 1);
    board.hear(makePart({ id: id(2), sessions: reports(2) }), 1);
    expect([board.look(LOOK_EVERY), ports()]).toEqual([1, [0, 1, 0]]);
    const bye = makePart({ id: id(1), sessions: [] });
    board.hear(bye, 2);
    expect([board.look(2 * LOOK_EVERY), ports()]).toEqual([2, [0]]);
    expect([board.look(FORGET_AFTER), ports()]).toEqual([2, [0]]);
    expect([board.look(FORGET_AFTER + LOOK_EVERY), ports()]).toEqual([3, []]);
  });

  it("takes a broadcast once, however many watchers hand it in, and none that is not a board's", () => {
    const board = new Board(fakeContext(), 500);
    const part = makePart({ id: id(1), sessions: [reportOf()] });
    board.hear(part, 0);
    board.hear(makePart({ id: id(1), sessions: [] }), 0);
    board.hear(part, 0);
    board.hear(Buffer.from("somebody else's"), 0);
    board.look(0);
    expect(board.text).toBe("[]");
  });
});

describe("lws-status", () => {
  it("sends the list on opening, and again only when it has changed", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    const wsi = new FakeWsi(lwsStatus as never, context) as FakeWsi;
    wsi.call(PROTOCOL_INIT, undefined);
    sessions.push(wsi);
    wsi.call(ESTABLISHED);
    expect(wsi.take()).toEqual([["callbackOnWritable"], ["setTimer", LOOK_EVERY]]);
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.takeText()).toHaveLength(1);
    wsi.call(TIMER);
    expect(wsi.take()).toEqual([["setTimer", LOOK_EVERY]]);
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.takeText()).toEqual([]);
  });
});

describeLoops("lws-status in several contexts", (loop) => {
  const start = (
    bus = localBus({ channel: `status-${loop}` }),
    protocols = [lwsStatus, echo] as Protocol[],
  ) => startServer({ eventLoop: loop, bus, protocols });
  const asking = (protocol: string) => ({ headers: { "Sec-WebSocket-Protocol": protocol } });
  const watch = asking("lws-status");

  /** Reads lists until one has these ports. */
  async function until(watcher: Peer, ports: readonly number[]): Promise<SessionReport[]> {
    for (;;) {
      const list = JSON.parse(await watcher.text()) as SessionReport[];
      const listed = list.map(({ port }) => port).sort();
      if (JSON.stringify(listed) === JSON.stringify([...ports].sort())) return list;
    }
  }
  const portOf = (peer: Peer) => peer.socket.localPort!;

  it("lists the sessions of all of them to the watchers of each", async () => {
    const [one, two, three] = await Promise.all([start(), start(), start()]);
    const watchers = [await one.open(watch), await two.open(watch)];
    const others = [await two.open(asking("echo")), await three.open(asking("echo"))];
    const ports = [...watchers, ...others].map(portOf);
    for (const watcher of watchers) {
      const list = await until(watcher, ports);
      expect(new Set(list.map(({ server }) => server))).toEqual(new Set([`${process.pid}@${hostname()}`]));
    }
  });

  it("says goodbye to the watchers of others when it ends", async () => {
    const broker = new MemoryBroker();
    const [one, two] = [await start(broker.bus()), await start(broker.bus())];
    const watcher = await one.open(watch);
    const other = await two.open(asking("echo"));
    await until(watcher, [watcher, other].map(portOf));
    const ended = two.context.destroy();
    await other.drop();
    await ended;
    const { data } = decodeEnvelope(broker.packets.at(-1)!)!;
    expect(readPart(data)?.sessions).toEqual([]);
    await until(watcher, [portOf(watcher)]);
  });

  it("believes nothing that is not a part, and leaves an application's own broadcasts alone", async () => {
    const broker = new MemoryBroker();
    const server = await start(broker.bus());
    const stranger = await start(broker.bus());
    const watcher = await server.open(watch);
    await until(watcher, [portOf(watcher)]);
    const good = { id: id(1), sessions: [reportOf({ port: 1 })] };
    stranger.context.broadcast(lwsStatus, "hello");
    stranger.context.broadcast(lwsStatus, makePart(good).subarray(0, -1));
    stranger.context.broadcast(lwsStatus, makePart({ id: id(2), sessions: [{ ...reportOf(), port: -1 }] }));
    stranger.context.broadcast(lwsStatus, makePart(good));
    await until(watcher, [portOf(watcher), 1]);
    expect(server.context.busStats).toMatchObject({ received: 4, dropped: 0 });
    expect(server.log.filter((line) => !line.startsWith("info"))).toEqual([]);
  });

  it("tells of itself under the name that it has in the table", async () => {
    const broker = new MemoryBroker();
    const named = [{ ...lwsStatus, name: "who" } as Protocol];
    const [one, two] = [await start(broker.bus(), named), await start(broker.bus(), named)];
    const [watcher, other] = [await one.open(asking("who")), await two.open(asking("who"))];
    await until(watcher, [watcher, other].map(portOf));
  });

  it("says nothing on the bus while it has no session", async () => {
    const broker = new MemoryBroker();
    const server = await start(broker.bus());
    await server.destroy();
    expect(broker.packets).toEqual([]);
  });
});
