import { afterEach, describe, expect, it } from "vitest";
import { createContext, NO_LISTEN, type Protocol, WriteProtocol, type Wsi } from "../../lib/index.ts";
import {
  type Answer,
  clientFrame,
  FakeServer,
  outcome,
  startClient,
  stopFakes,
  switching,
} from "../support/client.ts";
import { closeFrame, pingFrame, pongFrame, textFrame } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import {
  describeLoops,
  type Hooks,
  Recorder,
  type ServerOptions,
  startServer,
  temporaryFolder,
} from "../support/server.ts";

const { TEXT, BINARY, NO_FIN, CONTINUATION } = WriteProtocol;
const plain = { masked: false };
const accept: Answer = (peer, request) => peer.send(switching(request));

/** Sends back what comes. */
const echo: Hooks = {
  RECEIVE: (wsi: Wsi, input: never) => void wsi.write(input, wsi.frameIsBinary() ? BINARY : TEXT),
};

describeLoops("a client", (loop) => {
  afterEach(stopFakes);

  /** A client's context, and a connection of it to a fake server. */
  async function connect(answer: Answer, on: Hooks = {}, options: ServerOptions = {}) {
    const fake = await FakeServer.start(answer);
    const client = await startClient(loop, { on, ...options });
    const wsi = client.context.clientConnect({ address: "127.0.0.1", port: fake.port });
    return { fake, client, wsi };
  }

  /** As `connect`, with the session open. */
  async function open(on: Hooks = {}, options: ServerOptions = {}) {
    const all = await connect(accept, on, options);
    await all.client.nth("CLIENT_ESTABLISHED");
    return { ...all, peer: all.fake.peers[0] };
  }

  describe("to our own server", () => {
    const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, on: echo, ...options });

    it("lives from CONNECTING to CLIENT_CLOSED, in the order that the documentation draws", async () => {
      const server = await start();
      const client = await startClient(loop);
      const wsi = client.context.clientConnect({ address: "127.0.0.1", port: server.port, protocol: "test" });
      expect(wsi.state).toBe("CONNECTING");
      expect(wsi.write("early", TEXT)).toBe(-1);
      expect(client.names()).toEqual([]);
      await client.nth("CLIENT_ESTABLISHED");
      expect(wsi.state).toBe("ESTABLISHED");
      expect(wsi.write("hello", TEXT)).toBe(5);
      expect(String((await client.nth("CLIENT_RECEIVE")).input)).toBe("hello");
      wsi.ping("p");
      expect(String((await client.nth("CLIENT_RECEIVE_PONG")).input)).toBe("p");
      wsi.callbackOnWritable();
      await client.nth("CLIENT_WRITEABLE");
      wsi.close(1000, "bye");
      expect((await client.nth("CLIENT_CLOSED")).input).toEqual({ code: 1000, reason: "", wasClean: true });
      expect(wsi.state).toBe("CLOSED");
      expect(client.names()).toEqual([
        "CLIENT_APPEND_HANDSHAKE_HEADER",
        "CLIENT_ESTABLISHED",
        "CLIENT_RECEIVE",
        "CLIENT_RECEIVE_PONG",
        "CLIENT_WRITEABLE",
        "CLIENT_CLOSED",
      ]);
      expect((await server.nth("CLOSED")).input).toEqual({ code: 1000, reason: "bye", wasClean: true });
    });

    it("tells WS_PEER_INITIATED_CLOSE before CLIENT_CLOSED when the server begins to close", async () => {
      const server = await start({ on: { RECEIVE: (wsi) => wsi.close(4000, "enough") } });
      const client = await startClient(loop, {
        on: { CLIENT_ESTABLISHED: (wsi) => void wsi.write("x", TEXT) },
      });
      client.context.clientConnect({ address: "127.0.0.1", port: server.port });
      expect((await client.nth("CLIENT_CLOSED")).input).toEqual({
        code: 4000,
        reason: "enough",
        wasClean: true,
      });
      expect(client.names().slice(-2)).toEqual(["WS_PEER_INITIATED_CLOSE", "CLIENT_CLOSED"]);
    });

    it("shares a context, its table and its turns with a server", async () => {
      const server = await start();
      server.context.clientConnect({ url: `ws://127.0.0.1:${server.port}/a?b=c`, protocol: "test" });
      await server.nth("CLIENT_ESTABLISHED");
      await server.nth("ESTABLISHED");
      expect([...server.context.sessions()]).toHaveLength(2);
      expect(server.context.connections).toBe(2);
      const [{ wsi }] = server.all("CLIENT_ESTABLISHED");
      expect([wsi.method, wsi.uri, wsi.query, wsi.protocolsAsked]).toEqual(["", "/a", "b=c", ["test"]]);
      expect(wsi.headers["sec-websocket-protocol"]).toBe("test");
      expect([wsi.remoteAddress, wsi.remotePort, wsi.secure]).toEqual(["127.0.0.1", server.port, false]);
      const [{ wsi: other }] = server.all("ESTABLISHED");
      expect([other.uri, other.query]).toEqual(["/a", "b=c"]);
      server.context.broadcast("test", "to both");
      await server.nth("BROADCAST", 2);
    });

    it("goes through a Unix socket", async () => {
      const path = `${temporaryFolder()}/s`;
      const server = await start({ path });
      const client = await startClient(loop);
      client.context.clientConnect({ socketPath: path, path: "/x" });
      expect(await outcome(client)).toBeUndefined();
      expect((await server.nth("ESTABLISHED")).wsi.headers["host"]).toBe("localhost");
    });

    it("finds a server that listens on one family only by a name that has both", async () => {
      const server = await start({ host: "127.0.0.1" });
      const client = await startClient(loop);
      client.context.clientConnect({ address: "localhost", port: server.port });
      expect(await outcome(client)).toBeUndefined();
    });

    it("carries 2 MiB in pieces, and as one with wholeMessages", async () => {
      const server = await start({ protocol: { wholeMessages: true } });
      const big = Buffer.alloc(2 << 20, "0123456789abcdef!");
      for (const wholeMessages of [false, true]) {
        const client = await startClient(loop, { protocol: { wholeMessages } });
        const wsi = client.context.clientConnect({ address: "127.0.0.1", port: server.port });
        await client.nth("CLIENT_ESTABLISHED");
        wsi.write(big.subarray(0, 1 << 20), BINARY | NO_FIN);
        wsi.write(big.subarray(1 << 20), CONTINUATION);
        const got = () => Buffer.concat(client.all("CLIENT_RECEIVE").map((note) => note.input as Buffer));
        await client.until(() => got().length === big.length);
        expect(got().equals(big)).toBe(true);
        expect(client.all("CLIENT_RECEIVE").length === 1).toBe(wholeMessages);
      }
    });

    it("opens and closes 200 connections at once, and leaves none", async () => {
      const server = await start();
      const client = await startClient(loop, {
        on: {
          CLIENT_ESTABLISHED: (wsi) => void wsi.write("x", TEXT),
          CLIENT_RECEIVE: (wsi) => wsi.close(1000),
        },
      });
      for (let i = 0; i < 200; i++) client.context.clientConnect({ address: "127.0.0.1", port: server.port });
      await client.nth("CLIENT_CLOSED", 200);
      expect(client.all("CLIENT_CONNECTION_ERROR")).toEqual([]);
      while (client.context.connections > 0) await rounds(1);
    });
  });

  describe("the request", () => {
    it("is what was asked for, with the headers that the callback adds", async () => {
      const on: Hooks = {
        CLIENT_APPEND_HANDSHAKE_HEADER: (_wsi, add: (name: string, value: string) => void) => {
          add("X-One", "1");
          add("x-many", "2");
          add("authorization", "Bearer u");
          expect(() => add("Host", "elsewhere")).toThrow(TypeError);
          expect(() => add("X-Bad", "a\r\nb")).toThrow(TypeError);
        },
      };
      const fake = await FakeServer.start(accept);
      const client = await startClient(loop, { on });
      client.context.clientConnect({
        address: "127.0.0.1",
        port: fake.port,
        path: "/chat?room=1",
        host: "example.com",
        origin: "https://example.com",
        protocol: "test, other",
        headers: { "X-Many": ["0", "1"], Authorization: "Bearer t" },
      });
      expect(await outcome(client)).toBeUndefined();
      expect(fake.requests[0].replace(/(Key: ).*/, "$1…")).toBe(
        [
          "GET /chat?room=1 HTTP/1.1",
          "Host: example.com",
          "Upgrade: websocket",
          "Connection: Upgrade",
          "Sec-WebSocket-Key: …",
          "Sec-WebSocket-Version: 13",
          "Origin: https://example.com",
          "Sec-WebSocket-Protocol: test, other",
          "X-Many: 0",
          "X-Many: 1",
          "X-Many: 2",
          "authorization: Bearer u",
          "X-One: 1",
          "\r\n",
        ]
          .join("\r\n")
          .replace("\r\n\r\n\r\n", "\r\n\r\n"),
      );
    });

    it("waits for a promise of the callback, which may fetch a token", async () => {
      const on: Hooks = {
        CLIENT_APPEND_HANDSHAKE_HEADER: async (_wsi, add: (name: string, value: string) => void) => {
          await rounds();
          add("X-Token", "late");
        },
      };
      const { fake, client } = await connect(accept, on);
      expect(await outcome(client)).toBeUndefined();
      expect(fake.requests[0]).toContain("\r\nX-Token: late\r\n");
    });

    it("takes no header once the callback is over: add throws", async () => {
      for (const delay of [() => {}, () => Promise.resolve()]) {
        let late: (name: string, value: string) => void = () => {};
        const on: Hooks = {
          CLIENT_APPEND_HANDSHAKE_HEADER: (_wsi, add: typeof late) => {
            late = add;
            add("X-In", "time");
            return delay() as undefined;
          },
        };
        const { fake, client } = await connect(accept, on);
        expect(await outcome(client)).toBeUndefined();
        expect(fake.requests[0]).toContain("X-In: time");
        expect(() => late("X-Too", "late")).toThrow(expect.objectContaining({ code: "ERR_REQUEST_SENT" }));
      }
    });

    it.each([
      ["returns nonzero", () => 1, "ECANCELED"],
      [
        "throws",
        () => {
          throw new Error("no");
        },
        "ERR_CALLBACK",
      ],
      [
        "rejects",
        async () => {
          throw new Error("no");
        },
        "ERR_CALLBACK",
      ],
      ["closes", (wsi: Wsi) => wsi.close(), "ECANCELED"],
      ["terminates", (wsi: Wsi) => wsi.terminate(), "ECANCELED"],
    ])("is not sent when the callback %s", async (_what, hook, code) => {
      const { fake, client } = await connect(accept, { CLIENT_APPEND_HANDSHAKE_HEADER: hook });
      expect((await outcome(client))?.code).toBe(code);
      await client.destroy();
      expect(fake.requests).toEqual([]);
      expect(client.names()).toEqual(["CLIENT_APPEND_HANDSHAKE_HEADER", "CLIENT_CONNECTION_ERROR"]);
    });
  });

  describe("the session", () => {
    it("delivers frames that came glued to the 101 behind CLIENT_ESTABLISHED", async () => {
      const frames = Buffer.concat([textFrame("one", plain), textFrame("two", plain)]);
      const { client } = await connect((peer, request) =>
        peer.send(Buffer.concat([Buffer.from(switching(request)), frames])),
      );
      await client.nth("CLIENT_RECEIVE", 2);
      expect(client.all("CLIENT_RECEIVE").map(({ input }) => String(input))).toEqual(["one", "two"]);
      expect(client.names().indexOf("CLIENT_ESTABLISHED")).toBe(1);
    });

    it.each(["Content-Length: 7", "Transfer-Encoding: chunked", "Content-Length: x"])(
      "begins right behind a 101 that has %s: it has no body, whatever it says (RFC 9112 section 6.3)",
      async (header) => {
        const { client } = await connect((peer, request) =>
          peer.send(
            Buffer.concat([Buffer.from(switching(request, `${header}\r\n`)), textFrame("hello", plain)]),
          ),
        );
        expect(String((await client.nth("CLIENT_RECEIVE")).input)).toBe("hello");
      },
    );

    it("keeps them for who holds receiving back, before or in CLIENT_ESTABLISHED", async () => {
      const answer: Answer = (peer, request) =>
        peer.send(Buffer.concat([Buffer.from(switching(request)), textFrame("one", plain)]));
      for (const early of [true, false]) {
        const fake = await FakeServer.start(answer);
        const on: Hooks = early ? {} : { CLIENT_ESTABLISHED: (wsi: Wsi) => wsi.rxFlowControl(false) };
        const client = await startClient(loop, { on });
        const wsi = client.context.clientConnect({ url: fake.url });
        if (early) wsi.rxFlowControl(false);
        await client.nth("CLIENT_ESTABLISHED");
        await fake.peers[0].send(textFrame("two", plain));
        await rounds();
        expect(client.all("CLIENT_RECEIVE")).toEqual([]);
        wsi.rxFlowControl(true);
        await client.nth("CLIENT_RECEIVE", 2);
      }
    });

    it("remembers callbackOnWritable from before it was open", async () => {
      const { client, wsi } = await connect(accept);
      wsi.callbackOnWritable();
      wsi.callbackOnWritable();
      await client.nth("CLIENT_WRITEABLE");
      expect(client.names().slice(-2)).toEqual(["CLIENT_ESTABLISHED", "CLIENT_WRITEABLE"]);
    });

    it("masks every frame, each with a mask of its own", async () => {
      const { peer, wsi } = await open();
      const masks = new Set<string>();
      for (let i = 0; i < 50; i++) wsi.write("same", TEXT);
      for (let i = 0; i < 50; i++) {
        const { opcode, mask, payload } = await clientFrame(peer);
        expect([opcode, payload.toString()]).toEqual([1, "same"]);
        masks.add(mask);
      }
      expect(masks.size).toBeGreaterThan(45);
    });

    it("answers a ping with a masked pong, and tells pongs that came unasked", async () => {
      const { client, peer } = await open();
      await peer.send(Buffer.concat([pingFrame("p", plain), pongFrame("q", plain)]));
      expect(await clientFrame(peer)).toMatchObject({ opcode: 10, payload: Buffer.from("p") });
      expect(String((await client.nth("CLIENT_RECEIVE_PONG")).input)).toBe("q");
    });

    it("fails with 1002 when the server masks (row 48: a masked frame)", async () => {
      const { client, peer } = await open();
      await peer.send(textFrame("x"));
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1002, wasClean: false });
      expect(client.all("CLIENT_RECEIVE")).toEqual([]);
    });

    it("waits for the server to close TCP, and no longer than timeouts.close", async () => {
      const { client, wsi, peer } = await open({}, { timeouts: { close: 50 } });
      wsi.close(1000);
      await peer.bytes(8);
      await peer.send(closeFrame(1000, "", plain));
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1000, wasClean: true });
      await peer.closed();
    });

    it("gives up a server that answers no Close: 1006", async () => {
      const { client, wsi } = await open({}, { timeouts: { close: 30 } });
      wsi.close(1000);
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1006, wasClean: false });
    });

    it("pings a quiet server, and drops it when nothing comes: 1006", async () => {
      const { client, peer } = await open({}, { timeouts: { ping: 20, pong: 20 } });
      expect((await clientFrame(peer)).opcode).toBe(9);
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1006 });
    });

    it.each([
      ["nonzero", () => 1, 1005],
      [
        "a throw",
        () => {
          throw new Error("no");
        },
        1011,
      ],
    ])("closes for %s in CLIENT_RECEIVE", async (_what, hook, code) => {
      const { client, peer } = await open({ CLIENT_RECEIVE: hook });
      await peer.send(textFrame("x", plain));
      expect((await clientFrame(peer)).opcode).toBe(8);
      if (code === 1005) await peer.send(closeFrame(undefined, "", plain));
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code });
    });

    it("closes for nonzero in CLIENT_ESTABLISHED", async () => {
      const { client } = await connect(
        async (peer, request) => {
          await peer.send(switching(request));
          await peer.bytes(6);
          await peer.send(closeFrame(undefined, "", plain));
          peer.end();
        },
        { CLIENT_ESTABLISHED: () => 1 },
      );
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1005, wasClean: true });
    });

    it("counts in context.connections until CLIENT_CLOSED is told, here and at the server's", async () => {
      const counts: number[] = [];
      const count = (wsi: Wsi) => void counts.push(wsi.context.connections);
      const server = await startServer({ eventLoop: loop, on: { CLOSED: count } });
      const client = await startClient(loop, { on: { CLIENT_CLOSED: count } });
      for (const how of ["client", "server"]) {
        client.context.clientConnect({ address: "127.0.0.1", port: server.port });
        const nth = how === "client" ? 1 : 2;
        const [mine, theirs] = [
          await client.nth("CLIENT_ESTABLISHED", nth),
          await server.nth("ESTABLISHED", nth),
        ];
        (how === "client" ? mine : theirs).wsi.terminate();
        await Promise.all([client.nth("CLIENT_CLOSED", nth), server.nth("CLOSED", nth)]);
      }
      expect(counts).toEqual([1, 1, 1, 1]);
    });

    it("drops at terminate, once: 1006", async () => {
      const { client, wsi } = await open();
      wsi.terminate();
      wsi.terminate();
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1006 });
      await client.destroy();
      expect(client.all("CLIENT_CLOSED")).toHaveLength(1);
    });
  });

  describe("whose callback it is", () => {
    const tables = (trace: string[]): Protocol[] =>
      ["first", "a", "b"].map((name) => ({
        name,
        perSessionData: () => `user of ${name}`,
        callback: (_wsi: Wsi, reason: number, user: unknown) => {
          if (reason === 24 || reason === 3) trace.push(`${name} ${reason} ${String(user)}`);
        },
      }));
    const choosing = (chosen?: string): Answer => {
      const header = chosen === undefined ? "" : `Sec-WebSocket-Protocol: ${chosen}\r\n`;
      return (peer, request) => peer.send(switching(request, header));
    };

    it.each([
      ["asked for nothing", undefined, undefined, undefined, ["first", "first"]],
      ["asked for one of the table", "a", undefined, "a", ["a", "a"]],
      ["asked for two, and the server chose the second", ["a", "b"], undefined, "b", ["a", "b"]],
      ["asked for one that is not in the table", "z", undefined, "z", ["first", "first"]],
      ["asked, and the server chose none", "b", undefined, undefined, ["b", "b"]],
      ["said whose it is", ["z", "b"], "a", "b", ["a", "a"]],
    ])("%s", async (_what, protocol, localProtocol, chosen, names) => {
      const trace: string[] = [];
      const fake = await FakeServer.start(choosing(chosen));
      const context = await createContext({ port: NO_LISTEN, eventLoop: loop, protocols: tables(trace) });
      void context.run();
      const options = {
        url: fake.url,
        ...(protocol && { protocol }),
        ...(localProtocol && { localProtocol }),
      };
      context.clientConnect(options);
      while (trace.length < 2) await rounds(1);
      await stopFakes();
      await context.destroy();
      expect(trace).toEqual([`${names[0]} 24 user of ${names[0]}`, `${names[1]} 3 user of ${names[1]}`]);
    });

    it("has the user that was given in place of what perSessionData makes", async () => {
      const fake = await FakeServer.start(accept);
      const client = await startClient(loop, { protocol: { perSessionData: () => "made" } });
      const wsi = client.context.clientConnect({ url: fake.url, user: "given" });
      expect(wsi.user).toBe("given");
      expect((await client.nth("CLIENT_ESTABLISHED")).user).toBe("given");
    });

    it("fails when perSessionData throws", async () => {
      const fake = await FakeServer.start(accept);
      const perSessionData = () => {
        throw new Error("no");
      };
      const client = await startClient(loop, { protocol: { perSessionData } });
      client.context.clientConnect({ url: fake.url });
      expect((await outcome(client))?.code).toBe("ERR_CALLBACK");
      expect(client.context.connections).toBe(0);
    });
  });

  describe("giving up", () => {
    it.each(["close", "terminate"] as const)(
      "by %s tells ECANCELED once, and not from within the call",
      async (how) => {
        const { client, wsi } = await connect(() => {});
        wsi[how]();
        expect(wsi.state).toBe("CLOSED");
        expect(client.names()).toEqual([]);
        wsi[how]();
        expect((await outcome(client))?.code).toBe("ECANCELED");
        await client.destroy();
        expect(client.names()).toEqual(["CLIENT_CONNECTION_ERROR"]);
      },
    );

    it("in the midst of the handshake", async () => {
      let asked = () => {};
      const request = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const { client, wsi, fake } = await connect(() => asked());
      await request;
      wsi.close();
      expect((await outcome(client))?.code).toBe("ECANCELED");
      await fake.peers[0].closed();
      expect(client.context.connections).toBe(0);
    });

    it("by destroy: 1001 for who is open, an error for who is not", async () => {
      const server = await startServer({ eventLoop: loop, on: echo });
      const silent = await FakeServer.start(() => {});
      const client = await startClient(loop);
      client.context.clientConnect({ address: "127.0.0.1", port: server.port });
      await client.nth("CLIENT_ESTABLISHED");
      const late = client.context.clientConnect({ url: silent.url });
      await client.destroy();
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1001, wasClean: true });
      expect(client.all("CLIENT_CLOSED")[0].input).toMatchObject({ code: 1001, wasClean: true });
      expect(client.all("CLIENT_CONNECTION_ERROR")).toHaveLength(1);
      expect(client.all("CLIENT_CONNECTION_ERROR")[0].wsi).toBe(late);
      expect(client.notes.at(-1)?.reason).toBe("PROTOCOL_DESTROY");
      expect(() => client.context.clientConnect({ url: silent.url })).toThrow(/destroyed/);
    });

    it("by perSessionData of a later attempt, which then goes nowhere", async () => {
      const abort = new AbortController();
      let made = 0;
      const perSessionData = () => {
        if (++made === 2) abort.abort();
        return {};
      };
      const fake = await FakeServer.start((peer) => peer.abort());
      const client = await startClient(loop, { protocol: { perSessionData } });
      client.context.clientConnect({ url: fake.url, signal: abort.signal, retry: { minDelay: 1 } });
      expect((await client.nth("CLIENT_CONNECTION_ERROR", 2)).input).toMatchObject({ code: "ECANCELED" });
      await rounds(30);
      expect([fake.peers.length, client.context.connections]).toEqual([1, 0]);
    });

    it("by perSessionData of the protocol that the server chose: one outcome, and no session", async () => {
      const abort = new AbortController();
      const [a, b] = ["a", "b"].map((name) => {
        return new Recorder({}, { name, perSessionData: () => name === "b" && abort.abort() });
      });
      const fake = await FakeServer.start((peer, request) =>
        peer.send(switching(request, "Sec-WebSocket-Protocol: b\r\n")),
      );
      const client = await startClient(loop, { protocols: [a.protocol, b.protocol] });
      client.context.clientConnect({ url: fake.url, protocol: ["a", "b"], signal: abort.signal });
      await b.nth("CLIENT_CONNECTION_ERROR");
      await fake.peers[0].closed();
      expect([a.names(), b.names()]).toEqual([
        ["CLIENT_APPEND_HANDSHAKE_HEADER"],
        ["CLIENT_CONNECTION_ERROR"],
      ]);
      expect(client.context.connections).toBe(0);
    });

    it("of an attempt that is over, by a token that comes to nothing too late: the next one is made", async () => {
      let fail = (_error: Error) => {};
      const fake = await FakeServer.start(accept);
      const client = await startClient(loop, {
        on: {
          CLIENT_APPEND_HANDSHAKE_HEADER: (wsi) =>
            wsi.attempt > 1 ? 0 : new Promise<number>((_, reject) => void (fail = reject)),
          CLIENT_CONNECTION_ERROR: () => fail(new Error("too late")),
        },
      });
      client.context.clientConnect({ url: fake.url, timeout: 50, retry: { minDelay: 20 } });
      expect((await client.nth("CLIENT_CONNECTION_ERROR")).input).toMatchObject({ code: "ETIMEDOUT" });
      await client.nth("CLIENT_ESTABLISHED");
    });

    it("in TIMER, by a nonzero return", async () => {
      const { client, wsi } = await connect(() => {}, { TIMER: () => 1 });
      wsi.setTimer(1);
      expect((await outcome(client))?.code).toBe("ECANCELED");
    });
  });

  it("calls nothing before the context is serviced", async () => {
    const fake = await FakeServer.start(accept);
    const client = await startClient(loop, { run: false });
    client.context.clientConnect({ url: fake.url });
    await rounds(30);
    expect(client.names()).toEqual([]);
    while (client.all("CLIENT_ESTABLISHED").length === 0) await client.context.service(-1);
  });

  it("throws a TypeError for a wrong option, and connects nowhere", async () => {
    const client = await startClient(loop);
    const wrong = { address: "127.0.0.1", localProtocol: "nobody" };
    expect(() => client.context.clientConnect(wrong)).toThrow(
      new TypeError('localProtocol: no protocol named "nobody" in this context'),
    );
    expect(() => client.context.clientConnect({})).toThrow(/^address: /);
    expect(() => client.context.clientConnect(undefined as never)).toThrow(/takes an object of options/);
    expect(client.context.connections).toBe(0);
  });
});
