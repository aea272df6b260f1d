import { expect, it } from "vitest";
import { CallbackReason, WriteProtocol, type Wsi } from "../../lib/index.ts";
import { closeFrame, httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
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

  it("may set its timer again within TIMER", async () => {
    let left = 3;
    const server = await start({ on: { TIMER: (wsi) => (--left > 0 ? wsi.setTimer(1) : undefined) } });
    const { wsi } = await server.pair();
    wsi.setTimer(1);
    await server.nth("TIMER", 3);
  });

  it("lists the open sessions of all protocols", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [a.protocol, b.protocol] });
    await server.connect();
    const peer = await server.open();
    await server.open({ headers: { "Sec-WebSocket-Protocol": "b" } });
    const wsis = [(await a.nth("ESTABLISHED")).wsi, (await b.nth("ESTABLISHED")).wsi];
    expect(new Set(server.context.sessions())).toEqual(new Set(wsis));
    await peer.drop();
    await a.nth("CLOSED");
    expect([...server.context.sessions()]).toEqual([wsis[1]]);
  });

  it("ends with CLOSED_HTTP when the peer leaves while its upgrade is decided", async () => {
    let accept = (_value: number) => {};
    const decided = new Promise<number>((resolve) => {
      accept = resolve;
    });
    const server = await start({ on: { FILTER_PROTOCOL_CONNECTION: () => decided } });
    const peer = await server.connect();
    peer.send(upgradeRequest());
    await server.nth("FILTER_PROTOCOL_CONNECTION");
    await peer.drop();
    await server.nth("CLOSED_HTTP");
    accept(0);
    await rounds(10);
    expect(server.names().at(-1)).toBe("CLOSED_HTTP");
  });

  it("takes an upgrade behind a request on the same connection", async () => {
    const server = await start();
    const peer = await server.connect();
    peer.send(httpRequest(), upgradeRequest(), textFrame("third"));
    expect((await peer.response()).status).toBe(200);
    expect((await peer.response()).status).toBe(101);
    expect(String((await server.nth("RECEIVE")).input)).toBe("third");
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
