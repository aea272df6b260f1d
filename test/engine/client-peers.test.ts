import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttp, type Server } from "node:http";
import { createServer as createHttps } from "node:https";
import type { Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer, type ServerOptions as WsOptions } from "ws";
import { type ClientConnectOptions, permessageDeflate, WriteProtocol } from "../../lib/index.ts";
import { outcome, startClient } from "../support/client.ts";
import { certificate, describeLoops } from "../support/server.ts";

/* The client against servers that other people wrote. */

const { TEXT, BINARY } = WriteProtocol;
const pem = { cert: readFileSync(certificate.cert, "utf8"), key: readFileSync(certificate.key, "utf8") };

describeLoops("a client of servers of others", (loop) => {
  const servers = new Set<Server>();
  const accepted = new Set<Socket>();
  afterEach(async () => {
    for (const server of servers) {
      server.close();
      for (const socket of accepted) socket.destroy();
      await once(server, "close");
    }
    servers.clear();
  });

  /** A server of `ws` that echoes, and the port it listens on. */
  async function start(options: WsOptions = {}, tls?: object) {
    const http = tls === undefined ? createHttp() : createHttps({ ...pem, ...tls });
    http.on("connection", (socket: Socket) => {
      accepted.add(socket);
      socket.on("close", () => accepted.delete(socket));
    });
    const wss = new WebSocketServer({ server: http, ...options });
    const sockets: WebSocket[] = [];
    wss.on("connection", (socket) => {
      sockets.push(socket);
      socket.on("error", () => {});
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    servers.add(http as Server);
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const { port } = http.address() as { port: number };
    return { port, wss, sockets };
  }

  async function connect(
    port: number,
    options: Partial<ClientConnectOptions> = {},
    extensions = [] as never[],
  ) {
    const client = await startClient(loop, { protocol: { wholeMessages: true }, extensions });
    const wsi = client.context.clientConnect({ address: "127.0.0.1", port, ...options });
    return { client, wsi, error: await outcome(client) };
  }

  it("exchanges text, binary, empty and large messages, and closes cleanly", async () => {
    const { port } = await start();
    const { client, wsi, error } = await connect(port);
    expect(error).toBeUndefined();
    const messages = [
      "héllo 😀",
      "",
      Buffer.from([0, 255]),
      Buffer.alloc(1 << 20, "abc"),
      "x".repeat(70_000),
    ];
    for (const [index, data] of messages.entries()) {
      wsi.write(data, typeof data === "string" ? TEXT : BINARY);
      const { input } = await client.nth("CLIENT_RECEIVE", index + 1);
      expect((input as Buffer).equals(Buffer.from(data as string))).toBe(true);
    }
    wsi.close(4001, "done");
    expect((await client.nth("CLIENT_CLOSED")).input).toEqual({ code: 4001, reason: "done", wasClean: true });
  });

  it("is closed by the server, with code and reason", async () => {
    const { port, sockets } = await start();
    const { client } = await connect(port);
    sockets[0].close(4002, "over");
    expect((await client.nth("CLIENT_CLOSED")).input).toEqual({ code: 4002, reason: "over", wasClean: true });
  });

  it.each([{}, { noContextTakeover: true }, { clientMaxWindowBits: 10, serverMaxWindowBits: 10 }])(
    "compresses as agreed with %j",
    async ({ noContextTakeover = false, ...bits }: { noContextTakeover?: boolean }) => {
      const takeover = {
        serverNoContextTakeover: noContextTakeover,
        clientNoContextTakeover: noContextTakeover,
      };
      const { port, sockets } = await start({ perMessageDeflate: { threshold: 0, ...takeover, ...bits } });
      const extensions = [permessageDeflate()] as never[];
      const { client, wsi, error } = await connect(port, {}, extensions);
      expect(error).toBeUndefined();
      expect(sockets[0].extensions).toContain("permessage-deflate");
      const text = JSON.stringify(Array.from({ length: 500 }, (_, i) => ({ i, word: "compress" })));
      for (let i = 1; i <= 5; i++) {
        wsi.write(text, TEXT);
        expect(String((await client.nth("CLIENT_RECEIVE", i)).input)).toBe(text);
      }
      wsi.close(1000);
      await client.nth("CLIENT_CLOSED");
    },
  );

  it("takes a server that agrees on no compression", async () => {
    const { port } = await start({ perMessageDeflate: false });
    const { wsi, error } = await connect(port, {}, [permessageDeflate()] as never[]);
    expect([error, wsi.headers["sec-websocket-extensions"]]).toEqual([undefined, undefined]);
  });

  it("asks for sub-protocols, and tells which one the server chose", async () => {
    const { port } = await start({ handleProtocols: (names) => [...names].at(-1)! });
    const { wsi, error } = await connect(port, { protocol: ["one", "two"] });
    expect(error).toBeUndefined();
    expect(wsi.headers["sec-websocket-protocol"]).toBe("two");
    expect(wsi.protocolsAsked).toEqual(["one", "two"]);
  });

  it("is refused with 401 and its headers", async () => {
    const verifyClient: WsOptions["verifyClient"] = (info, decide) => {
      const right = info.req.headers.authorization === `Basic ${btoa("user:pass word")}`;
      decide(right, 401, "Unauthorized", { "WWW-Authenticate": 'Basic realm="test"' });
    };
    const { port } = await start({ verifyClient });
    const { error } = await connect(port);
    expect(error).toMatchObject({ code: "ERR_HANDSHAKE", status: 401 });
    expect(error!.headers!["www-authenticate"]).toBe('Basic realm="test"');
    const client = await startClient(loop);
    client.context.clientConnect({ url: `ws://user:pass%20word@127.0.0.1:${port}/` });
    expect(await outcome(client)).toBeUndefined();
  });

  it("is dropped without a word, and hears 1006", async () => {
    const { port, sockets } = await start();
    const { client } = await connect(port);
    sockets[0].terminate();
    expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1006, wasClean: false });
  });

  describe("over TLS", () => {
    it("takes a self-signed certificate with ssl 2, and says that it is secure", async () => {
      const { port } = await start({}, {});
      const { client, wsi, error } = await connect(port, { ssl: 2 });
      expect(error).toBeUndefined();
      expect([wsi.secure, wsi.remoteAddress, wsi.remotePort]).toEqual([true, "127.0.0.1", port]);
      const big = Buffer.alloc(1 << 20, "tls");
      wsi.write(big, BINARY);
      expect(((await client.nth("CLIENT_RECEIVE")).input as Buffer).equals(big)).toBe(true);
      wsi.close(1000);
      expect((await client.nth("CLIENT_CLOSED")).input).toMatchObject({ code: 1000, wasClean: true });
    });

    it("refuses it with ssl 1", async () => {
      const { port, sockets } = await start({}, {});
      const { error } = await connect(port, { ssl: 1 });
      expect(error).toMatchObject({ code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
      expect(sockets).toEqual([]);
    });

    it.each([
      ["PEM text", pem.cert],
      ["a path", certificate.cert],
      ["a list", [pem.cert]],
    ])("trusts a certificate that is given as %s", async (_what, ca) => {
      const { port } = await start({}, {});
      expect((await connect(port, { ssl: { ca } })).error).toBeUndefined();
    });

    it("checks the name: that in host, and servername before it", async () => {
      const { port } = await start({}, {});
      const ca = pem.cert;
      expect((await connect(port, { ssl: { ca }, host: "localhost" })).error).toBeUndefined();
      expect((await connect(port, { ssl: { ca }, host: "other.test" })).error?.code).toBe(
        "ERR_TLS_CERT_ALTNAME_INVALID",
      );
      const both = await connect(port, { ssl: { ca, servername: "localhost" }, host: "other.test" });
      expect(both.error).toBeUndefined();
    });

    it("shows its own certificate where the server asks for it", async () => {
      const asking = { requestCert: true, ca: pem.cert, rejectUnauthorized: true };
      const { port } = await start({}, asking);
      expect((await connect(port, { ssl: { ca: pem.cert, ...certificate } })).error).toBeUndefined();
      const without = await connect(port, { ssl: { ca: pem.cert } });
      expect(without.error?.code).toMatch(/ECONNRESET|ERR_SSL|EPROTO/);
    });

    it("says which file of a certificate it cannot read", async () => {
      const { error } = await connect(1, { ssl: { ca: "/not/there.pem" } });
      expect(error).toMatchObject({ code: "ERR_SSL_FILE" });
      expect(error!.message).toContain("ssl.ca: cannot read");
    });

    it("fails where the server speaks no TLS", async () => {
      const { port } = await start();
      const { error } = await connect(port, { ssl: 2 });
      expect(error?.code).toMatch(/^(EPROTO|ECONNRESET|ERR_SSL_\w+)$/);
    });

    it("and in plain where the server speaks it", async () => {
      const { port } = await start({}, {});
      const { error } = await connect(port, { ssl: 0 });
      expect(error?.code).toMatch(/^(ERR_HANDSHAKE|ECONNRESET)$/);
    });
  });
});
