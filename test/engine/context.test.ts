import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer as createNetServer, type Server } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ANY_PORT, CallbackReason, createContext, WriteProtocol } from "../../lib/index.ts";
import { httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import { Peer } from "../support/node-client.ts";
import { rounds } from "../support/raw.ts";
import {
  certificate,
  describeLoops,
  Recorder,
  type ServerOptions,
  speaksTls,
  startServer,
  temporaryFolder,
} from "../support/server.ts";

describeLoops("a context", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });
  const listenOn = (server: Server) =>
    new Promise<number>((resolve) =>
      server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port)),
    );
  const closeIt = (server: Server) => new Promise((resolve) => server.close(resolve));

  describe("at its start", () => {
    it("that does not listen has port 0 and can be serviced and destroyed", async () => {
      const context = await createContext({ eventLoop: loop, user: "mine" });
      expect(context).toMatchObject({ port: 0, eventLoop: loop, user: "mine", connections: 0 });
      expect(await context.service(0)).toBe(0);
      await context.destroy();
    });

    it("rejects with EADDRINUSE when the port is taken, and leaves nothing open", async () => {
      const blocker = createNetServer();
      const port = await listenOn(blocker);
      const made = createContext({ eventLoop: loop, port, host: "127.0.0.1" });
      await expect(made).rejects.toMatchObject({ code: "EADDRINUSE" });
      await closeIt(blocker);
      const context = await createContext({ eventLoop: loop, port, host: "127.0.0.1" });
      expect(context.port).toBe(port);
      await context.destroy();
    });

    it("rejects with EADDRNOTAVAIL for an address of another machine", async () => {
      const made = createContext({ eventLoop: loop, port: ANY_PORT, host: "192.0.2.1" });
      await expect(made).rejects.toMatchObject({ code: "EADDRNOTAVAIL" });
    });

    it.runIf(speaksTls(loop))("rejects for a certificate that is not there, and names it", async () => {
      const ssl = { cert: "/nowhere/cert.pem", key: "/nowhere/key.pem" };
      const made = createContext({ eventLoop: loop, port: ANY_PORT, ssl });
      await expect(made).rejects.toThrow("/nowhere/cert.pem");
    });

    it("rejects with the system's code for a Unix socket in a folder that is not there", async () => {
      const made = createContext({ eventLoop: loop, path: "/nowhere/socket" });
      await expect(made).rejects.toMatchObject({ code: expect.stringMatching(/^E(NOENT|ACCES)$/) });
    });

    it.runIf(speaksTls(loop))("rejects for a certificate that is none", async () => {
      const ssl = {
        cert: readFileSync(certificate.key, "utf8"),
        key: readFileSync(certificate.cert, "utf8"),
      };
      await expect(createContext({ eventLoop: loop, port: ANY_PORT, ssl })).rejects.toThrow();
    });

    it("fails when PROTOCOL_INIT does, with PROTOCOL_DESTROY for those that began", async () => {
      const fine = new Recorder({}, { name: "fine" });
      for (const PROTOCOL_INIT of [() => 1, async () => 1, () => Promise.reject(new Error("no"))]) {
        const bad = new Recorder({ PROTOCOL_INIT }, { name: "bad" });
        const protocols = [fine.protocol, bad.protocol];
        const logger = { error() {}, warn() {}, info() {}, debug() {} };
        await expect(createContext({ eventLoop: loop, port: ANY_PORT, protocols, logger })).rejects.toThrow(
          "bad",
        );
      }
      expect(fine.all("PROTOCOL_DESTROY")).toHaveLength(3);
    });
  });

  describe("that is serviced by hand", () => {
    it("service(0) does not wait, and service(n) at most n", async () => {
      const { context } = await start({ run: false });
      while ((await context.service(0)) !== 0);
      expect(await context.service(0)).toBe(0);
      expect(await context.service(20)).toBe(0);
    });

    it("service(-1) waits for something and tells how many connections it serviced", async () => {
      const server = await start({ run: false });
      while ((await server.context.service(0)) !== 0);
      const waiting = server.context.service(-1);
      const peer = await server.connect();
      expect(await waiting).toBeGreaterThan(0);
      peer.send(httpRequest());
      while (server.all("HTTP").length === 0) expect(await server.context.service(-1)).toBeGreaterThan(0);
      expect((await peer.response()).status).toBe(200);
    });

    it("cancelService ends a waiting call, and every protocol hears of it", async () => {
      const server = await start({ run: false });
      while ((await server.context.service(0)) !== 0);
      const before = server.all("EVENT_WAIT_CANCELLED").length;
      const waiting = server.context.service(-1);
      server.context.cancelService();
      await waiting;
      while (server.all("EVENT_WAIT_CANCELLED").length === before) await server.context.service(50);
    });

    it("a second call while one waits rejects with EBUSY", async () => {
      const { context } = await start({ run: false });
      while ((await context.service(0)) !== 0);
      const waiting = context.service(-1);
      await expect(context.service(0)).rejects.toMatchObject({ code: "EBUSY" });
      context.cancelService();
      await waiting;
      await context.service(0);
    });

    it("run while a service call waits rejects with EBUSY; the call goes on, and destroy works", async () => {
      const server = await start({ run: false });
      while ((await server.context.service(0)) !== 0);
      const waiting = server.context.service(-1);
      await expect(server.context.run()).rejects.toMatchObject({ code: "EBUSY" });
      const peer = await server.connect();
      expect(await waiting).toBeGreaterThan(0);
      await server.context.destroy();
      await peer.closed();
      expect(server.all("PROTOCOL_DESTROY")).toHaveLength(1);
    });

    it("destroy right behind such a run ends the call that waits", async () => {
      const server = await start({ run: false });
      while ((await server.context.service(0)) !== 0);
      const waiting = server.context.service(-1);
      const failed = expect(server.context.run()).rejects.toMatchObject({ code: "EBUSY" });
      await server.context.destroy();
      await Promise.all([failed, waiting]);
      expect(server.all("PROTOCOL_DESTROY")).toHaveLength(1);
    });

    it("a second run rejects with EBUSY, and the first goes on until destroy", async () => {
      const server = await start({ run: false });
      const first = server.context.run();
      await expect(server.context.run()).rejects.toMatchObject({ code: "EBUSY" });
      expect((await server.ask(httpRequest())).status).toBe(200);
      await server.destroy();
      await first;
      expect(server.all("PROTOCOL_DESTROY")).toHaveLength(1);
    });

    it("service rejects with ECANCELED once destroyed, and run resolves", async () => {
      const { context } = await start({ run: false });
      const ran = context.run();
      await context.destroy();
      await ran;
      await expect(context.service(0)).rejects.toMatchObject({ code: "ECANCELED" });
    });

    it(loop === "node" ? "serviceSync throws ENOTSUP" : "serviceSync services and blocks", async () => {
      const server = await start({ run: false });
      const { context } = server;
      if (loop === "node") {
        expect(() => context.serviceSync(0)).toThrow(expect.objectContaining({ code: "ENOTSUP" }));
        return;
      }
      const peer = await server.connect();
      peer.send(httpRequest());
      await rounds(3);
      while (server.all("HTTP").length === 0) context.serviceSync(100);
      expect(context.serviceSync(5)).toBe(0);
      expect((await peer.response()).status).toBe(200);
    });

    it("takes data for adopted and own connections in one service call each", async () => {
      const server = await start({ run: false });
      const peers = await Promise.all([server.connect(), server.connect()]);
      for (const peer of peers) peer.send(httpRequest());
      while (server.all("HTTP").length < 2) await server.context.service(50);
      for (const peer of peers) expect((await peer.response()).status).toBe(200);
      expect(server.context.connections).toBe(2);
    });
  });

  describe("that listens elsewhere", () => {
    it("serves on a Unix socket, and removes it at the end", async () => {
      const path = join(temporaryFolder(), "s.sock");
      const server = await start({ path });
      const { wsi } = await server.pair();
      expect(server.context.port).toBe(0);
      expect(wsi).toMatchObject({ remoteAddress: "", remotePort: 0 });
      await server.destroy();
      expect(existsSync(path)).toBe(false);
    });

    const tlsKinds = [
      ["paths", certificate],
      [
        "PEM text",
        { cert: readFileSync(certificate.cert, "utf8"), key: readFileSync(certificate.key, "utf8") },
      ],
    ] as const;
    it.runIf(speaksTls(loop)).each(tlsKinds)(
      "speaks TLS with certificate and key as %s",
      async (_what, ssl) => {
        const on = {
          RECEIVE: (wsi: { write(data: never, mode: number): number }, input: never) =>
            void wsi.write(input, 1),
        };
        const server = await start({ ssl, on });
        const { peer, wsi } = await server.pair();
        expect(wsi.secure).toBe(true);
        const large = "x".repeat(500_000);
        peer.send(textFrame(large), textFrame("small"));
        let got = "";
        while (!got.endsWith("small")) got += await peer.text();
        expect(got).toBe(`${large}small`);
        const other = await server.connect();
        other.send(httpRequest());
        expect((await other.response()).status).toBe(200);
      },
    );

    it("has a descriptor for each session", async () => {
      const server = await start();
      const [a, b] = [await server.pair(), await server.pair()];
      expect(a.wsi.getSocketFd()).not.toBe(b.wsi.getSocketFd());
      expect(a.wsi.getSocketFd()).toBeGreaterThan(0);
    });
  });

  describe("with plugins", () => {
    const folder = temporaryFolder();
    const plugin = (name: string, text: string) => {
      const file = join(folder, `${name}.mjs`);
      writeFileSync(file, text);
      return file;
    };
    const source = (name: string, init = "0") => `{
      name: ${JSON.stringify(name)},
      callback(wsi, reason, user, input) {
        globalThis.pluginCalls?.push([${JSON.stringify(name)}, reason, input]);
        if (reason === ${CallbackReason.PROTOCOL_INIT}) return ${init};
      },
    }`;

    it("puts their protocols behind its own, each with its options", async () => {
      const calls: unknown[][] = [];
      Object.assign(globalThis, { pluginCalls: calls });
      const one = plugin("one", `export default ${source("one")}`);
      const many = plugin("many", `export default [${source("two")}, ${source("three")}]`);
      const made = plugin("made", `export default (options) => (${source("four")})`);
      const plugins = [one, { module: many, options: { a: 1 } }, { module: made, options: { b: 2 } }];
      const server = await start({ plugins });
      const names = server.context.protocols.map((each) => each.name);
      expect(names).toEqual(["test", "one", "two", "three", "four"]);
      const inits = calls.filter(([, reason]) => reason === CallbackReason.PROTOCOL_INIT);
      expect(inits.map(([name, , input]) => [name, input])).toEqual([
        ["one", undefined],
        ["two", { a: 1 }],
        ["three", { a: 1 }],
        ["four", { b: 2 }],
      ]);
      const peer = await server.open({ headers: { "Sec-WebSocket-Protocol": "three" } });
      expect(peer.reply?.headers["sec-websocket-protocol"]).toBe("three");
      await server.destroy();
      const ends = calls.filter(([, reason]) => reason === CallbackReason.PROTOCOL_DESTROY);
      expect(ends.map(([name]) => name)).toEqual(["one", "two", "three", "four"]);
    });

    it.each([
      [
        "whose PROTOCOL_INIT fails",
        () => plugin("failing", `export default ${source("failing", "1")}`),
        "failing",
      ],
      ["that is not there", () => join(folder, "absent.mjs"), "absent"],
      ["that throws", () => plugin("thrower", `throw new Error("x")`), "thrower"],
      ["that exports no protocol", () => plugin("empty", `export default 5`), "empty"],
    ])("one %s fails the start and is named", async (_what, make, name) => {
      const made = createContext({ eventLoop: loop, port: ANY_PORT, plugins: [make()] });
      await expect(made).rejects.toThrow(name);
    });
  });

  describe("that adopts sockets", () => {
    it("takes over upgrades of a node:http server, so that both share one port", async () => {
      const server = await start({
        on: { RECEIVE: (wsi, input) => void wsi.write(input, WriteProtocol.TEXT) },
      });
      const http = createHttpServer((_request, response) => response.end("from node:http"));
      http.on("upgrade", (request, socket, head) => server.context.adoptSocket(socket, head, request));
      const port = await listenOn(http);
      const plain = await Peer.open({ port });
      plain.send(httpRequest());
      expect((await plain.response()).body.toString()).toBe("from node:http");
      const peer = await Peer.open({ port });
      peer.send(upgradeRequest({ target: "/chat?x=1", headers: { "X-A": ["1", "2"] } }), textFrame("glued"));
      expect((await peer.response()).status).toBe(101);
      expect(await peer.text()).toBe("glued");
      const { wsi } = await server.nth("ESTABLISHED");
      expect(wsi).toMatchObject({ uri: "/chat", query: "x=1", remoteAddress: "127.0.0.1" });
      expect(wsi.headers["x-a"]).toBe("1, 2");
      await peer.drop();
      await plain.drop();
      await server.nth("CLOSED");
      await closeIt(http);
    });

    it("refuses a bad upgrade there as on its own port", async () => {
      const server = await start();
      const http = createHttpServer();
      http.on("upgrade", (request, socket, head) => server.context.adoptSocket(socket, head, request));
      const peer = await Peer.open({ port: await listenOn(http) });
      peer.send(upgradeRequest({ headers: { "Sec-WebSocket-Key": "short" } }));
      expect((await peer.response()).status).toBe(400);
      await peer.closed();
      await closeIt(http);
    });

    it("reads the request itself when none is given, with or without bytes that were read", async () => {
      const server = await start();
      const heads = [undefined, upgradeRequest().slice(0, 20)];
      for (const head of heads) {
        const net = createNetServer((socket) =>
          server.context.adoptSocket(socket, head ? Buffer.from(head) : undefined),
        );
        const peer = await Peer.open({ port: await listenOn(net) });
        peer.send(upgradeRequest().slice(head?.length ?? 0));
        expect((await peer.response()).status).toBe(101);
        await peer.drop();
        await closeIt(net);
      }
      await server.nth("CLOSED", 2);
    });
  });
});
