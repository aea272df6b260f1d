import { expect, it } from "vitest";
import { CallbackReason, type CallbackResult, type Wsi } from "../../lib/index.ts";
import {
  closeFrame,
  httpRequest,
  pongFrame,
  readClose,
  textFrame,
  upgradeRequest,
} from "../support/frames.ts";
import type { Peer } from "../support/node-client.ts";
import {
  certificate,
  describeLoops,
  type Hooks,
  type ServerOptions,
  startServer,
  type TestServer,
} from "../support/server.ts";

type Provoke = (server: TestServer, peer: Peer, wsi: Wsi) => unknown;

/** What has to happen for each reason of an open session to come. */
const sessionReasons: Record<string, Provoke> = {
  RECEIVE: (_server, peer) => peer.send(textFrame("x")),
  RECEIVE_PONG: (_server, peer) => peer.send(pongFrame("x")),
  SERVER_WRITEABLE: (_server, _peer, wsi) => wsi.callbackOnWritable(),
  BROADCAST: (server) => server.context.broadcast("test", "x"),
  TIMER: (_server, _peer, wsi) => wsi.setTimer(1),
  USER: (server) => server.context.callbackAllProtocol("test", CallbackReason.USER),
  "USER+7": (server) => server.context.callbackAllProtocol("test", CallbackReason.USER + 7),
};

const reply = (wsi: Wsi) => wsi.httpReply(200);
const post = httpRequest({ method: "POST", headers: { "Content-Length": "2" }, body: "hi" });

/** A request, and hooks, with which each reason of HTTP comes. */
const httpReasons: Record<string, { request: string; on?: Hooks }> = {
  FILTER_NETWORK_CONNECTION: { request: httpRequest() },
  FILTER_PROTOCOL_CONNECTION: { request: upgradeRequest() },
  HTTP: { request: httpRequest() },
  HTTP_BODY: { request: post, on: { HTTP: () => {}, HTTP_BODY_COMPLETION: reply } },
  HTTP_BODY_COMPLETION: { request: post, on: { HTTP: () => {} } },
  HTTP_WRITEABLE: { request: httpRequest(), on: { HTTP: (wsi) => wsi.callbackOnWritable() } },
  HTTP_FILE_COMPLETION: {
    request: httpRequest(),
    on: { HTTP: (wsi) => wsi.serveHttpFile(certificate.cert) },
  },
  ADD_HEADERS: { request: httpRequest() },
  CLOSED_HTTP: { request: httpRequest({ headers: { Connection: "close" } }) },
};

type Failure = () => CallbackResult;
const throws: Failure = () => {
  throw new Error("on purpose");
};
const rejects: Failure = async () => {
  throw new Error("on purpose");
};
const rejectsWithText: Failure = () => Promise.reject("on purpose");

const failures: [how: string, fail: Failure][] = [
  ["a throw", throws],
  ["a rejection", rejects],
  ["a rejection with what is no error", rejectsWithText],
];

const returnsOne: Failure = () => 1;
const promisesOne: Failure = async () => 1;
const nonzeros: [how: string, fail: Failure][] = [
  ["a nonzero return", returnsOne],
  ["a promise of nonzero", promisesOne],
];

const across = (reasons: object, ways: [string, Failure][]): [how: string, reason: string, fail: Failure][] =>
  Object.keys(reasons).flatMap((reason) =>
    ways.map(([how, fail]): [string, string, Failure] => [how, reason, fail]),
  );

describeLoops("row 87: a callback that fails", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  /** A session opened before still works, and so does a new one. */
  async function expectOthersGoOn(server: TestServer, other: Peer) {
    for (const peer of [other, await server.open({ headers: { "X-Other": "1" } })]) {
      peer.send(textFrame("hello"));
      expect(await peer.text()).toBe("hello");
    }
  }

  /** Only connections that are not marked as another's fail. */
  function failing(reason: string, fail: () => CallbackResult, on: Hooks = {}): ServerOptions {
    const isOther = (wsi: Wsi) => wsi.headers?.["x-other"] === "1";
    const hook = (wsi: Wsi) => (isOther(wsi) ? undefined : fail());
    const echo = (wsi: Wsi, input: never) => {
      if (reason === "RECEIVE" && !isOther(wsi)) return fail();
      wsi.write(input as string, 0);
      return undefined;
    };
    return { on: { ...on, [reason]: hook, RECEIVE: echo } };
  }
  const other = { headers: { "X-Other": "1" } };

  it.each(across(sessionReasons, failures))(
    "%s in %s: that session closes with 1011, and the log names protocol and reason",
    async (_how, reason, fail) => {
      const server = await start(failing(reason, fail));
      const bystander = await server.open(other);
      const { peer, wsi } = await server.pair();
      await sessionReasons[reason](server, peer, wsi);
      expect(await peer.close()).toMatchObject({ code: 1011 });
      peer.send(closeFrame(1011));
      const closed = await server.nth("CLOSED");
      expect(closed.wsi).toBe(wsi);
      expect(server.log.join("\n")).toMatch(new RegExp(`error .*test.*${reason.replace("+", "\\+")}`));
      expect(server.log.join("\n")).toContain("on purpose");
      await expectOthersGoOn(server, bystander);
      expect(server.all("CLOSED")).toHaveLength(1);
    },
  );

  it.each(across(sessionReasons, nonzeros))(
    "%s from %s closes that session with an empty Close",
    async (_how, reason, fail) => {
      const server = await start(failing(reason, fail));
      const bystander = await server.open(other);
      const { peer, wsi } = await server.pair();
      await sessionReasons[reason](server, peer, wsi);
      expect(await peer.close()).toMatchObject({ code: 1005 });
      peer.send(closeFrame());
      expect((await server.nth("CLOSED")).input).toMatchObject({ wasClean: true });
      await expectOthersGoOn(server, bystander);
    },
  );

  it.each(failures)("%s in ESTABLISHED: 101, then Close 1011", async (_how, fail) => {
    const server = await start(failing("ESTABLISHED", fail));
    const bystander = await server.open(other);
    const peer = await server.open();
    expect(await peer.close()).toMatchObject({ code: 1011 });
    peer.send(closeFrame(1011));
    await server.nth("CLOSED");
    await expectOthersGoOn(server, bystander);
  });

  it("a nonzero ESTABLISHED: 101, then an empty Close", async () => {
    const server = await start({ on: { ESTABLISHED: () => 1 } });
    const peer = await server.open();
    expect(readClose(await peer.frame())).toEqual({ code: 1005, reason: "" });
  });

  it.each(failures)("%s in WS_PEER_INITIATED_CLOSE: the session ends once", async (_how, fail) => {
    const server = await start(failing("WS_PEER_INITIATED_CLOSE", fail));
    const bystander = await server.open(other);
    const peer = await server.open();
    peer.send(closeFrame(1000));
    await peer.closed();
    await server.nth("CLOSED");
    await expectOthersGoOn(server, bystander);
    expect(server.all("CLOSED")).toHaveLength(1);
  });

  it.each(failures)("%s in CLOSED: it is logged and nothing else", async (_how, fail) => {
    const server = await start(failing("CLOSED", fail));
    const bystander = await server.open(other);
    const peer = await server.open();
    await peer.drop();
    await server.nth("CLOSED");
    await expectOthersGoOn(server, bystander);
    expect(server.log.join("\n")).toMatch(/error .*test.*CLOSED/);
  });

  it.each(across(httpReasons, [...failures, ...nonzeros]))(
    "%s in %s: that connection ends, and others go on",
    async (_how, reason, fail) => {
      const { request, on } = httpReasons[reason];
      let armed = false;
      const server = await start(failing(reason, () => (armed ? fail() : undefined), on));
      const bystander = await server.open(other);
      armed = true;
      const peer = await server.connect();
      peer.send(request);
      const got = (await peer.closed()).toString("latin1");
      await server.nth(reason);
      armed = false;
      expect(got).not.toContain(" 101 ");
      if (reason === "FILTER_PROTOCOL_CONNECTION") expect(got).toMatch(/^HTTP\/1.1 [45]\d\d /);
      if (reason === "HTTP") expect(got).not.toContain(" 200 ");
      await expectOthersGoOn(server, bystander);
    },
  );

  it.each(failures)("%s in EVENT_WAIT_CANCELLED or PROTOCOL_DESTROY: logged only", async (_how, fail) => {
    let armed = false;
    const hook = (): CallbackResult => (armed ? fail() : undefined);
    const server = await start({
      on: {
        EVENT_WAIT_CANCELLED: hook,
        PROTOCOL_DESTROY: hook,
        RECEIVE: (wsi, input) => void wsi.write(input, 0),
      },
    });
    const bystander = await server.open(other);
    armed = true;
    const before = server.all("EVENT_WAIT_CANCELLED").length;
    server.context.cancelService();
    await server.nth("EVENT_WAIT_CANCELLED", before + 1);
    await expectOthersGoOn(server, bystander);
    await bystander.drop();
    await server.destroy();
    expect(server.all("PROTOCOL_DESTROY")).toHaveLength(1);
    expect(server.log.join("\n")).toMatch(/error .*test.*PROTOCOL_DESTROY/);
  });

  it("in perSessionData: no session, and others go on", async () => {
    let armed = false;
    const perSessionData = () => {
      if (armed) throw new Error("on purpose");
    };
    const server = await start({
      protocol: { perSessionData },
      on: { RECEIVE: (wsi, input) => void wsi.write(input, 0) },
    });
    const bystander = await server.open();
    armed = true;
    const peer = await server.connect();
    peer.send(upgradeRequest());
    await peer.closed();
    armed = false;
    await expectOthersGoOn(server, bystander);
    expect(server.log.join("\n")).toContain("on purpose");
  });
});
