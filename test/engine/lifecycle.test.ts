import { expect, it } from "vitest";
import { CallbackReason, WriteProtocol, type Wsi } from "../../lib/index.ts";
import {
  closeFrame,
  httpRequest,
  parseFrames,
  pingFrame,
  textFrame,
  upgradeRequest,
} from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import {
  describeLoops,
  Recorder,
  type ServerOptions,
  startServer,
  type TestServer,
} from "../support/server.ts";

describeLoops("the life of a context and its connections", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it("begins with PROTOCOL_INIT for each protocol in the order of the table, with its options", async () => {
    const seen: unknown[] = [];
    const protocols = ["a", "b", "c"].map((name) => {
      const on = { PROTOCOL_INIT: (_wsi: Wsi, input: never) => void seen.push([name, input]) };
      return new Recorder(on, { name, options: { of: name } }).protocol;
    });
    const server = await start({ protocols });
    expect(seen).toEqual(["a", "b", "c"].map((name) => [name, { of: name }]));
    expect(server.context.protocols).toEqual(protocols);
  });

  it("calls an HTTP request's reasons in order", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(httpRequest());
    expect((await peer.response()).status).toBe(200);
    await peer.drop();
    await server.nth("CLOSED_HTTP");
    expect(server.names()).toEqual(["FILTER_NETWORK_CONNECTION", "HTTP", "ADD_HEADERS", "CLOSED_HTTP"]);
  });

  it("calls a request with a body in order", async () => {
    const server = await start({
      on: { HTTP: () => {}, HTTP_BODY_COMPLETION: (wsi) => wsi.httpReply(204) },
    });
    const peer = await server.connect();
    peer.send(httpRequest({ method: "POST", headers: { "Content-Length": "5" }, body: "hello" }));
    expect((await peer.response()).status).toBe(204);
    const order = ["FILTER_NETWORK_CONNECTION", "HTTP", "HTTP_BODY", "HTTP_BODY_COMPLETION", "ADD_HEADERS"];
    expect(server.names()).toEqual(order);
  });

  it("calls a session's reasons in order, CLOSED last and never CLOSED_HTTP", async () => {
    const server = await start({ on: { ESTABLISHED: (wsi) => wsi.callbackOnWritable() } });
    const peer = await server.open();
    await server.nth("SERVER_WRITEABLE");
    peer.send(textFrame("x"), closeFrame(1000));
    await peer.closed();
    await server.nth("CLOSED");
    await rounds(5);
    expect(server.names()).toEqual([
      "FILTER_NETWORK_CONNECTION",
      "FILTER_PROTOCOL_CONNECTION",
      "ADD_HEADERS",
      "ESTABLISHED",
      "SERVER_WRITEABLE",
      "RECEIVE",
      "WS_PEER_INITIATED_CLOSE",
      "CLOSED",
    ]);
  });

  it("ends a refused upgrade with CLOSED_HTTP, without ESTABLISHED or CLOSED", async () => {
    const server = await start({ on: { FILTER_PROTOCOL_CONNECTION: () => 1 } });
    const peer = await server.connect();
    peer.send(upgradeRequest());
    expect((await peer.response()).status).toBe(403);
    await peer.drop();
    await server.nth("CLOSED_HTTP");
    expect(server.names().filter((name) => name !== "ADD_HEADERS")).toEqual([
      "FILTER_NETWORK_CONNECTION",
      "FILTER_PROTOCOL_CONNECTION",
      "CLOSED_HTTP",
    ]);
  });

  it("drops a connection without a byte when FILTER_NETWORK_CONNECTION returns nonzero", async () => {
    const seen: string[] = [];
    const server = await start({
      on: { FILTER_NETWORK_CONNECTION: (wsi) => seen.push(wsi.remoteAddress) },
    });
    const peer = await server.connect();
    expect(await peer.closed()).toHaveLength(0);
    expect(seen).toEqual(["127.0.0.1"]);
  });

  it("ends with CLOSED for each session, then PROTOCOL_DESTROY for each protocol, once", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const order: string[] = [];
    for (const { hooks, protocol } of [a, b]) {
      hooks.CLOSED = () => void order.push("CLOSED");
      hooks.PROTOCOL_DESTROY = () => void order.push(`DESTROY ${protocol.name}`);
    }
    const server = await start({ protocols: [a.protocol, b.protocol] });
    const peers = await Promise.all([server.open(), server.open()]);
    peers.push(await server.open({ headers: { "Sec-WebSocket-Protocol": "b" } }));
    const destroyed = Promise.all([server.context.destroy(), server.context.destroy()]);
    for (const peer of peers) {
      expect(await peer.close()).toMatchObject({ code: 1001 });
      peer.send(closeFrame(1001));
    }
    await destroyed;
    await server.context.destroy();
    expect(order).toEqual(["CLOSED", "CLOSED", "CLOSED", "DESTROY a", "DESTROY b"]);
    expect(server.context.connections).toBe(0);
  });

  it("delivers frames glued to the handshake after ESTABLISHED", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(upgradeRequest(), textFrame("early"), textFrame("bird"));
    expect((await peer.response()).status).toBe(101);
    await server.nth("RECEIVE", 2);
    expect(server.names().slice(-3)).toEqual(["ESTABLISHED", "RECEIVE", "RECEIVE"]);
    expect(server.received()).toEqual(["early", "bird"]);
  });

  it("delivers them after ESTABLISHED when the decision to accept is a promise", async () => {
    let accept = (_value: number) => {};
    const decided = new Promise<number>((resolve) => (accept = resolve));
    const server = await start({ on: { FILTER_PROTOCOL_CONNECTION: () => decided } });
    const peer = await server.connect();
    peer.send(upgradeRequest(), textFrame("early"));
    await server.nth("FILTER_PROTOCOL_CONNECTION");
    await rounds(5);
    expect(server.names()).not.toContain("ESTABLISHED");
    accept(0);
    expect((await peer.response()).status).toBe(101);
    await server.nth("RECEIVE");
    expect(server.received()).toEqual(["early"]);
  });

  /** Services until `done`, which something else makes true. */
  async function serviceUntil({ context }: TestServer, done: () => boolean): Promise<void> {
    while (!done()) await context.service(50);
  }

  it("dispatches nothing before service is called, and nothing between two calls", async () => {
    const server = await start({ run: false });
    const peer = await server.connect();
    peer.send(upgradeRequest());
    await rounds(20);
    expect(server.names()).toEqual([]);
    await serviceUntil(server, () => server.names().includes("ESTABLISHED"));
    const before = server.names();
    expect((await peer.response()).status).toBe(101);
    peer.send(textFrame("x"), textFrame("y"));
    server.all("ESTABLISHED")[0].wsi.callbackOnWritable();
    server.all("ESTABLISHED")[0].wsi.setTimer(1);
    await new Promise((resolve) => setTimeout(resolve, 10));
    await rounds(20);
    expect(server.names()).toEqual(before);
    const wanted = ["RECEIVE", "SERVER_WRITEABLE", "TIMER"];
    await serviceUntil(server, () => wanted.every((name) => server.names().includes(name)));
    await peer.drop();
    await rounds(20);
    expect(server.names()).not.toContain("CLOSED");
    await serviceUntil(server, () => server.names().includes("CLOSED"));
  });

  it("dispatches nothing between two calls when a callback's promise is done then", async () => {
    let accept = (_value: number) => {};
    const decided = new Promise<number>((resolve) => {
      accept = resolve;
    });
    const server = await start({ run: false, on: { FILTER_PROTOCOL_CONNECTION: () => decided } });
    const peer = await server.connect();
    peer.send(upgradeRequest());
    await serviceUntil(server, () => server.names().includes("FILTER_PROTOCOL_CONNECTION"));
    const before = server.names();
    accept(0);
    await rounds(20);
    expect(server.names()).toEqual(before);
    await serviceUntil(server, () => server.names().includes("ESTABLISHED"));
    expect((await peer.response()).status).toBe(101);
  });

  it("makes fresh user data for each session, before the first callback that has one", async () => {
    let made = 0;
    const server = await start({ protocol: { perSessionData: () => ({ number: ++made }) } });
    const first = await server.pair();
    const second = await server.pair();
    second.peer.send(textFrame("x"));
    const received = await server.nth("RECEIVE");
    expect(first.wsi.user).not.toBe(second.wsi.user);
    expect(received.user).toBe(second.wsi.user);
    const established = server.all("ESTABLISHED").map((note) => note.user);
    expect(established).toEqual([first.wsi.user, second.wsi.user]);
    await second.peer.drop();
    expect((await server.nth("CLOSED")).user).toBe(received.user);
    expect(server.all("FILTER_NETWORK_CONNECTION")[0].user).toBeUndefined();
  });

  it("gives each HTTP request user data of its own", async () => {
    const server = await start({ protocol: { perSessionData: () => ({}) } });
    const peer = await server.connect();
    peer.send(httpRequest(), httpRequest());
    await peer.response();
    await peer.response();
    const [one, two] = server.all("HTTP").map((note) => note.user);
    expect(one).toBeTypeOf("object");
    expect(one).not.toBe(two);
  });

  it("hands a changed wsi.user to the callbacks that follow", async () => {
    const server = await start({ on: { ESTABLISHED: (wsi) => void (wsi.user = "changed") } });
    const peer = await server.open();
    peer.send(textFrame("x"));
    expect((await server.nth("RECEIVE")).user).toBe("changed");
  });

  it("calls TIMER once, at the newest time, and not after -1", async () => {
    const server = await start();
    const [cancelled, replaced, last] = [await server.pair(), await server.pair(), await server.pair()];
    cancelled.wsi.setTimer(5);
    cancelled.wsi.setTimer(-1);
    replaced.wsi.setTimer(3_600_000);
    replaced.wsi.setTimer(10);
    await server.nth("TIMER");
    last.wsi.setTimer(30);
    await server.nth("TIMER", 2);
    expect(server.all("TIMER").map((note) => note.wsi)).toEqual([replaced.wsi, last.wsi]);
  });

  it("calls reasons of the user's own for every session of the protocol and no other", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [a.protocol, b.protocol] });
    await Promise.all([server.open(), server.open()]);
    await server.open({ headers: { "Sec-WebSocket-Protocol": "b" } });
    await Promise.all([a.nth("ESTABLISHED", 2), b.nth("ESTABLISHED")]);
    server.context.callbackAllProtocol(a.protocol, CallbackReason.USER);
    server.context.callbackAllProtocol("a", CallbackReason.USER + 3);
    await a.nth("USER+3", 2);
    expect(a.all("USER")).toHaveLength(2);
    expect(new Set(a.all("USER").map((note) => note.wsi)).size).toBe(2);
    expect(b.names().filter((name) => name.startsWith("USER"))).toEqual([]);
  });

  it("calls EVENT_WAIT_CANCELLED for every protocol after cancelService", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [a.protocol, b.protocol] });
    const before = [a, b].map((each) => each.all("EVENT_WAIT_CANCELLED").length);
    server.context.cancelService();
    await a.nth("EVENT_WAIT_CANCELLED", before[0] + 1);
    const { wsi, user } = await b.nth("EVENT_WAIT_CANCELLED", before[1] + 1);
    expect(wsi.context).toBe(server.context);
    expect(wsi.getProtocol()).toBe(b.protocol);
    expect(user).toBeUndefined();
  });

  it("closes with the code and text of closeReason after a nonzero return", async () => {
    const server = await start({
      on: {
        RECEIVE(wsi) {
          wsi.closeReason(4001, "enough");
          return -1;
        },
      },
    });
    const peer = await server.open();
    peer.send(textFrame("x"));
    expect(await peer.close()).toEqual({ code: 4001, reason: "enough" });
    peer.send(closeFrame(4001, "enough"));
    expect((await server.nth("CLOSED")).input).toEqual({ code: 4001, reason: "enough", wasClean: true });
  });

  it("forgets a closeReason that its own callback did not return nonzero with", async () => {
    const server = await start({
      on: {
        RECEIVE(wsi, input) {
          if (String(input) === "close") return 1;
          return wsi.closeReason(4001, "of another callback");
        },
      },
    });
    const peer = await server.open();
    peer.send(textFrame("x"), textFrame("close"));
    expect(await peer.close()).toEqual({ code: 1005, reason: "" });
  });

  it("closes with an empty Close after a nonzero return without closeReason", async () => {
    const server = await start({ on: { RECEIVE: () => 1 } });
    const peer = await server.open();
    peer.send(textFrame("x"));
    expect(await peer.close()).toEqual({ code: 1005, reason: "" });
  });

  it("answers the peer's Close when WS_PEER_INITIATED_CLOSE returns zero", async () => {
    const server = await start();
    const peer = await server.open();
    peer.send(closeFrame(3500, "bye"));
    expect(await peer.close()).toMatchObject({ code: 3500 });
    expect((await server.nth("WS_PEER_INITIATED_CLOSE")).input).toMatchObject({ code: 3500, reason: "bye" });
  });

  it("drops the connection without an answer when it returns nonzero", async () => {
    const server = await start({ on: { WS_PEER_INITIATED_CLOSE: () => 1 } });
    const peer = await server.open();
    peer.send(closeFrame(1000));
    expect(await peer.closed()).toHaveLength(0);
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1000, wasClean: false });
  });

  it("lets WS_PEER_INITIATED_CLOSE write before the answer", async () => {
    const server = await start({
      on: { WS_PEER_INITIATED_CLOSE: (wsi) => void wsi.write("last words", WriteProtocol.TEXT) },
    });
    const peer = await server.open();
    peer.send(closeFrame(1000));
    const frames = parseFrames(await peer.closed());
    expect(frames.map((each) => each.opcode)).toEqual([1, 8]);
  });

  it("tells in CLOSED how each session ended", async () => {
    const server = await start({ timeouts: { close: 50 } });
    const ended = async (how: (pair: Awaited<ReturnType<TestServer["pair"]>>) => unknown) => {
      const count = server.all("CLOSED").length;
      await how(await server.pair());
      return (await server.nth("CLOSED", count + 1)).input;
    };
    const dropped = { code: 1006, reason: "", wasClean: false };
    const closing = (answer: Uint8Array) =>
      ended(async ({ peer, wsi }) => {
        wsi.close(4000, "done");
        expect(await peer.close()).toEqual({ code: 4000, reason: "done" });
        peer.send(answer);
      });
    expect(await closing(closeFrame(4000, "ok"))).toEqual({ code: 4000, reason: "ok", wasClean: true });
    expect(await closing(closeFrame())).toEqual({ code: 1005, reason: "", wasClean: true });
    expect(await closing(pingFrame())).toEqual(dropped);
    expect(await ended(({ peer }) => peer.send(closeFrame(1000, "bye")))).toMatchObject({ reason: "bye" });
    expect(await ended(({ peer }) => peer.end())).toEqual(dropped);
    expect(await ended(({ peer }) => peer.abort())).toEqual(dropped);
    expect(await ended(({ wsi }) => wsi.terminate())).toEqual(dropped);
    const failed = await ended(({ peer }) => peer.send(textFrame("x", { masked: false })));
    expect(failed).toMatchObject({ code: 1002, wasClean: false });
  });

  it("is harmless to use after CLOSED", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    await peer.drop();
    await server.nth("CLOSED");
    expect(wsi.state).toBe("CLOSED");
    expect(wsi.write("x", WriteProtocol.TEXT)).toBe(-1);
    expect(wsi.ping()).toBe(-1);
    wsi.close(1000);
    wsi.terminate();
    wsi.callbackOnWritable();
    wsi.rxFlowControl(false);
    wsi.rxFlowControl(true);
    wsi.setTimer(1);
    expect(wsi.getSocketFd()).toBe(-1);
    server.context.broadcast("test", "x");
    await server.open();
    await rounds(20);
    expect(server.names().slice(0, 4)).toEqual(server.names().slice(5));
  });
});
