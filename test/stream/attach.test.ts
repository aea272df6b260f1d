import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer as createHttp } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { Duplex, PassThrough } from "node:stream";
import { connect as connectTls, createServer as createTls, type TLSSocket } from "node:tls";
import { afterEach, describe, expect, it } from "vitest";
import {
  now,
  WS_NOHTTP,
  WS_TEXT,
  type WsError,
  type WsSocket,
  wsAttachClient,
  wsAttachServer,
} from "../../lib/stream/index.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { httpRequest, textFrame, upgradeRequest } from "../support/frames.ts";
import { RawClient, rounds } from "../support/raw.ts";
import { codeOf, tcpPair } from "./support.ts";

const HEAD = { resource: "/chat?room=1", host: "localhost" };
const cert = (name: string) => readFileSync(new URL(`../support/${name}.pem`, import.meta.url));

/** What is to be closed behind a test. */
const open: { close?: () => void; destroy?: () => void }[] = [];
afterEach(() => {
  for (const each of open.splice(0)) (each.destroy ?? each.close)?.call(each);
});

/** Client and server after the handshake; one message goes each way, and both detach. */
async function converse(left: Duplex, right: Duplex): Promise<void> {
  const until = { deadline: now() + 10_000 };
  const [client, server] = await Promise.all([
    wsAttachClient(left, { ...HEAD, flags: WS_TEXT, ...until }),
    wsAttachServer(right, { flags: WS_TEXT, ...until }),
  ]);
  expect([server.resource, server.host]).toEqual([HEAD.resource, HEAD.host]);
  expect([client.resource, client.host]).toEqual([HEAD.resource, HEAD.host]);
  const large = "ä".repeat(100_000);
  await client.msend(large, until);
  expect((await server.mrecv(until)).toString()).toBe(large);
  await server.msend(large, until);
  expect((await client.mrecv(until)).toString()).toBe(large);
  const detached = await Promise.all([client.detach(1000, "OK", until), server.detach(1000, "OK", until)]);
  expect(detached).toEqual([left, right]);
  await speakOn(left, right);
}

/** The streams are good for another protocol. */
async function speakOn(left: Duplex, right: Duplex): Promise<void> {
  left.write("another protocol");
  expect(String(await once(right, "data"))).toBe("another protocol");
  right.write("and its answer");
  expect(String(await once(left, "data"))).toBe("and its answer");
}

describe("a WebSocket over", () => {
  it("a pair in memory", async () => converse(...duplexPair()));

  it("TCP", async () => {
    const ends = await tcpPair();
    open.push(...ends);
    await converse(...ends);
  });

  it("TCP that is still connecting", async () => {
    const listener = createServer().listen(0, "127.0.0.1");
    open.push(listener);
    await once(listener, "listening");
    const client = connect((listener.address() as { port: number }).port, "127.0.0.1");
    const accepted = once(listener, "connection") as Promise<[Socket]>;
    const attaching = wsAttachClient(client, HEAD);
    const [server] = await accepted;
    open.push(client, server);
    await wsAttachServer(server);
    await attaching;
  });

  it("a Unix socket", async () => {
    const path = `${tmpdir()}/sluice-stream-${process.pid}.sock`;
    const listener = createServer().listen(path);
    open.push(listener);
    await once(listener, "listening");
    const client = connect(path);
    const [server] = (await once(listener, "connection")) as [Socket];
    open.push(client, server);
    await converse(client, server);
  });

  it("TLS", async () => {
    const listener = createTls({ key: cert("key"), cert: cert("cert") }).listen(0, "127.0.0.1");
    open.push(listener);
    await once(listener, "listening");
    const { port } = listener.address() as { port: number };
    const client = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
    const [server] = (await once(listener, "secureConnection")) as [TLSSocket];
    open.push(client, server);
    await converse(client, server);
  });

  it("two pipes that were made one", async () => {
    const there = new PassThrough();
    const back = new PassThrough();
    await converse(
      Duplex.from({ readable: back, writable: there }),
      Duplex.from({ readable: there, writable: back }),
    );
  });

  it("another WebSocket's stream, whose chunks are objects", async () => {
    const [left, right] = duplexPair({ readableObjectMode: true });
    await converse(left, right);
  });
});

describe("the upgrade event of node:http", () => {
  it("gives request, socket and head, and that is all it takes", async () => {
    const listener = createHttp().listen(0, "127.0.0.1");
    open.push(listener);
    await once(listener, "listening");
    const upgraded = once(listener, "upgrade");
    const client = await RawClient.connect((listener.address() as { port: number }).port);
    open.push(client.socket);
    client.send(Buffer.concat([Buffer.from(upgradeRequest({ target: "/a?b" })), textFrame("glued on")]));
    const [request, stream, initial] = await upgraded;
    const socket = await wsAttachServer(stream, { request, initial });
    expect([socket.resource, socket.host]).toEqual(["/a?b", "127.0.0.1"]);
    expect(socket.headers["sec-websocket-version"]).toBe("13");
    expect((await socket.recv()).data.toString()).toBe("glued on");
    expect((await client.bytes(12)).toString()).toBe("HTTP/1.1 101");
    socket.hclose();
  });

  it("may be answered by others, and the socket attached without a handshake", async () => {
    const [stream] = duplexPair();
    const socket = await wsAttachServer(stream, { flags: WS_NOHTTP, initial: textFrame("glued on") });
    expect((await socket.recv()).data.toString()).toBe("glued on");
  });
});

describe("the server's side", () => {
  const asking = async (text: string, options: Parameters<typeof wsAttachServer>[1] = {}) => {
    const [stream, peer] = duplexPair();
    peer.end(text);
    const attaching = wsAttachServer(stream, options).then(
      (socket): WsSocket | WsError => socket,
      (error: WsError) => error,
    );
    const answer = (await peer.take(1).toArray()).join("");
    return { result: await attaching, answer, stream };
  };

  it.each([
    ["a plain request", httpRequest(), 426, /^upgrade: websocket$/im],
    ["another method", upgradeRequest({ method: "POST" }), 405, /^allow: GET$/im],
    [
      "another version",
      upgradeRequest({ headers: { "Sec-WebSocket-Version": "8" } }),
      426,
      /^sec-websocket-version: 13$/im,
    ],
    ["no key", upgradeRequest({ headers: { "Sec-WebSocket-Key": null } }), 400, /close/],
    [
      "two keys",
      upgradeRequest({
        headers: { "Sec-WebSocket-Key": ["AAAAAAAAAAAAAAAAAAAAAA==", "AAAAAAAAAAAAAAAAAAAAAA=="] },
      }),
      400,
      /close/,
    ],
    ["no Host", upgradeRequest({ headers: { Host: null } }), 400, /close/],
    ["a long target", upgradeRequest({ target: `/${"x".repeat(9000)}` }), 414, /close/],
    ["a long head", upgradeRequest({ headers: { A: "x".repeat(17_000) } }), 431, /close/],
  ])("answers %s with an error, then destroys the stream", async (_what, text, status, header) => {
    const { result, answer, stream } = await asking(text);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(answer).toMatch(header);
    expect(result).toMatchObject({ code: status === 414 || status === 431 ? "EMSGSIZE" : "EPROTO", status });
    expect(stream.destroyed).toBe(true);
  });

  it("understands browsers, whose Connection is a list", async () => {
    const { answer } = await asking(upgradeRequest({ headers: { Connection: "keep-alive, Upgrade" } }));
    expect(answer).toMatch(/^HTTP\/1.1 101 /);
  });

  it.each([
    [true, 101],
    [false, 403],
    [401, 401],
  ])("accept may say %j, or promise it", async (said, status) => {
    for (const accept of [() => said, async () => said]) {
      const { answer } = await asking(upgradeRequest(), { accept });
      expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    }
  });

  it("accept is shown the request", async () => {
    const shown: unknown[] = [];
    await asking(
      upgradeRequest({ target: "/x", headers: { Origin: "http://a", "Sec-WebSocket-Protocol": "b, c" } }),
      {
        accept: (asked) => shown.push(asked) > 0,
      },
    );
    expect(shown).toMatchObject([
      { resource: "/x", host: "127.0.0.1", headers: { origin: "http://a" }, protocols: ["b", "c"] },
    ]);
  });

  it.each([
    [
      "throws",
      () => {
        throw new Error("mine");
      },
    ],
    ["promises to throw", () => Promise.reject(new Error("mine"))],
  ])("what accept %s is thrown on, and answered with 500", async (_how, accept) => {
    const { answer, result } = await asking(upgradeRequest(), { accept });
    expect(answer).toMatch(/^HTTP\/1.1 500 /);
    expect(result).toMatchObject({ message: "mine" });
  });

  it("accept may not take longer than the deadline", async () => {
    const [stream, peer] = duplexPair();
    peer.write(upgradeRequest());
    const accept = () => new Promise<boolean>(() => {});
    expect(await codeOf(wsAttachServer(stream, { accept, deadline: now() + 20 }))).toBe("ETIMEDOUT");
  });

  it("accept that says nothing is EINVAL, and 500 for the client", async () => {
    const { answer, result } = await asking(upgradeRequest(), { accept: (() => {}) as never });
    expect(answer).toMatch(/^HTTP\/1.1 500 /);
    expect(result).toMatchObject({ code: "EINVAL" });
  });

  const protocol = (list: string | null) => upgradeRequest({ headers: { "Sec-WebSocket-Protocol": list } });
  it.each<[string | null, Parameters<typeof wsAttachServer>[1], number, string]>([
    ["b, a", { protocols: ["a", "b"] }, 101, "b"],
    ["c, a", { protocols: ["a", "b"] }, 101, "a"],
    ["c", { protocols: ["a"] }, 400, ""],
    ["c", {}, 101, ""],
    [null, { protocols: ["a"] }, 101, ""],
    ["a, b", { protocols: ({ protocols }) => protocols.at(-1) }, 101, "b"],
    ["a, b", { protocols: () => undefined }, 101, ""],
    ["a, b", { protocols: () => "c" }, 500, ""],
  ])("chooses among %s", async (list, options, status, chosen) => {
    const { answer, result } = await asking(protocol(list), options);
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(/^sec-websocket-protocol: (.*)\r$/im.exec(answer)?.[1] ?? "").toBe(chosen);
    if (status === 101) expect((result as WsSocket).protocol).toBe(chosen);
  });

  it("adds headers to its answer", async () => {
    const { answer } = await asking(upgradeRequest(), { headers: { "Set-Cookie": ["a=1", "b=2"] } });
    expect(answer).toContain("\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n");
  });

  it("takes a request in any cuts, with messages behind it", async () => {
    const bytes = Buffer.concat([Buffer.from(upgradeRequest()), textFrame("behind")]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const [stream, peer] = duplexPair();
      const attaching = wsAttachServer(stream, { initial: Buffer.from(bytes.subarray(0, cut)) });
      peer.write(Buffer.from(bytes.subarray(cut)));
      const socket = await attaching;
      expect((await socket.recv()).data.toString()).toBe("behind");
    }
  });
});

describe("the client's side", () => {
  it("sends what it is told, and knows what was answered", async () => {
    const [left, right] = duplexPair();
    const [client, server] = await Promise.all([
      wsAttachClient(left, {
        ...HEAD,
        origin: "http://here",
        protocols: ["a", "b"],
        headers: { Cookie: "c=1" },
      }),
      wsAttachServer(right, { protocols: ["b"], headers: { Server: "sluice" } }),
    ]);
    expect(server.headers).toMatchObject({ origin: "http://here", cookie: "c=1" });
    expect([client.protocol, server.protocol]).toEqual(["b", "b"]);
    expect(client.headers).toMatchObject({ server: "sluice" });
  });

  it("gives status and headers of an answer that is not 101, and destroys the stream", async () => {
    const [stream, peer] = duplexPair();
    peer.write("HTTP/1.1 302 Found\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n");
    const error = await wsAttachClient(stream, HEAD).catch((thrown: WsError) => thrown);
    expect(error).toMatchObject({ code: "EPROTO", status: 302, headers: { location: "/there" } });
    expect(stream.destroyed).toBe(true);
  });

  it.each([
    ["another key's answer", { "Sec-WebSocket-Accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" }],
    ["a sub-protocol that nobody asked for", { "Sec-WebSocket-Protocol": "x" }],
    ["an extension that nobody asked for", { "Sec-WebSocket-Extensions": "x" }],
  ])("does not take %s", async (_what, headers) => {
    const [stream, peer] = duplexPair();
    const lines = Object.entries({ Upgrade: "websocket", Connection: "Upgrade", ...headers });
    peer.write(`HTTP/1.1 101 x\r\n${lines.map((line) => line.join(": ")).join("\r\n")}\r\n\r\n`);
    expect(await codeOf(wsAttachClient(stream, HEAD))).toBe("EPROTO");
  });
});

it("leaves no listener behind on a stream that it has refused", async () => {
  const stream = new PassThrough();
  stream.setEncoding("utf8");
  await codeOf(wsAttachServer(stream));
  expect([stream.listenerCount("error"), stream.destroyed]).toEqual([0, false]);
});

it("destroys the stream whatever goes wrong, and nobody falls over its errors", async () => {
  for (const options of [{ flags: 9 }, { deadline: 0 }, { signal: AbortSignal.abort() }]) {
    const [stream] = duplexPair();
    expect(await codeOf(wsAttachServer(stream, options))).toBeDefined();
    expect(stream.destroyed).toBe(true);
    stream.emit("error", new Error("late"));
  }
});

it("rejects when the client has gone while accept took its time", async () => {
  const [stream, peer] = duplexPair({ allowHalfOpen: false });
  let accept: (yes: boolean) => void = () => {};
  const attaching = codeOf(
    wsAttachServer(stream, { accept: () => new Promise((resolve) => (accept = resolve)) }),
  );
  peer.write(upgradeRequest());
  await rounds();
  // It is heard of as long as the stream flows, which rests when there is more to read than the request.
  stream.resume();
  peer.end();
  await rounds();
  accept(true);
  expect(await attaching).toBe("ECONNRESET");
});
