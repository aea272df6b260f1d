import { Duplex } from "node:stream";
import { expect, it } from "vitest";
import { ANY_PORT, type CallbackResult, createContext, type Wsi } from "../../lib/index.ts";
import { upgradeRequest } from "../support/frames.ts";
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
});
