import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type Server } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as tlsConnect, createServer as tlsCreateServer } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { WS_BINARY, WS_TEXT, type WsSocket, wsAttachClient, wsAttachServer } from "../../lib/stream/index.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { certificate } from "../support/server.ts";

const keys = { cert: readFileSync(certificate.cert), key: readFileSync(certificate.key) };

/** About the places where the form of the length changes (RFC 6455 section 5.2), and beyond one chunk of a socket. */
const SIZES = [0, 1, 124, 125, 126, 127, 128, 65_534, 65_535, 65_536, 65_537, 200_000];

const open: { close(): unknown }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) each.close();
});

type Pair = [client: Duplex, server: Duplex];

async function accepted(
  server: ReturnType<typeof createServer>,
  event: string,
  dial: () => Socket,
): Promise<Pair> {
  open.push(server);
  const arrival = once(server, event) as Promise<[Socket]>;
  const client = dial();
  const [[stream]] = await Promise.all([
    arrival,
    once(client, event === "connection" ? "connect" : "secureConnect"),
  ]);
  open.push({ close: () => [client, stream].map((end) => end.destroy()) });
  return [client, stream];
}

async function listening<S extends Server | ReturnType<typeof createServer>>(
  server: S,
  path?: string,
): Promise<number> {
  if (path === undefined) server.listen(0, "127.0.0.1");
  else server.listen(path);
  await once(server, "listening");
  return path === undefined ? (server.address() as AddressInfo).port : 0;
}

const transports: Record<string, () => Promise<Pair>> = {
  async "a TCP connection"() {
    const server = createServer();
    const port = await listening(server);
    return accepted(server, "connection", () => connect(port, "127.0.0.1"));
  },
  async "a TLS connection"() {
    const server = tlsCreateServer(keys);
    const port = await listening(server);
    const dial = () => tlsConnect({ port, host: "127.0.0.1", ca: keys.cert, servername: "localhost" });
    return accepted(server, "secureConnection", dial);
  },
  async "a Unix socket"() {
    const server = createServer();
    const path = join(tmpdir(), `sluice-stream-${process.pid}-${Math.random().toString(36).slice(2)}.sock`);
    await listening(server, path);
    return accepted(server, "connection", () => connect(path));
  },
  async "a pair in memory"() {
    return duplexPair();
  },
};

/** Bytes of a message that differ from place to place, and are ASCII. */
const message = (size: number) => Buffer.alloc(size, "The quick brown fox jumps over the lazy dog. ");

describe.each(Object.entries(transports))("over %s", (_name, makePair) => {
  async function attach(): Promise<[WsSocket, WsSocket]> {
    const [client, server] = await makePair();
    return Promise.all([
      wsAttachClient(client, { resource: "/a?b=1", host: "www.example.org" }),
      wsAttachServer(server),
    ]);
  }

  it("both ends agree, and exchange messages of every size both ways", async () => {
    const [client, server] = await attach();
    expect([server.resource, server.host]).toEqual(["/a?b=1", "www.example.org"]);
    for (const [flags, from, to] of [
      [WS_BINARY, client, server],
      [WS_TEXT, server, client],
    ] as const) {
      for (const size of SIZES) {
        const [got] = await Promise.all([to.recv(), from.send(flags, message(size))]);
        expect({ size, flags: got.flags, same: got.data.equals(message(size)) }).toEqual({
          size,
          flags,
          same: true,
        });
      }
    }
    const [left, right] = await Promise.all([client.detach(1000, "OK"), server.detach(1000, "OK")]);
    left.end();
    right.end();
  });

  it("what is sent at once comes one by one", async () => {
    const [client, server] = await attach();
    const all = Array.from({ length: 200 }, (_, i) => `${i} ${"x".repeat(i * 37)}`);
    const sending = (async () => {
      for (const each of all) await client.send(WS_TEXT, each);
      await client.done(1000, "that is all");
    })();
    const got: string[] = [];
    for await (const { data } of server) got.push(String(data));
    await sending;
    expect(got).toEqual(all);
    expect(server.status()).toEqual({ status: 1000, message: Buffer.from("that is all") });
    client.hclose();
    server.hclose();
  });
});

describe("a client of npm ws", () => {
  it.each([false, true])("talks to wsAttachServer behind node:http (TLS: %s)", async (secure) => {
    const server = secure ? createHttpsServer(keys) : createHttpServer();
    open.push(server);
    const port = await listening(server);
    const echoing = new Promise<{ text: boolean; closed: object }>((resolve, reject) => {
      server.on("upgrade", async (request, stream, initial) => {
        try {
          const socket = await wsAttachServer(stream, { request, initial, protocols: ["echo"] });
          for await (const { flags, data } of socket) await socket.send(flags, data);
          const closed = socket.status();
          (await socket.detach(closed.status)).end();
          resolve({ text: socket.protocol === "echo", closed });
        } catch (error) {
          reject(error);
        }
      });
    });
    const url = `${secure ? "wss" : "ws"}://127.0.0.1:${port}/`;
    const client = new WebSocket(url, ["other", "echo"], { ca: keys.cert, rejectUnauthorized: false });
    await once(client, "open");
    for (const size of SIZES) {
      for (const binary of [false, true]) {
        client.send(message(size), { binary });
        const [data, came] = (await once(client, "message")) as [Buffer, boolean];
        expect({ size, came, same: data.equals(message(size)) }).toEqual({ size, came: binary, same: true });
      }
    }
    client.ping("are you there");
    // The server reads, since it waits for the next message.
    expect(String((await once(client, "pong"))[0])).toBe("are you there");
    client.send("in ", { fin: false });
    client.send("three ", { fin: false });
    client.send("parts", { fin: true });
    expect(String((await once(client, "message"))[0])).toBe("in three parts");
    client.close(4000, "enough");
    const [code] = (await once(client, "close")) as [number];
    expect(code).toBe(4000);
    expect(await echoing).toEqual({ text: true, closed: { status: 4000, message: Buffer.from("enough") } });
  });

  it("is refused with the status of accept, and by a list without a name that is known", async () => {
    const server = createServer(async (stream) => {
      await wsAttachServer(stream, {
        protocols: ["echo"],
        accept: ({ headers }) => "cookie" in headers || 401,
      }).catch(() => {});
    });
    open.push(server);
    const port = await listening(server as never);
    const statusOf = async (protocols: string[], headers = {}) => {
      const client = new WebSocket(`ws://127.0.0.1:${port}/`, protocols, { headers });
      client.on("error", () => {});
      const [request, response] = await once(client, "unexpected-response");
      request.destroy();
      return response.statusCode;
    };
    expect(await statusOf(["echo"])).toBe(401);
    expect(await statusOf(["chat"], { cookie: "a=b" })).toBe(400);
  });
});

describe("a server of npm ws", () => {
  async function serve(options: object, onSession: (session: WebSocket) => void): Promise<number> {
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", ...options });
    open.push({ close: () => server.close() });
    server.on("connection", onSession);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  }

  async function dial(port: number, options = {}): Promise<WsSocket> {
    const stream = connect(port, "127.0.0.1");
    open.push({ close: () => stream.destroy() });
    await once(stream, "connect");
    return wsAttachClient(stream, { resource: "/", host: `127.0.0.1:${port}`, ...options });
  }

  it("answers each message of wsAttachClient, of every size", async () => {
    const port = await serve({}, (session) =>
      session.on("message", (data: RawData, binary: boolean) => session.send(data, { binary })),
    );
    const socket = await dial(port, { protocols: ["echo"], headers: { cookie: "a=b" } }).catch(
      (error) => error,
    );
    // It chooses the first protocol of the list unless told otherwise.
    expect(socket.protocol).toBe("echo");
    for (const size of SIZES) {
      for (const flags of [WS_TEXT, WS_BINARY]) {
        await socket.send(flags, message(size));
        const got = await socket.recv();
        expect({ size, flags: got.flags, same: got.data.equals(message(size)) }).toEqual({
          size,
          flags,
          same: true,
        });
      }
    }
    (await socket.detach(1000, "OK")).end();
  });

  it("closes first, and is heard", async () => {
    const port = await serve({}, (session) => session.close(4001, "not now"));
    const socket = await dial(port);
    await expect(socket.recv()).rejects.toMatchObject({ code: "EPIPE" });
    expect(socket.status()).toEqual({ status: 4001, message: Buffer.from("not now") });
    (await socket.detach(4001)).end();
  });

  it("refuses, and its status and headers are told", async () => {
    const verifyClient = (
      _: unknown,
      answer: (ok: boolean, code: number, text: string, headers: object) => void,
    ) => answer(false, 401, "No", { "WWW-Authenticate": "Basic" });
    const port = await serve({ verifyClient }, () => {});
    await expect(dial(port)).rejects.toMatchObject({
      code: "EPROTO",
      status: 401,
      headers: { "www-authenticate": "Basic" },
    });
  });
});
