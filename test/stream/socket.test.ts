import fc from "fast-check";
import { describe, expect, it, vi } from "vitest";
import {
  now,
  WS_BINARY,
  WS_NOHTTP,
  WS_TEXT,
  type WsSocket,
  wsAttachClient,
  wsAttachServer,
} from "../../lib/stream/index.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { binaryFrame, closeFrame, moreFrame, pingFrame, readClose, textFrame } from "../support/frames.ts";
import { hex, rounds } from "../support/raw.ts";
import { bothEnds, choke, codeOf, rawClient, rawServer, stateOf, tcpPair } from "./support.ts";

/** Sizes on both sides of every change in how a frame or a chunk is made. */
const SIZES = [
  0, 1, 2, 124, 125, 126, 127, 4095, 16_383, 16_384, 16_385, 65_534, 65_535, 65_536, 65_537, 200_000,
];

function bytesOf(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8)) & 255));
}

/** The message in parts of which each is as long as the next share says. */
function cut(data: Buffer, shares: readonly number[]): Buffer[] {
  const parts: Buffer[] = [];
  let at = 0;
  for (const share of shares) {
    const end = Math.min(data.length, at + Math.ceil(share * data.length));
    parts.push(data.subarray(at, end));
    at = end;
  }
  return [...parts, data.subarray(at)];
}

describe("messages between both ends", () => {
  it.each(SIZES)("of %i bytes arrive as they were, each way", async (size) => {
    const [client, server] = await bothEnds();
    const data = bytesOf(size);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      await from.send(WS_BINARY, data);
      expect(await to.recv()).toEqual({ flags: WS_BINARY, data });
    }
    expect(data.equals(bytesOf(size))).toBe(true);
  });

  it("arrive in buffers of any sizes, from parts of any sizes", async () => {
    const shares = fc.array(fc.double({ min: 0, max: 0.6, noNaN: true }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SIZES),
        shares,
        shares,
        fc.boolean(),
        async (size, parts, rooms, up) => {
          const ends = await bothEnds();
          const [from, to] = up ? ends : ends.toReversed();
          const data = bytesOf(size);
          await from.sendl(WS_BINARY, cut(data, parts));
          const buffers = cut(Buffer.alloc(size), rooms);
          expect(await to.recvl(buffers)).toEqual({ flags: WS_BINARY, length: size });
          expect(Buffer.concat(buffers).equals(data)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("are the caller's again as soon as send returns", async () => {
    const [client, server] = await bothEnds();
    for (const [from, to] of [
      [client, server],
      [server, client],
    ]) {
      for (const size of [10, 100_000]) {
        const data = bytesOf(size);
        const sending = from.send(WS_BINARY, data);
        data.fill(0);
        await sending;
        expect((await to.recv()).data.equals(bytesOf(size))).toBe(true);
      }
    }
  });

  it("are the receiver's for ever", async () => {
    const { socket, peer } = await rawServer();
    peer.write(Buffer.concat([textFrame("first"), textFrame("second")]));
    const first = await socket.recv();
    first.data.fill("x");
    expect((await socket.recv()).data.toString()).toBe("second");
    expect(first.data.toString()).toBe("xxxxx");
  });

  it("go both ways at once over TCP, in order", async () => {
    const [left, right] = await tcpPair();
    const flags = WS_NOHTTP;
    const client = await wsAttachClient(left, { flags });
    const server = await wsAttachServer(right, { flags });
    const sizes = Array.from({ length: 300 }, (_, i) => (i * 997) % 20_000);
    const send = async (socket: WsSocket) => {
      for (const size of sizes) await socket.send(WS_BINARY, bytesOf(size));
    };
    const receive = async (socket: WsSocket) => {
      for (const size of sizes) expect((await socket.recv()).data.equals(bytesOf(size))).toBe(true);
    };
    await Promise.all([send(client), receive(client), send(server), receive(server)]);
    client.hclose();
    server.hclose();
    expect([left.destroyed, right.destroyed]).toEqual([true, true]);
  });
});

describe("bytes cut anywhere", () => {
  const wire = Buffer.concat([
    textFrame("Grüße"),
    pingFrame("?"),
    binaryFrame("ab", { fin: false }),
    pingFrame("!"),
    moreFrame("cd"),
    binaryFrame(Buffer.alloc(200, "x")),
    textFrame(""),
    closeFrame(1000, "gut"),
  ]);
  const messages = [
    { flags: WS_TEXT, data: Buffer.from("Grüße") },
    { flags: WS_BINARY, data: Buffer.from("abcd") },
    { flags: WS_BINARY, data: Buffer.alloc(200, "x") },
    { flags: WS_TEXT, data: Buffer.alloc(0) },
  ];

  it("give the same messages, whether somebody waits for them or not", async () => {
    for (let at = 1; at < wire.length; at++) {
      for (const waits of [true, false]) {
        const { socket, peer } = await rawServer();
        const first = waits ? socket.recv() : null;
        peer.write(Buffer.from(wire.subarray(0, at)));
        await rounds(1);
        peer.write(Buffer.from(wire.subarray(at)));
        const got = [await (first ?? socket.recv())];
        for await (const message of socket) got.push(message);
        expect(got).toEqual(messages);
        expect(socket.status()).toEqual({ status: 1000, message: Buffer.from("gut") });
      }
    }
  });

  it("lose nothing to deadlines, however often they pass in the midst", async () => {
    const { socket, peer } = await rawServer();
    const got: unknown[] = [];
    for (const byte of wire.subarray(0, 80)) {
      peer.write(Buffer.of(byte));
      for (;;) {
        const message = await socket.recv({ deadline: 0 }).catch((error) => error.code);
        if (message === "ETIMEDOUT") break;
        got.push(message);
      }
    }
    expect(got).toEqual(messages.slice(0, 2));
    peer.write(wire.subarray(80));
    expect(await socket.recv()).toEqual(messages[2]);
  });
});

describe("receiving", () => {
  it("leaves the buffers alone until the whole message is there", async () => {
    const { socket, peer } = await rawServer();
    const buffers = [Buffer.alloc(2), Buffer.alloc(4)];
    peer.write(binaryFrame("ab", { fin: false }));
    expect(await codeOf(socket.recvl(buffers, 0))).toBe("ETIMEDOUT");
    expect(Buffer.concat(buffers).equals(Buffer.alloc(6))).toBe(true);
    peer.write(moreFrame("cd"));
    expect(await socket.mrecvl(buffers)).toBe(4);
    expect(Buffer.concat(buffers).toString()).toBe("abcd\0\0");
  });

  it("reads on only as long as somebody receives", async () => {
    const { socket, peer } = await rawServer();
    for (let i = 0; i < 1000; i++) peer.write(binaryFrame(Buffer.alloc(1000, i)));
    await rounds(20);
    expect(peer.writableLength).toBeGreaterThan(800_000);
    for (let i = 0; i < 1000; i++) expect((await socket.recv()).data[0]).toBe(i & 255);
  });

  it("has a limit of 16 MiB by itself, or that of attach", async () => {
    const { socket, peer } = await rawServer();
    peer.write(binaryFrame("x", { claim: 16_777_217 }));
    expect(await codeOf(socket.recv())).toBe("EMSGSIZE");
    const limited = await rawServer({ maxMessageSize: 2 });
    limited.peer.write(Buffer.concat([binaryFrame("ab"), binaryFrame("abcd"), binaryFrame("abc")]));
    expect((await limited.socket.recv()).data).toHaveLength(2);
    expect((await limited.socket.recv({ maxLength: 4 })).data).toHaveLength(4);
    expect(await codeOf(limited.socket.recv())).toBe("EMSGSIZE");
  });

  it("sees at a deadline of 0 what the kernel has", async () => {
    const [left, right] = await tcpPair();
    const socket = await wsAttachServer(right, { flags: WS_NOHTTP });
    await new Promise((resolve) => left.write(textFrame("there"), resolve));
    expect((await socket.recv({ deadline: 0 })).data.toString()).toBe("there");
    socket.hclose();
    left.destroy();
  });

  it("ends a loop at the peer's Close, at our own end, and throws all else", async () => {
    const first = await rawServer();
    first.peer.write(Buffer.concat([textFrame("a"), closeFrame()]));
    for await (const { data } of first.socket) expect(data.toString()).toBe("a");
    const second = await rawServer();
    second.peer.write(textFrame("a"));
    for await (const _message of second.socket) second.socket.hclose();
    const third = await rawServer();
    third.peer.end(textFrame("a"));
    const loop = async () => {
      for await (const _message of third.socket);
    };
    expect(await codeOf(loop())).toBe("EPIPE");
  });

  it("goes on after a loop was left", async () => {
    const { socket, peer } = await rawServer();
    peer.write(Buffer.concat([textFrame("a"), textFrame("b")]));
    for await (const _message of socket) break;
    expect((await socket.recv()).data.toString()).toBe("b");
  });
});

describe("sending", () => {
  it("waits for room, and nothing of a message that timed out was sent", async () => {
    const raw = await rawServer({}, { highWaterMark: 2000 });
    await choke(raw);
    expect(await codeOf(raw.socket.send(WS_TEXT, "lost", 0))).toBe("ETIMEDOUT");
    const sending = raw.socket.send(WS_TEXT, "kept");
    expect(await stateOf(sending)).toBe("pending");
    raw.peer.resume();
    await sending;
    await rounds();
    expect(raw.frames.filter(({ opcode }) => opcode === 1).map(({ payload }) => payload.toString())).toEqual([
      "kept",
    ]);
  });

  it("goes on while another call receives", async () => {
    const [client, server] = await bothEnds();
    const answer = client.recv();
    await client.send(WS_TEXT, "question");
    await server.recv();
    await server.send(WS_TEXT, "answer");
    expect((await answer).data.toString()).toBe("answer");
  });

  it("masks as a client, and not as a server", async () => {
    for (const [raw, masked] of [
      [await rawClient(), true],
      [await rawServer(), false],
    ] as const) {
      await raw.socket.sendl(WS_TEXT, ["Hel", Buffer.from("lo")]);
      const [frame] = raw.stream.written;
      expect([frame[0], frame[1]]).toEqual([0x81, masked ? 0x85 : 5]);
      expect(frame).toHaveLength(masked ? 11 : 7);
    }
  });

  it("writes a small frame as one chunk", async () => {
    const { socket, stream, peer } = await rawServer();
    peer.resume();
    for (let i = 0; i < 5; i++) {
      await socket.msend("Hello");
      await rounds(2);
    }
    expect(stream.written.map(String)).toEqual(Array(5).fill("\x82\x05Hello".replace("\x82", "\ufffd")));
  });
});

describe("done", () => {
  it("sends one Close, and receiving goes on", async () => {
    const raw = await rawServer();
    await raw.socket.done(4000, "that was all");
    raw.peer.write(textFrame("not yet"));
    expect((await raw.socket.recv()).data.toString()).toBe("not yet");
    expect(raw.frames.map(readClose)).toEqual([{ code: 4000, reason: "that was all" }]);
  });

  it("sends an empty Close with status 0, which is the default", async () => {
    const raw = await rawServer();
    await raw.socket.done();
    expect(raw.frames).toMatchObject([{ opcode: 8, payload: Buffer.alloc(0) }]);
  });
});

describe("detach", () => {
  it("answers a Close that has come", async () => {
    const raw = await rawServer();
    raw.peer.write(closeFrame(1001, "bye"));
    expect(await codeOf(raw.socket.recv())).toBe("EPIPE");
    expect(await raw.socket.detach(1000, "OK")).toBe(raw.stream);
    expect(raw.frames.map(readClose)).toEqual([{ code: 1000, reason: "OK" }]);
  });

  it("sends no second Close after done, and goes on after a deadline", async () => {
    const raw = await rawServer();
    await raw.socket.done(1000);
    expect(await codeOf(raw.socket.detach(0, "", 0))).toBe("ETIMEDOUT");
    raw.peer.write(closeFrame());
    await raw.socket.detach();
    expect(raw.frames).toHaveLength(1);
  });

  it("gives the stream back at every cut of what came, with all behind the Close, as if nobody had read", async () => {
    const wire = Buffer.concat([
      textFrame("gone"),
      pingFrame(),
      closeFrame(1000, "OK"),
      Buffer.from("another protocol"),
    ]);
    for (let at = 0; at <= wire.length; at++) {
      for (const how of ["end", "write"] as const) {
        const { socket, stream, peer } = await rawServer();
        peer.on("error", () => {});
        if (at > 0) peer.write(Buffer.from(wire.subarray(0, at)));
        await rounds(1);
        const detaching = socket.detach();
        peer[how](Buffer.from(wire.subarray(at)));
        expect(await detaching).toBe(stream);
        const text: string[] = [];
        stream.on("data", (chunk) => text.push(String(chunk)));
        await rounds(3);
        expect(text.join("")).toBe("another protocol");
        expect(stream.readableEnded).toBe(how === "end");
      }
    }
  });

  it("may be followed by another WebSocket on the same stream", async () => {
    const [left, right] = duplexPair();
    for (let i = 0; i < 3; i++) {
      const flags = WS_NOHTTP | WS_TEXT;
      const [a, b] = [await wsAttachServer(left, { flags }), await wsAttachClient(right, { flags })];
      const both = Promise.all([a.detach(1000), b.detach(1000)]);
      expect(await both).toEqual([left, right]);
    }
  });
});

describe("hclose", () => {
  it("tells the peer nothing", async () => {
    const { socket, stream } = await rawServer();
    socket.hclose();
    expect(stream.written).toEqual([]);
    expect(stream.destroyed).toBe(true);
  });

  it("is the end of a connection that has failed", async () => {
    const { socket, stream, peer } = await rawServer();
    peer.write(binaryFrame("", { rsv: 1 }));
    expect(await codeOf(socket.recv())).toBe("EPROTO");
    socket.hclose();
    expect(stream.destroyed).toBe(true);
  });
});

describe("disposal", () => {
  it("closes politely, and destroys the stream", async () => {
    const raw = await rawServer();
    const disposing = raw.socket[Symbol.asyncDispose]();
    await rounds();
    expect(raw.frames.map(readClose)).toEqual([{ code: 1000, reason: "" }]);
    raw.peer.resume().end(closeFrame(1000));
    await disposing;
    expect(raw.stream.destroyed).toBe(true);
    expect(await codeOf(raw.socket.recv())).toBe("EBADF");
  });

  it("cancels what waits", async () => {
    const { socket, peer } = await rawServer();
    const receiving = codeOf(socket.recv());
    const disposing = socket[Symbol.asyncDispose]();
    peer.resume().end(closeFrame());
    await disposing;
    expect(await receiving).toBe("ECANCELED");
  });

  it("does nothing to a socket that is closed, and throws nothing for one that has failed", async () => {
    const closed = await rawServer();
    closed.socket.hclose();
    await closed.socket[Symbol.asyncDispose]();
    const failed = await rawServer();
    failed.stream.destroy(new Error("no"));
    await rounds(2);
    await failed.socket[Symbol.asyncDispose]();
    expect(await codeOf(failed.socket.recv())).toBe("EBADF");
  });

  it("gives a silent peer two seconds", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const { socket, stream } = await rawServer();
      const disposing = socket[Symbol.asyncDispose]();
      await vi.advanceTimersByTimeAsync(1999);
      expect(stream.destroyed).toBe(false);
      await vi.advanceTimersByTimeAsync(1);
      await disposing;
      expect(stream.destroyed).toBe(true);
    } finally {
      vi.useRealTimers();
    }
  });
});

it("leaves no timer, listener or warning behind after many calls with deadlines and signals", async () => {
  const warned = vi.fn();
  process.on("warning", warned);
  const [client, server] = await bothEnds(WS_TEXT);
  const { signal } = new AbortController();
  const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  for (let i = 0; i < 50; i++) {
    const until = { deadline: now() + 60_000, signal };
    const receiving = server.mrecv(until);
    await client.msend("x", until);
    await receiving;
  }
  await rounds();
  expect(process.getActiveResourcesInfo().filter((name) => name === "Timeout").length).toBeLessThanOrEqual(
    before,
  );
  expect(warned).not.toHaveBeenCalled();
  process.off("warning", warned);
});

it("takes the bytes of a message that has to wait when it is called", async () => {
  const raw = await rawServer({}, { highWaterMark: 1000 });
  await choke(raw);
  const data = Buffer.from("mine");
  const sending = raw.socket.send(WS_BINARY, data);
  data.fill("x");
  raw.peer.resume();
  await sending;
  expect(raw.frames.at(-1)?.payload.toString()).toBe("mine");
});

it("rejects with EINVAL whatever arguments do", async () => {
  const { socket } = await rawServer();
  const gone = new Uint8Array(3);
  structuredClone(gone.buffer, { transfer: [gone.buffer] });
  expect(await codeOf(socket.recv(null as never))).toBe("EINVAL");
  expect(await codeOf(socket.done(Symbol("1000") as never))).toBe("EINVAL");
  expect(await codeOf(socket.sendl(WS_BINARY, [gone]))).toBe("EINVAL");
});

it("is disposed of once, however often that is asked for", async () => {
  const { socket, stream, peer } = await rawServer();
  const first = socket[Symbol.asyncDispose]();
  const second = socket[Symbol.asyncDispose]();
  await rounds();
  expect(stream.destroyed).toBe(false);
  // The answer: Close 1000, masked with zeros.
  peer.end(hex("88 82 00 00 00 00 03 e8"));
  peer.resume();
  await Promise.all([first, second]);
  expect(stream.destroyed).toBe(true);
});
