import { Duplex } from "node:stream";
import { text } from "node:stream/consumers";
import { beforeEach, describe, expect, it } from "vitest";
import { Connection, type MessageTarget } from "../../lib/stream/connection.ts";
import { WS_NOHTTP, type WsSocket, wsAttachClient, wsAttachServer } from "../../lib/stream/index.ts";
import { PENDING } from "../../lib/stream/lane.ts";
import { duplexPair, type PairedDuplex } from "../support/duplex-pair.ts";
import {
  binaryFrame,
  closeFrame,
  moreFrame,
  parseFrames,
  pingFrame,
  pongFrame,
  readClose,
  textFrame,
} from "../support/frames.ts";
import { hex, rounds } from "../support/raw.ts";
import { codeOf, rawClient, tcpPair } from "./support.ts";

let connection: Connection;
let stream: PairedDuplex;
let peer: PairedDuplex;

beforeEach(() => {
  [stream, peer] = duplexPair({ highWaterMark: 1_000_000 });
  peer.resume();
  connection = new Connection();
  connection.open(stream, true, Buffer.alloc(0));
});

class Target implements MessageTarget {
  text = "";
  readonly limit: number;
  constructor(limit = 1000) {
    this.limit = limit;
  }
  put(buffer: Buffer, start: number, end: number): void {
    this.text = buffer.toString("utf8", start, end);
  }
}

/** The next message, its type in front. */
function next(limit?: number): string {
  const target = new Target(limit);
  if (connection.receive(target) === PENDING) return "pending";
  return `${connection.binary ? "binary" : "text"} ${target.text}`;
}

/** The code of what the next message throws. */
function thrown(act: () => unknown = next): string {
  try {
    return String(act());
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function sent() {
  await rounds();
  return parseFrames(Buffer.concat(stream.written));
}

describe("receiving", () => {
  it("gives one message after another, of a chunk or of many", () => {
    peer.write(Buffer.concat([textFrame("a"), binaryFrame("b"), textFrame("c", { fin: false })]));
    expect([next(), next(), next()]).toEqual(["text a", "binary b", "pending"]);
  });

  it("joins fragments, with control frames between them", async () => {
    peer.write(
      Buffer.concat([textFrame("a", { fin: false }), pingFrame("?"), moreFrame("b", { fin: false })]),
    );
    peer.write(Buffer.concat([pongFrame("unasked"), moreFrame("c"), textFrame("next")]));
    expect([next(), next()]).toEqual(["text abc", "text next"]);
    expect((await sent()).map(({ opcode, payload }) => `${opcode} ${payload}`)).toEqual(["10 ?"]);
  });

  it("keeps what has come of a message, for whoever asks next", () => {
    const message = binaryFrame("Hello");
    for (const byte of message.subarray(0, -1)) {
      peer.write(Buffer.of(byte));
      expect(next()).toBe("pending");
    }
    peer.write(message.subarray(-1));
    expect(next()).toBe("binary Hello");
  });

  it("takes a message that just fits, and an empty one where nothing fits", () => {
    peer.write(Buffer.concat([binaryFrame("12345"), binaryFrame("")]));
    expect([next(5), next(0)]).toEqual(["binary 12345", "binary "]);
  });

  it.each([
    ["one frame", [binaryFrame("123456")]],
    ["fragments", [binaryFrame("123", { fin: false }), moreFrame("456")]],
    ["what is announced", [binaryFrame("1", { claim: 2 ** 40 })]],
    ["what fragments announce", [binaryFrame("123", { fin: false }), moreFrame("4", { claim: 70_000 })]],
  ])("fails with 1009 at a message that is too long for the caller: %s", async (_what, frames) => {
    peer.write(Buffer.concat(frames));
    expect(thrown(() => next(5))).toBe("EMSGSIZE");
    expect((await sent()).map(readClose)).toEqual([{ code: 1009, reason: "message too big" }]);
  });

  it("measures a message by the limit of the call that gets it", () => {
    peer.write(binaryFrame("123", { fin: false }));
    expect(next(3)).toBe("pending");
    peer.write(moreFrame("456"));
    expect(next(6)).toBe("binary 123456");
  });

  it.each([
    [1002, "reserved bit", binaryFrame("", { rsv: 4 })],
    [1002, "opcode", binaryFrame("", { opcode: 3 })],
    [1002, "no mask", binaryFrame("", { masked: false })],
    [1002, "stray continuation", moreFrame("")],
    [1002, "length", binaryFrame("x", { lengthForm: 16 })],
    [1002, "fragmented ping", pingFrame("", { fin: false })],
    [1002, "long ping", pingFrame("x".repeat(126))],
    [1002, "close code", closeFrame(1006)],
    [1007, "close reason", closeFrame(1000, Buffer.of(0xff))],
    [1007, "text", textFrame(Buffer.of(0xc3))],
  ])("fails with %i: %s", async (code, _what, bytes) => {
    peer.write(bytes);
    expect(thrown()).toBe("EPROTO");
    expect(thrown()).toBe("ECONNRESET");
    expect((await sent()).map(readClose)).toMatchObject([{ code }]);
    peer.end();
    await rounds();
    expect(stream.destroyed).toBe(true);
  });

  it("fails with 1011 when there is no memory for a message", async () => {
    peer.write(binaryFrame("x"));
    const cause = new RangeError("Array buffer allocation failed");
    const put = () => {
      throw cause;
    };
    expect(() => connection.receive({ limit: 9, put })).toThrow(
      expect.objectContaining({ code: "ENOMEM", cause }),
    );
    expect((await sent()).map(readClose)).toEqual([{ code: 1011, reason: "internal error" }]);
    expect(thrown()).toBe("ECONNRESET");
  });

  it("stops at the peer's Close, and leaves what comes behind it", async () => {
    peer.write(Buffer.concat([textFrame("a"), closeFrame(4000, "bye"), Buffer.from("others'")]));
    expect([next(), thrown(), thrown()]).toEqual(["text a", "EPIPE", "EPIPE"]);
    expect(connection.peerClose).toEqual({ status: 4000, message: Buffer.from("bye") });
    expect(String(connection.release().read())).toBe("others'");
    expect(await sent()).toEqual([]);
  });
});

describe("pings", () => {
  it("are answered each, also after the peer's text and while others wait", async () => {
    peer.write(Buffer.concat([pingFrame("1"), pingFrame("2"), pingFrame("x".repeat(125))]));
    expect(next()).toBe("pending");
    expect((await sent()).map(({ opcode, payload }) => [opcode, payload.length])).toEqual([
      [10, 1],
      [10, 1],
      [10, 125],
    ]);
  });

  it("are not answered behind our Close", async () => {
    connection.close(1000, "");
    peer.write(pingFrame());
    expect(next()).toBe("pending");
    expect(await sent()).toHaveLength(1);
  });

  it("of a peer who reads no pongs fail the connection", () => {
    const [small, other] = duplexPair({ highWaterMark: 100 });
    const held = new Connection();
    held.open(small, true, Buffer.concat(Array.from({ length: 3000 }, () => pingFrame("x".repeat(100)))));
    expect(thrown(() => held.receive(new Target()))).toBe("EPROTO");
    expect(small.writableLength).toBeLessThan(100_000);
    other.destroy();
  });
});

describe("sending", () => {
  it("goes on after the peer's Close, and ends with ours", async () => {
    peer.write(closeFrame(1000));
    expect(thrown()).toBe("EPIPE");
    connection.send(1, "still here");
    connection.close(1001, "now");
    expect(thrown(() => connection.send(1, "x"))).toBe("EPIPE");
    expect((await sent()).map(({ opcode }) => opcode)).toEqual([1, 8]);
  });

  it.each([0, 1, 125, 126, 5461, 5462, 16_384, 16_385, 65_535, 65_536, 200_000])(
    "frames %i bytes and characters",
    async (size) => {
      connection.send(2, Buffer.alloc(size, "b"));
      connection.send(1, "€".repeat(size));
      const frames = await sent();
      expect(frames.map(({ opcode, fin }) => [opcode, fin])).toEqual([
        [2, true],
        [1, true],
      ]);
      expect(frames[0].payload.equals(Buffer.alloc(size, "b"))).toBe(true);
      expect(frames[1].payload.equals(Buffer.from("€".repeat(size)))).toBe(true);
    },
  );
});

describe("closing both halves", () => {
  it("throws away what still comes, to the middle of a message that a later call gets no part of", () => {
    expect(connection.closeBoth(1000, "")).toBe(PENDING);
    peer.write(Buffer.concat([textFrame("gone"), pingFrame(), textFrame("cut", { fin: false })]));
    expect(connection.closeBoth(1000, "")).toBe(PENDING);
    peer.write(Buffer.concat([moreFrame(" off"), textFrame("whole"), closeFrame()]));
    expect(next()).toBe("text whole");
    expect(connection.closeBoth(1000, "")).toBeUndefined();
  });

  it("throws away a message of which a part was kept", () => {
    peer.write(textFrame("a", { fin: false }));
    expect(next()).toBe("pending");
    peer.write(Buffer.concat([moreFrame("b"), closeFrame()]));
    expect(connection.closeBoth(0, "")).toBeUndefined();
  });

  it("throws what broke the stream before the Close could be answered", async () => {
    peer.write(closeFrame());
    expect(thrown()).toBe("EPIPE");
    peer.on("error", () => {});
    stream.destroy(new Error("no"));
    await rounds();
    expect(thrown(() => connection.closeBoth(1000, ""))).toBe("ECONNRESET");
  });

  it("is done at the end of the stream, too", async () => {
    connection.closeBoth(1000, "");
    peer.end(textFrame("x"));
    await rounds();
    expect(connection.closeBoth(1000, "")).toBe(PENDING);
    await rounds();
    expect(connection.closeBoth(1000, "")).toBeUndefined();
    expect(connection.peerClose).toBeNull();
  });
});

it.each([
  ["detach", (socket: WsSocket) => socket.detach(1000)],
  ["recv", (socket: WsSocket) => socket.recv()],
])("cancels %s when the stream closes the socket while it is used", async (_what, call) => {
  let socket: WsSocket | undefined;
  const close = () => socket?.hclose();
  const stream = new Duplex({
    read: close,
    write(_chunk, _encoding, done) {
      close();
      done();
    },
  });
  socket = await wsAttachServer(stream, { flags: WS_NOHTTP });
  expect(await codeOf(call(socket))).toBe("ECANCELED");
  expect(stream.destroyed).toBe(true);
});

it("gives the bytes behind a Close back, though the end of the stream came before detach", async () => {
  const [client, server] = await tcpPair();
  const socket = await wsAttachClient(client, { flags: WS_NOHTTP });
  // "A" as a binary message, Close 1000, and what is not WebSocket any more.
  server.write(Buffer.concat([hex("82 01 41 88 02 03 e8"), Buffer.from("another protocol")]));
  expect((await socket.recv()).data.toString()).toBe("A");
  server.end();
  await rounds(20);
  const stream = await socket.detach(1000);
  expect(await text(stream)).toBe("another protocol");
  server.destroy();
});

it("receives what had come before the stream broke, and then that it broke", async () => {
  const { socket, stream, peer } = await rawClient();
  peer.write(hex("82 01 41 82 01 42"));
  await rounds();
  stream.destroy(new Error("no"));
  await rounds();
  expect((await socket.recv()).data.toString()).toBe("A");
  expect((await socket.recv()).data.toString()).toBe("B");
  expect(await codeOf(socket.recv())).toBe("ECONNRESET");
});
