import { expect, it } from "vitest";
import { ANY_PORT, type CallbackResult, createContext, type Wsi } from "../../lib/index.ts";
import { closeFrame, httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import type { Peer } from "../support/node-client.ts";
import {
  describeLoops,
  type Hooks,
  Recorder,
  type ServerOptions,
  startServer,
  type TestServer,
} from "../support/server.ts";

function refuses(): never {
  throw new Error("not to be read");
}

/** A proxy whose every use throws, `instanceof` too. */
function revokedProxy(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

/** What a callback may throw, and a log can hardly show. */
const values: [what: string, make: () => unknown][] = [
  ["an object without a prototype", () => Object.create(null)],
  ["an object whose toString throws", () => ({ toString: refuses })],
  ["an object that turns into no primitive", () => ({ [Symbol.toPrimitive]: () => ({}) })],
  ["an error whose stack throws", () => Object.defineProperty(new Error("x"), "stack", { get: refuses })],
  ["an error whose stack is no text", () => Object.assign(new Error("x"), { stack: Object.create(null) })],
  ["a symbol", () => Symbol("thrown")],
  ["a revoked proxy", revokedProxy],
  ["undefined", () => undefined],
  ["null", () => null],
];

type Failure = () => CallbackResult;
const failures = values.flatMap(([what, make]): [string, Failure][] => [
  [
    `a throw of ${what}`,
    () => {
      throw make();
    },
  ],
  [`a rejection with ${what}`, () => Promise.reject(make())],
]);

type Provoke = (server: TestServer, peer: Peer, wsi: Wsi) => unknown;

const sessionReasons: Record<string, Provoke> = {
  ESTABLISHED: () => {},
  RECEIVE: (_server, peer) => peer.send(textFrame("x")),
  SERVER_WRITEABLE: (_server, _peer, wsi) => wsi.callbackOnWritable(),
  BROADCAST: (server) => server.context.broadcast("test", "x"),
  TIMER: (_server, _peer, wsi) => wsi.setTimer(0),
};

/** A request for each of these; all are answered with 500. */
const httpReasons: Record<string, (target: string) => string> = {
  HTTP: (target) => httpRequest({ target }),
  FILTER_PROTOCOL_CONNECTION: (target) => upgradeRequest({ target }),
};

describeLoops("row 87: a failure that cannot be shown as text", (loop) => {
  /** A server whose callbacks fail for `/NAME` in the reason of that name, and echo otherwise. */
  function start(fail: Failure, options: ServerOptions = {}): Promise<TestServer> {
    const on: Hooks = {};
    const names = [...Object.keys(sessionReasons), ...Object.keys(httpReasons)] as (keyof Hooks)[];
    for (const name of names) on[name] = (wsi) => (wsi.uri === `/${name}` ? fail() : undefined);
    on.RECEIVE = (wsi, input) => (wsi.uri === "/RECEIVE" ? fail() : void wsi.write(input, 0));
    return startServer({ eventLoop: loop, on, ...options });
  }

  async function expectEcho(peer: Peer): Promise<void> {
    peer.send(textFrame("hello"));
    expect(await peer.text()).toBe("hello");
  }

  const linesOf = (server: TestServer, where: string) =>
    server.log.filter((line) => line.startsWith(`error protocol "test" threw in ${where}: `));

  it.each(failures)("%s closes its session with 1011 and is logged, and others live", async (_how, fail) => {
    const server = await start(fail);
    const other = await server.open();
    for (const [reason, provoke] of Object.entries(sessionReasons)) {
      const { peer, wsi } = await server.pair({ target: `/${reason}` });
      await provoke(server, peer, wsi);
      expect(await peer.close()).toMatchObject({ code: 1011 });
      peer.send(closeFrame(1011));
      await peer.closed();
      expect(linesOf(server, reason), reason).toHaveLength(1);
      await expectEcho(other);
    }
    await server.nth("CLOSED", Object.keys(sessionReasons).length);
    await expectEcho(await server.open());
  });

  it.each(failures)("%s is answered with 500 and logged where a request waits", async (_how, fail) => {
    const server = await start(fail);
    const other = await server.open();
    for (const [reason, request] of Object.entries(httpReasons)) {
      expect((await server.ask(request(`/${reason}`))).status).toBe(500);
      expect(linesOf(server, reason), reason).toHaveLength(1);
    }
    await expectEcho(other);
  });

  it.each(values)("%s, thrown where a session's data is made, refuses that session", async (_what, make) => {
    let armed = false;
    const perSessionData = () => {
      if (armed) throw make();
    };
    const server = await start(() => 0, { protocol: { perSessionData } });
    const other = await server.open();
    armed = true;
    expect((await server.ask(upgradeRequest())).status).toBe(500);
    expect(linesOf(server, "perSessionData")).toHaveLength(1);
    await expectEcho(other);
  });

  it.each(failures)("%s in PROTOCOL_INIT fails the start by the protocol's name", async (_how, fail) => {
    const log: string[] = [];
    const logger = { error: (line: string) => void log.push(line), warn() {}, info() {}, debug() {} };
    const { protocol } = new Recorder({ PROTOCOL_INIT: fail }, { name: "mine" });
    const made = createContext({ eventLoop: loop, port: ANY_PORT, protocols: [protocol], logger });
    await expect(made).rejects.toThrow('protocol "mine" threw in PROTOCOL_INIT');
    expect(log).toHaveLength(1);
  });
});
