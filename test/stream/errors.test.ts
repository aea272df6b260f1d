import { PassThrough, Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import { brokenBy, WsError } from "../../lib/stream/errors.ts";
import {
  now,
  WS_BINARY,
  WS_NOHTTP,
  WS_TEXT,
  WsStorage,
  wsAttachClient,
  wsAttachClientMem,
  wsAttachServer,
  wsAttachServerMem,
  wsResponseKey,
} from "../../lib/stream/index.ts";
import type { WsSocket } from "../../lib/stream/socket.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import {
  binaryFrame,
  closeFrame,
  frame,
  httpRequest,
  OPCODE,
  textFrame,
  upgradeRequest,
} from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { choke, codeOf, type Raw, rawServer } from "./support.ts";

const aborted = () => AbortSignal.abort(new Error("enough"));
const bad = (value: unknown) => value as never;
const NOHTTP = { flags: WS_NOHTTP };
const HEAD = { resource: "/", host: "localhost" };
const refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";

/** A row: which code, how it is provoked, what is done. */
type Row = [code: string, how: string, act: () => Promise<unknown>];

// What happens to a socket before the call that throws.
const detached = ({ socket, peer }: Raw) => {
  peer.end();
  return socket.detach();
};
const breaks = ({ stream }: Raw) => {
  stream.destroy(new Error("no"));
  return rounds(2);
};
const cutOff = ({ stream }: Raw) => {
  stream.destroy();
  return rounds(2);
};
const ends = ({ peer }: Raw) => {
  peer.end();
  return rounds(2);
};
const sends = async (raw: Raw) => {
  await choke(raw);
  raw.socket.send(0, "x").catch(() => {});
};

/** An end of a stream whose other end has done something. */
async function streamAfter(act: (peer: ReturnType<typeof duplexPair>[0]) => void) {
  const [stream, peer] = duplexPair();
  act(peer);
  await rounds(2);
  return stream;
}

const broken = (code: string) => {
  const stream = silent();
  setImmediate(() => stream.destroy(Object.assign(new Error("no"), { code })));
  return stream;
};
const ended = () => streamAfter((peer) => peer.end());
const silent = () => {
  const [stream, peer] = duplexPair();
  peer.on("error", () => {});
  return stream;
};
const saying = (text: string) => streamAfter((peer) => void peer.write(text));
const attachedStream = async () => {
  const stream = silent();
  await wsAttachServer(stream, NOHTTP);
  return stream;
};
const usedStorage = async () => {
  const storage = new WsStorage();
  await wsAttachServerMem(silent(), { ...NOHTTP, storage });
  return storage;
};

const attach: Record<string, Row[]> = {
  wsAttachServer: [
    ["EBADF", "a destroyed stream", async () => wsAttachServer(new PassThrough().destroy())],
    ["EBADF", "a stream that another socket has", async () => wsAttachServer(await attachedStream(), NOHTTP)],
    ["ENOTSUP", "no Duplex", async () => wsAttachServer(bad(Readable.from([])))],
    ["ENOTSUP", "nothing", async () => wsAttachServer(bad(undefined))],
    ["ENOTSUP", "a stream of text", async () => wsAttachServer(new PassThrough().setEncoding("utf8"))],
    ["ENOTSUP", "a stream of objects", () => objects((stream) => wsAttachServer(stream))],
    ["EINVAL", "unknown flags", async () => wsAttachServer(silent(), { flags: 4 })],
    ["EINVAL", "a wrong size", async () => wsAttachServer(silent(), { maxMessageSize: -1 })],
    ["EINVAL", "a wrong limit", async () => wsAttachServer(silent(), { maxHeaderBytes: 0 })],
    ["EINVAL", "initial text", async () => wsAttachServer(silent(), { initial: bad("text") })],
    ["EINVAL", "no options", async () => wsAttachServer(silent(), bad(null))],
    ["EINVAL", "a number for options", async () => wsAttachServer(silent(), bad(5))],
    ["EINVAL", "accept that is no function", async () => wsAttachServer(silent(), { accept: bad(true) })],
    ["EINVAL", "protocols in one string", async () => wsAttachServer(silent(), { protocols: bad("a") })],
    ["EINVAL", "a protocol of two words", async () => wsAttachServer(silent(), { protocols: ["a b"] })],
    ["EINVAL", "headers in one string", async () => wsAttachServer(silent(), { headers: bad("A: 1") })],
    ["EINVAL", "a request that is none", async () => wsAttachServer(silent(), { request: bad({}) })],
    ["EINVAL", "a deadline of -5", async () => wsAttachServer(silent(), { deadline: -5 })],
    ["EINVAL", "no signal", async () => wsAttachServer(silent(), { signal: bad({}) })],
    ["EINVAL", "a header of ours", async () => wsAttachServer(silent(), { headers: { Upgrade: "x" } })],
    ["EINVAL", "an impossible header", async () => wsAttachServer(silent(), { headers: { A: "\n" } })],
    ["EPROTO", "what is no HTTP", async () => wsAttachServer(await saying("\0\0\0\0"))],
    ["EPROTO", "a plain request", async () => wsAttachServer(await saying(httpRequest()))],
    [
      "EMSGSIZE",
      "a long head",
      async () => wsAttachServer(await saying(upgradeRequest()), { maxHeaderBytes: 50 }),
    ],
    ["ECONNRESET", "the stream's end", async () => wsAttachServer(await ended())],
    ["ECONNRESET", "a broken stream", async () => wsAttachServer(broken("ECONNREFUSED"))],
    ["EMFILE", "no descriptor", async () => wsAttachServer(broken("EMFILE"))],
    ["ENOMEM", "no memory", async () => wsAttachServer(broken("ENOMEM"))],
    ["ETIMEDOUT", "a deadline", async () => wsAttachServer(silent(), { deadline: now() + 2 })],
    ["ETIMEDOUT", "a deadline of 0", async () => wsAttachServer(silent(), { deadline: 0 })],
    ["ECANCELED", "a signal", async () => wsAttachServer(silent(), { signal: AbortSignal.timeout(2) })],
    ["ECANCELED", "a signal before", async () => wsAttachServer(silent(), { signal: aborted() })],
  ],
  wsAttachServerMem: [
    ["EINVAL", "no storage", async () => wsAttachServerMem(silent(), bad(NOHTTP))],
    ["EINVAL", "something else", async () => wsAttachServerMem(silent(), { storage: bad({}) })],
    [
      "EBUSY",
      "one in use",
      async () => wsAttachServerMem(silent(), { ...NOHTTP, storage: await usedStorage() }),
    ],
    ["EBADF", "a destroyed stream", async () => memServer(new PassThrough().destroy())],
    ["ETIMEDOUT", "a deadline", async () => memServer(silent(), { deadline: now() + 2 })],
  ],
  wsAttachClient: [
    ["EBADF", "a destroyed stream", async () => wsAttachClient(new PassThrough().destroy(), HEAD)],
    ["EBADF", "a stream that another socket has", async () => wsAttachClient(await attachedStream(), NOHTTP)],
    ["ENOTSUP", "no Duplex", async () => wsAttachClient(bad({}), HEAD)],
    ["EINVAL", "no resource", async () => wsAttachClient(silent(), { host: "a" })],
    ["EINVAL", "no host", async () => wsAttachClient(silent(), { resource: "/" })],
    [
      "EINVAL",
      "a blank in the resource",
      async () => wsAttachClient(silent(), { ...HEAD, resource: "/a b" }),
    ],
    [
      "EINVAL",
      "protocols in one string",
      async () => wsAttachClient(silent(), { ...HEAD, protocols: bad("a") }),
    ],
    ["EINVAL", "a line in the resource", async () => wsAttachClient(silent(), { ...HEAD, resource: "/\n" })],
    ["EINVAL", "an impossible host", async () => wsAttachClient(silent(), { ...HEAD, host: "a b" })],
    ["EINVAL", "a header of ours", async () => wsAttachClient(silent(), { ...HEAD, headers: { Host: "a" } })],
    ["EPROTO", "what is no HTTP", async () => wsAttachClient(await saying("SSH-2.0"), HEAD)],
    ["EPROTO", "an answer that is not 101", async () => wsAttachClient(await saying(refusal), HEAD)],
    ["ECONNRESET", "the stream's end", async () => wsAttachClient(await ended(), HEAD)],
    ["ECONNRESET", "a broken stream", async () => wsAttachClient(broken("ECONNREFUSED"), HEAD)],
    ["EMFILE", "no descriptor", async () => wsAttachClient(broken("EMFILE"), HEAD)],
    ["ETIMEDOUT", "a deadline", async () => wsAttachClient(silent(), { ...HEAD, deadline: now() + 2 })],
    [
      "ECANCELED",
      "a signal",
      async () => wsAttachClient(silent(), { ...HEAD, signal: AbortSignal.timeout(2) }),
    ],
  ],
  wsAttachClientMem: [
    ["EINVAL", "no storage", async () => wsAttachClientMem(silent(), bad(NOHTTP))],
    [
      "EBUSY",
      "one in use",
      async () => wsAttachClientMem(silent(), { ...NOHTTP, storage: await usedStorage() }),
    ],
  ],
};

function memServer(stream: PassThrough | ReturnType<typeof silent>, more: { deadline?: number } = {}) {
  return wsAttachServerMem(stream, { ...more, storage: new WsStorage() });
}

async function objects(attachTo: (stream: PassThrough) => Promise<unknown>): Promise<unknown> {
  const stream = new PassThrough({ objectMode: true });
  const attaching = attachTo(stream);
  stream.write({});
  return attaching;
}

describe.each(Object.entries(attach))("%s", (_name, rows) => {
  it.each(rows)("throws %s for %s", async (code, _how, act) => {
    const error = await act().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(WsError);
    expect((error as WsError).code).toBe(code);
  });
});

// ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────────

type Deadline = Parameters<WsSocket["send"]>[2];
const senders: Record<string, (socket: WsSocket, deadline?: Deadline) => Promise<unknown>> = {
  send: (socket, deadline) => socket.send(WS_BINARY, "x", deadline),
  sendl: (socket, deadline) => socket.sendl(WS_BINARY, ["x", "y"], deadline),
  msend: (socket, deadline) => socket.msend("x", deadline),
  msendl: (socket, deadline) => socket.msendl(["x", "y"], deadline),
  done: (socket, deadline) => socket.done(1000, "", deadline),
};

describe.each(Object.entries(senders))("%s", (_name, send) => {
  const socketAfter = async (act: (raw: Raw) => unknown) => {
    const raw = await rawServer({}, { highWaterMark: 2000 });
    await act(raw);
    return raw;
  };

  it.each<[string, string, (raw: Raw) => unknown, Deadline?]>([
    ["EBADF", "after hclose", ({ socket }) => socket.hclose()],
    ["EBADF", "after detach", detached],
    ["EPIPE", "after done", ({ socket }) => socket.done(1000)],
    ["EPIPE", "after the stream was ended", ({ stream }) => stream.end()],
    ["ECONNRESET", "after the stream broke", breaks],
    ["ECONNRESET", "after the stream was cut off", cutOff],
    ["EINVAL", "with a deadline that is none", () => {}, bad("soon")],
    ["EINVAL", "with a deadline that is no number", () => {}, Number.NaN],
    ["ECANCELED", "with a signal that was aborted", () => {}, { signal: aborted() }],
    ["EBUSY", "while another call sends", sends],
    ["ETIMEDOUT", "at a deadline of 0, without room", choke, 0],
    ["ETIMEDOUT", "at its deadline, without room", choke, { deadline: 1 }],
    ["ECANCELED", "at a signal, without room", choke, { signal: AbortSignal.timeout(5) }],
  ])("throws %s %s", async (code, _how, act, deadline) => {
    const { socket } = await socketAfter(act);
    expect(await codeOf(send(socket, deadline))).toBe(code);
  });

  it("throws ECANCELED when the socket is closed while it waits", async () => {
    const raw = await socketAfter(choke);
    const sending = codeOf(send(raw.socket));
    raw.socket.hclose();
    expect(await sending).toBe("ECANCELED");
  });

  it("throws ECONNRESET when the stream breaks while it waits", async () => {
    const raw = await socketAfter(choke);
    const sending = codeOf(send(raw.socket));
    raw.stream.destroy(new Error("no"));
    expect(await sending).toBe("ECONNRESET");
  });
});

describe("what cannot be sent", () => {
  it.each<[string, (socket: WsSocket) => Promise<unknown>]>([
    ["unknown flags", (socket) => socket.send(8, "x")],
    ["flags that are no number", (socket) => socket.send(bad("text"), "x")],
    ["data that is none", (socket) => socket.send(WS_TEXT, bad(undefined))],
    ["text that is not UTF-8", (socket) => socket.send(WS_TEXT, Buffer.of(0xff))],
    ["parts that are no list", (socket) => socket.sendl(WS_TEXT, bad("x"))],
    ["a part that is no data", (socket) => socket.sendl(WS_TEXT, [bad(1)])],
    ["parts that are not UTF-8 together", (socket) => socket.sendl(WS_TEXT, ["x", Buffer.of(0xc3)])],
    ["a status below 1000", (socket) => socket.done(999)],
    ["a status that is never sent", (socket) => socket.done(1005)],
    ["a status above 4999", (socket) => socket.detach(5000)],
    ["a message without status", (socket) => socket.done(0, "x")],
    ["a message of 124 bytes", (socket) => socket.done(1000, "x".repeat(124))],
    ["a message of 42 wide characters", (socket) => socket.detach(1000, "€".repeat(42))],
    ["a message that is not UTF-8", (socket) => socket.done(1000, Buffer.of(0xff))],
  ])("throws EINVAL for %s, and nothing has changed", async (_how, act) => {
    const { socket, stream } = await rawServer();
    expect(await codeOf(act(socket))).toBe("EINVAL");
    expect(stream.written).toEqual([]);
    expect(await codeOf(socket.send(WS_TEXT, "x"))).toBeUndefined();
  });
});

// ── Receiving ────────────────────────────────────────────────────────────────────────────────────────────────

const buffers = () => [Buffer.alloc(2), Buffer.alloc(2)];
const receivers: Record<
  string,
  (socket: WsSocket, until?: { deadline?: number; signal?: AbortSignal }) => Promise<unknown>
> = {
  recv: (socket, until) => socket.recv({ ...until, maxLength: 4 }),
  recvl: (socket, until) => socket.recvl(buffers(), until),
  mrecv: (socket, until) => socket.mrecv({ ...until, maxLength: 4 }),
  mrecvl: (socket, until) => socket.mrecvl(buffers(), until),
};

describe.each(Object.entries(receivers))("%s", (_name, receive) => {
  it.each<[string, string, (raw: Raw) => unknown, { deadline?: number; signal?: AbortSignal }?]>([
    ["EBADF", "after hclose", ({ socket }) => socket.hclose()],
    ["EBADF", "after detach", detached],
    ["EPIPE", "after the peer's Close", ({ peer }) => peer.write(closeFrame(1000))],
    ["EPIPE", "after an empty Close", ({ peer }) => peer.write(closeFrame())],
    ["EPIPE", "after the end of the stream", ends],
    ["ECONNRESET", "after the stream broke", breaks],
    ["ECONNRESET", "after the stream was cut off", cutOff],
    ["EMSGSIZE", "for a message that does not fit", ({ peer }) => peer.write(binaryFrame("12345"))],
    ["EPROTO", "for a frame without mask", ({ peer }) => peer.write(binaryFrame("1", { masked: false }))],
    ["EPROTO", "for a reserved bit", ({ peer }) => peer.write(binaryFrame("1", { rsv: 4 }))],
    ["EPROTO", "for text that is not UTF-8", ({ peer }) => peer.write(textFrame(Buffer.of(0xff)))],
    ["EPROTO", "for a Close of one byte", ({ peer }) => peer.write(frame("x", { opcode: OPCODE.close }))],
    ["EPROTO", "for a wrong status", ({ peer }) => peer.write(closeFrame(1005))],
    ["EINVAL", "with a deadline that is none", () => {}, { deadline: bad("soon") }],
    ["EINVAL", "with a signal that is none", () => {}, { signal: bad("soon") }],
    ["ECANCELED", "with a signal that was aborted", () => {}, { signal: aborted() }],
    ["ECANCELED", "at a signal", () => {}, { signal: AbortSignal.timeout(5) }],
    ["ETIMEDOUT", "at a deadline of 0", () => {}, { deadline: 0 }],
    ["ETIMEDOUT", "at its deadline", () => {}, { deadline: 1 }],
    ["EBUSY", "while another call receives", ({ socket }) => void socket.recv().catch(() => {})],
  ])("throws %s %s", async (code, _how, act, until) => {
    const raw = await rawServer();
    await act(raw);
    expect(await codeOf(receive(raw.socket, until))).toBe(code);
  });

  it("throws ECONNRESET behind a failure, and sending throws EPIPE", async () => {
    const { socket, peer } = await rawServer();
    peer.write(binaryFrame("1", { rsv: 4 }));
    expect(await codeOf(receive(socket))).toBe("EPROTO");
    const error = await receive(socket).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "ECONNRESET", cause: { code: "EPROTO" } });
    expect(await codeOf(socket.send(0, "x"))).toBe("EPIPE");
    expect(await codeOf(socket.detach())).toBe("ECONNRESET");
  });

  it("throws ECANCELED when the socket is closed while it waits", async () => {
    const { socket } = await rawServer();
    const receiving = codeOf(receive(socket));
    socket.hclose();
    expect(await receiving).toBe("ECANCELED");
  });
});

describe("arguments of receiving", () => {
  it.each<[string, (socket: WsSocket) => Promise<unknown>]>([
    ["a maxLength below 0", (socket) => socket.recv({ maxLength: -1 })],
    ["a maxLength that is no number", (socket) => socket.mrecv({ maxLength: bad("1") })],
    ["no list of buffers", (socket) => socket.recvl(bad(Buffer.alloc(1)))],
    ["a buffer that is none", (socket) => socket.mrecvl([bad("x")])],
  ])("throw EINVAL: %s", async (_how, act) => {
    expect(await codeOf(act((await rawServer()).socket))).toBe("EINVAL");
  });
});

it.each<[string, (socket: WsSocket) => Promise<unknown>]>([
  ["mrecv", (socket) => socket.mrecv()],
  ["mrecvl", (socket) => socket.mrecvl([Buffer.alloc(9)])],
])("%s throws EPROTO for a message of the other type, which is gone, and goes on", async (_name, receive) => {
  const { socket, peer } = await rawServer({ flags: WS_TEXT });
  peer.write(Buffer.concat([binaryFrame("wrong"), textFrame("right")]));
  expect(await codeOf(receive(socket))).toBe("EPROTO");
  expect((await socket.mrecv()).toString()).toBe("right");
});

// ── Closing ──────────────────────────────────────────────────────────────────────────────────────────────────

describe("detach", () => {
  it.each<[string, string, (raw: Raw) => unknown, Deadline?]>([
    ["EBADF", "after hclose", ({ socket }) => socket.hclose()],
    ["EBADF", "the second time", detached],
    ["EBUSY", "while a call receives", ({ socket }) => void socket.recv().catch(() => {})],
    ["EBUSY", "while a call sends", sends],
    ["ETIMEDOUT", "when the peer does not close", () => {}, 0],
    ["ETIMEDOUT", "when there is no room for the Close", choke, 0],
    ["ECANCELED", "at a signal", () => {}, { signal: AbortSignal.timeout(2) }],
    ["ECONNRESET", "after the stream broke", breaks],
    ["ECONNRESET", "when the stream breaks", ({ stream }) => void setImmediate(() => stream.destroy())],
    ["EPROTO", "when the peer breaks a rule", ({ peer }) => peer.write(binaryFrame("", { rsv: 1 }))],
  ])("throws %s %s", async (code, _how, act, deadline) => {
    const raw = await rawServer({}, { highWaterMark: 2000 });
    await act(raw);
    expect(await codeOf(raw.socket.detach(1000, "", deadline))).toBe(code);
  });
});

it("status throws EAGAIN before the peer's Close, and for an end of the stream without one", async () => {
  const { socket, peer } = await rawServer();
  expect(() => socket.status()).toThrow(expect.objectContaining({ code: "EAGAIN" }));
  peer.end();
  expect(await codeOf(socket.recv())).toBe("EPIPE");
  expect(() => socket.status()).toThrow(expect.objectContaining({ code: "EAGAIN" }));
});

it("status and hclose throw EBADF after hclose", async () => {
  const { socket } = await rawServer();
  socket.hclose();
  expect(() => socket.status()).toThrow(expect.objectContaining({ code: "EBADF" }));
  expect(() => socket.hclose()).toThrow(expect.objectContaining({ code: "EBADF" }));
});

it.each([
  ["EINVAL", undefined],
  ["EPROTO", "dGhlIHNhbXBsZSBub25jZQ"],
  ["EPROTO", "not base64, but 24 long."],
])("wsResponseKey throws %s for %s", (code, key) => {
  expect(() => wsResponseKey(bad(key))).toThrow(expect.objectContaining({ code, name: "WsError" }));
});

it("brokenBy keeps errors of ours, and the system's that the manual knows", () => {
  const own = new WsError("ENOTSUP", "x");
  expect(brokenBy(own)).toBe(own);
  expect(brokenBy()).toMatchObject({ code: "ECONNRESET" });
  const cause = Object.assign(new Error("no more"), { code: "EMFILE" });
  expect(brokenBy(cause)).toMatchObject({ code: "EMFILE", cause, message: "the stream broke: no more" });
  expect(brokenBy(Object.assign(new Error(), { code: "EPIPE" }))).toMatchObject({
    code: "ECONNRESET",
    message: "the stream broke: EPIPE",
  });
});
