import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import {
  ANY_PORT,
  type CallbackResult,
  createContext,
  type DestroyOptions,
  WriteProtocol,
  type Wsi,
} from "../../lib/index.ts";
import { closeFrame, httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import { Peer } from "../support/node-client.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, Recorder, type ServerOptions, startServer } from "../support/server.ts";

/** A stream that is destroyed but never says so. */
class Endless extends Duplex {
  /** Says after all that it is closed. */
  finish = () => {};

  override _read(): void {}
  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done();
  }
  override _destroy(_error: Error | null, done: () => void): void {
    this.finish = done;
  }
}

/** The two ways to say nothing. */
const endless = () => {
  const silent = new Duplex({ emitClose: false, read() {}, write: (_chunk, _encoding, done) => done() });
  return [new Endless(), silent];
};

const logger = { error() {}, warn() {}, info() {}, debug() {} };

describeLoops("the end of a context", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it("comes though adopted streams never say that they are closed, and each connection is told its own", async () => {
    const server = await start({ timeouts: { drain: 20 } });
    for (const stream of endless()) server.context.adoptSocket(stream, Buffer.from(upgradeRequest()));
    for (const stream of endless()) server.context.adoptSocket(stream, Buffer.from("GET / HT"));
    await server.nth("ESTABLISHED", 2);
    await server.nth("FILTER_NETWORK_CONNECTION", 4);
    await server.context.destroy();
    const lost = { code: 1006, reason: "", wasClean: false };
    expect(server.all("CLOSED").map((note) => note.input)).toEqual([lost, lost]);
    expect(server.all("CLOSED_HTTP")).toHaveLength(2);
    expect(server.context.connections).toBe(0);
    expect(server.notes.at(-1)?.reason).toBe("PROTOCOL_DESTROY");
  });

  it("tells a connection nothing more when such a stream is closed after all", async () => {
    const streams = [new Endless(), new Endless()];
    const server = await start({
      timeouts: { drain: 20 },
      on: {
        PROTOCOL_DESTROY() {
          for (const stream of streams) stream.finish();
        },
      },
    });
    server.context.adoptSocket(streams[0], Buffer.from(upgradeRequest()));
    server.context.adoptSocket(streams[1], Buffer.from("GET / HT"));
    await server.nth("ESTABLISHED");
    await server.nth("FILTER_NETWORK_CONNECTION", 2);
    await server.context.destroy();
    await rounds(5);
    expect(server.names().slice(-2)).toEqual(["CLOSED_HTTP", "CLOSED"]);
    expect(server.all("CLOSED_HTTP")).toHaveLength(1);
  });

  it("comes though such a stream was adopted and nobody ever serviced the context", async () => {
    const server = await start({ run: false });
    for (const stream of endless()) server.context.adoptSocket(stream);
    await server.context.destroy();
    expect(server.notes.map((note) => note.reason)).toEqual(["PROTOCOL_INIT", "PROTOCOL_DESTROY"]);
  });

  /** Three protocols, the second of which does `act` in PROTOCOL_INIT; a peer is connected by then. */
  async function beginWith(act: (wsi: Wsi) => CallbackResult) {
    let peer: Peer | undefined;
    let port = 0;
    const PROTOCOL_INIT = async (wsi: Wsi) => {
      port = wsi.context.port;
      peer = await Peer.open({ port });
      return act(wsi);
    };
    const all = ["a", "b", "c"].map((name) => new Recorder(name === "b" ? { PROTOCOL_INIT } : {}, { name }));
    const protocols = all.map((each) => each.protocol);
    const where = { eventLoop: loop, port: ANY_PORT, host: "127.0.0.1" };
    const error: unknown = await createContext({ ...where, protocols, logger }).catch((thrown) => thrown);
    expect(await peer?.closed()).toHaveLength(0);
    await expect(Peer.open({ port })).rejects.toMatchObject({ code: "ECONNREFUSED" });
    const calls = all.flatMap((each) => each.notes.map((note) => `${note.protocol} ${note.reason}`));
    return { error, calls };
  }

  const calledOff: [how: string, act: (wsi: Wsi) => CallbackResult][] = [
    ["goes on at once", (wsi) => void wsi.context.destroy()],
    ["waits for it", (wsi) => wsi.context.destroy()],
    [
      "is done later",
      async (wsi) => {
        await wsi.context.destroy();
        await rounds(20);
      },
    ],
  ];

  it.each(calledOff)(
    "in a PROTOCOL_INIT that %s fails the start; who began well is told PROTOCOL_DESTROY once",
    async (_how, act) => {
      const { error, calls } = await beginWith(act);
      expect(error).toMatchObject({ code: "ECANCELED" });
      const begun = ["a PROTOCOL_INIT", "a PROTOCOL_DESTROY", "b PROTOCOL_INIT", "b PROTOCOL_DESTROY"];
      expect(calls).toEqual(begun);
    },
  );

  it.each([
    ["returns nonzero", () => 1],
    ["throws", () => Promise.reject(new Error("on purpose"))],
  ])("in a PROTOCOL_INIT that %s is told to those before it only", async (_how, outcome) => {
    const { error, calls } = await beginWith((wsi) => {
      void wsi.context.destroy();
      return outcome();
    });
    expect(error).toMatchObject({ code: "ERR_PROTOCOL_INIT" });
    expect(calls).toEqual(["a PROTOCOL_INIT", "a PROTOCOL_DESTROY", "b PROTOCOL_INIT"]);
  });

  it("in a PROTOCOL_INIT that is no promise fails the start as well, and of a context that does not listen", async () => {
    for (const port of [0, ANY_PORT]) {
      const PROTOCOL_INIT = (wsi: Wsi) => void wsi.context.destroy();
      const { protocol, notes } = new Recorder({ PROTOCOL_INIT });
      const made = createContext({ eventLoop: loop, port, protocols: [protocol], logger });
      await expect(made).rejects.toMatchObject({ code: "ECANCELED" });
      expect(notes.map((note) => note.reason)).toEqual(["PROTOCOL_INIT", "PROTOCOL_DESTROY"]);
    }
  });

  // ── Spread over a time ───────────────────────────────────────────────────────────────────────────────────

  const LONG = 3_600_000;
  const echo = (wsi: Wsi, input: never) => void wsi.write(input, WriteProtocol.TEXT);

  /** A server with sessions, in the order in which they were opened. */
  async function withSessions(count: number, options: ServerOptions = {}) {
    const server = await start({ on: { RECEIVE: echo, BROADCAST: echo }, ...options });
    const peers: Peer[] = [];
    for (let i = 0; i < count; i++) peers.push((await server.pair()).peer);
    return { server, peers };
  }

  async function answerClose(peer: Peer): Promise<void> {
    expect(await peer.close()).toEqual({ code: 1001, reason: "" });
    peer.send(closeFrame(1001));
  }

  it("with a spread asks one session after the other; the others go on until it is their turn", async () => {
    const { server, peers } = await withSessions(3);
    const [first, ...others] = peers;
    const destroyed = server.context.destroy({ spread: LONG });
    await answerClose(first);
    await server.nth("CLOSED");
    for (const peer of others) {
      peer.send(textFrame("still here"));
      expect(await peer.text()).toBe("still here");
    }
    server.context.broadcast("test", "to all");
    for (const peer of others) expect(await peer.text()).toBe("to all");
    expect(server.context.connections).toBe(2);
    // Who is in a hurry is heard, and gets the same promise.
    expect(server.context.destroy()).toBe(destroyed);
    await Promise.all(others.map(answerClose));
    await destroyed;
    expect(server.all("CLOSED").map(({ input }) => input)).toEqual(
      Array(3).fill({ code: 1001, reason: "", wasClean: true }),
    );
    expect(server.names().at(-1)).toBe("CLOSED");
    expect(server.notes.at(-1)?.reason).toBe("PROTOCOL_DESTROY");
  });

  it.each([true, false])("with a spread comes by itself, whoever turns the loop (run: %s)", async (run) => {
    const server = await start({ run: false, on: { RECEIVE: echo } });
    const opening = Promise.all(Array.from({ length: 5 }, () => server.open()));
    while (server.all("ESTABLISHED").length < 5) await server.context.service(50);
    const peers = await opening;
    if (run) void server.context.run();
    const closing = peers.map(answerClose);
    await server.context.destroy({ spread: 40 });
    await Promise.all(closing);
    const asked = server.all("CLOSED").map(({ wsi }) => wsi);
    expect(asked).toEqual(server.all("ESTABLISHED").map(({ wsi }) => wsi));
  });

  it("is hurried by a shorter spread, and not held up by a longer one", async () => {
    const { server, peers } = await withSessions(4);
    const destroyed = server.context.destroy({ spread: LONG });
    await answerClose(peers[0]);
    const spreads: DestroyOptions[] = [{ spread: 2 * LONG }, { spread: 20 }, { spread: LONG }];
    for (const options of spreads) expect(server.context.destroy(options)).toBe(destroyed);
    await Promise.all(peers.slice(1).map(answerClose));
    await destroyed;
  });

  it("is hurried before it has begun", async () => {
    const { server, peers } = await withSessions(3);
    void server.context.destroy({ spread: LONG });
    const destroyed = server.context.destroy();
    await Promise.all(peers.map(answerClose));
    await destroyed;
  });

  it("waits for answers after the last session was asked, and then drops who gives none", async () => {
    const { server } = await withSessions(3, { timeouts: { drain: 30 } });
    await server.context.destroy({ spread: 30 });
    const lost = { code: 1006, reason: "", wasClean: false };
    expect(server.all("CLOSED").map(({ input }) => input)).toEqual([lost, lost, lost]);
  });

  it("with a spread is there at once when nobody is", async () => {
    const server = await start();
    await server.context.destroy({ spread: LONG });
    const { server: left, peers } = await withSessions(2);
    const destroyed = left.context.destroy({ spread: LONG });
    await answerClose(peers[0]);
    await peers[1].drop();
    await destroyed;
  });

  it("ends HTTP connections while sessions go on: idle ones at once, a request that has begun with its reply", async () => {
    const { server } = await withSessions(2);
    const [idle, begun, upgrade] = await Promise.all([1, 2, 3].map(() => server.connect()));
    for (const peer of [idle, begun, upgrade]) {
      peer.send(httpRequest());
      expect((await peer.response()).headers).not.toHaveProperty("connection");
    }
    begun.send("GET / HTTP/1.1\r\n");
    upgrade.send("GET /chat HTTP/1.1\r\n");
    await rounds(20);
    const destroyed = server.context.destroy({ spread: LONG });
    expect(await idle.closed()).toHaveLength(0);
    begun.send("Host: a\r\n\r\n");
    const reply = await begun.response();
    expect([reply.status, reply.headers["connection"]]).toEqual([200, "close"]);
    expect(await begun.closed()).toHaveLength(0);
    upgrade.send(upgradeRequest().replace(/^.*\r\n/, ""));
    expect(await upgrade.response()).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    expect(await upgrade.closed()).toHaveLength(0);
    expect(server.all("ESTABLISHED")).toHaveLength(2);
    void server.destroy();
    await destroyed;
  });

  it("answers upgrades with 503 and Retry-After: adopted ones, and those whose filter is waited for", async () => {
    const { server } = await withSessions(2);
    server.hooks.FILTER_PROTOCOL_CONNECTION = () => new Promise(() => {});
    const waiting = await server.connect();
    waiting.send(upgradeRequest());
    await server.nth("FILTER_PROTOCOL_CONNECTION", 3);
    const destroyed = server.context.destroy({ spread: LONG });
    expect(await waiting.response()).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    const http = createServer();
    http.on("upgrade", (request, socket, head) => server.context.adoptSocket(socket, head, request));
    await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
    const adopted = await Peer.open({ port: (http.address() as AddressInfo).port });
    adopted.send(upgradeRequest());
    expect(await adopted.response()).toMatchObject({ status: 503, headers: { "retry-after": "1" } });
    await expect(Peer.open({ port: server.port })).rejects.toMatchObject({ code: "ECONNREFUSED" });
    http.close();
    void server.destroy();
    await destroyed;
  });

  it.each([
    [{ spread: -1 }, "spread: has to be a whole number, 0 to 2147483647, not -1"],
    [{ spread: "1" }, 'spread: has to be a whole number, 0 to 2147483647, not "1"'],
    [{ spred: 1 }, "destroy: there is no option spred"],
    ["SIGTERM", "destroy takes an object of options"],
  ])("is not begun by %j", async (options, message) => {
    const { server, peers } = await withSessions(1);
    await expect(server.context.destroy(options as DestroyOptions)).rejects.toThrow(new TypeError(message));
    peers[0].send(textFrame("still here"));
    expect(await peers[0].text()).toBe("still here");
  });
});
