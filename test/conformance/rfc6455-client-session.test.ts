import { expect } from "vitest";
import { BINARY, CONTINUATION, PING, PONG, TEXT } from "../../lib/ws/codes.ts";
import {
  closeFrame,
  type FrameOptions,
  frame,
  moreFrame,
  OPCODE,
  pingFrame,
  textFrame,
} from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import { TestSession } from "../support/session.ts";
import { describeMustsOnce, type Must, must, type NotOurs } from "./musts.ts";

// Sections 5 to 8 and 10, what is asked of a client once it is connected: a session in the role of a client, over memory.

const client = () => new TestSession({ server: false });
/** Frames as a server sends them. */
const served = (make: typeof textFrame, payload: string | Uint8Array, options: FrameOptions = {}) =>
  make(payload, { masked: false, ...options });

interface MaskedFrame {
  readonly first: number;
  readonly key: string;
  readonly payload: Buffer;
}

/** The frames of a client in `wire`, unmasked; throws for one that is not masked. */
function unmasked(wire: Buffer): MaskedFrame[] {
  const frames: MaskedFrame[] = [];
  for (let at = 0; at < wire.length; ) {
    if (wire[at + 1] < 0x80) throw new Error(`not masked: ${wire.subarray(at, at + 10).toString("hex")}`);
    const short = wire[at + 1] & 0x7f;
    const keyAt = at + (short === 126 ? 4 : short === 127 ? 10 : 2);
    const length =
      short === 126
        ? wire.readUInt16BE(at + 2)
        : short === 127
          ? Number(wire.readBigUInt64BE(at + 2))
          : short;
    const key = wire.subarray(keyAt, keyAt + 4);
    const payload = Buffer.from(wire.subarray(keyAt + 4, keyAt + 4 + length)).map(
      (byte, i) => byte ^ key[i & 3],
    );
    frames.push({ first: wire[at], key: key.toString("hex"), payload: Buffer.from(payload) });
    at = keyAt + 4 + length;
  }
  return frames;
}

/** One frame of each kind. */
function sendAll(session: TestSession): void {
  session.send(TEXT, false, "a");
  session.sendControl(PING, "p");
  session.send(CONTINUATION, true, "b");
  session.send(BINARY, true, Buffer.from("c"));
  session.sendControl(PONG, "");
  session.feed(pingFrame("answer me", { masked: false }));
  session.close(1000, "bye");
}

/** What the client is told, and the code that it fails with. */
function fails(code: number, ...wire: Uint8Array[]): void {
  const session = client();
  session.feed(...wire);
  const sent = unmasked(session.outlet.takeBytes());
  expect(sent.map(({ first, payload }) => [first, payload.readUInt16BE()])).toEqual([[0x88, code]]);
  expect(session.overs).toMatchObject([{ code, wasClean: false }]);
  session.feed(served(textFrame, "late"), closeFrame(1000, "", { masked: false }));
  expect(session.outlet.take()).toBe("");
  expect([session.messages, session.overs.length]).toEqual([[], 1]);
}

const sessions: Must[] = [
  must("5.1", "a client masks every frame that it sends, of any kind and size", () => {
    const session = client();
    sendAll(session);
    const sent = unmasked(session.outlet.takeBytes());
    expect(sent.map(({ first, payload }) => `${first.toString(16)} ${payload.toString("latin1")}`)).toEqual([
      "1 a",
      "89 p",
      "80 b",
      "82 c",
      "8a ",
      "8a answer me",
      "88 \x03\xe8bye",
    ]);
  }),
  must("5.1", "a client masks large frames throughout", () => {
    const session = client();
    const payload = Buffer.from(Array.from({ length: 200_003 }, (_, i) => i & 255));
    session.send(BINARY, true, payload);
    expect(unmasked(session.outlet.takeBytes())[0].payload.equals(payload)).toBe(true);
  }),
  must("5.1", "a client closes upon a frame that is masked, of any kind", () => {
    for (const opcode of [OPCODE.text, OPCODE.binary, OPCODE.ping, OPCODE.pong, OPCODE.close])
      for (const payload of ["", "xy"]) fails(1002, frame(payload, { opcode, mask: hex("00 00 00 00") }));
  }),
  must("5.2", "reserved bits, opcodes and lengths are held to by a client as well", () => {
    for (const rsv of [1, 2, 4, 7]) fails(1002, served(textFrame, "x", { rsv }));
    for (const opcode of [3, 7, 11, 15]) fails(1002, frame("x", { opcode, masked: false }));
    fails(1002, frame("x", { masked: false, lengthForm: 16 }));
    fails(1002, frame("x", { masked: false, lengthForm: 64 }));
    fails(1002, frame("", { masked: false, lengthForm: 64, claim: 1n << 63n }));
  }),
  must("5.3", "the key is a fresh one for each frame, and none can be told from those before", () => {
    const session = client();
    for (let i = 0; i < 5000; i++) session.send(TEXT, true, "same");
    const keys = unmasked(session.outlet.takeBytes()).map(({ key }) => key);
    // Among 5000 random keys of 32 bits two alike are about one chance in 340, three pairs one in 200 million.
    expect(new Set(keys).size).toBeGreaterThan(4996);
    for (let byte = 0; byte < 8; byte += 2)
      expect(new Set(keys.map((key) => key.slice(byte, byte + 2))).size).toBe(256);
  }),
  must("5.4", "fragments are taken in sequence only, and sent in sequence only", () => {
    fails(1002, served(moreFrame, "x"));
    const session = client();
    session.feed(served(textFrame, "a", { fin: false }), served(pingFrame, "p"), served(moreFrame, "b"));
    expect(session.messages).toEqual(["text ab"]);
    expect(unmasked(session.outlet.takeBytes())[0]).toMatchObject({ first: 0x8a, payload: Buffer.from("p") });
    expect(() => session.send(CONTINUATION, true, "x")).toThrow(
      expect.objectContaining({ code: "ERR_SEQUENCE" }),
    );
    expect(session.outlet.take()).toBe("");
  }),
  must("5.5", "control frames of more than 125 bytes, or in fragments, fail the connection", () => {
    fails(1002, served(pingFrame, Buffer.alloc(126)));
    fails(1002, served(pingFrame, "x", { fin: false }));
    fails(1002, closeFrame(1000, "", { masked: false, fin: false }));
    expect(() => client().sendControl(PING, "x".repeat(126))).toThrow(RangeError);
  }),
  must("5.5.1", "a Close of the server is answered with a masked one, once", () => {
    const session = client();
    session.feed(closeFrame(1001, "away", { masked: false }), closeFrame(1001, "", { masked: false }));
    const sent = unmasked(session.outlet.takeBytes());
    expect(sent.map(({ first, payload }) => [first, payload.toString("hex")])).toEqual([[0x88, "03e9"]]);
    expect(session.overs).toEqual([{ code: 1001, reason: "away", wasClean: true }]);
  }),
  must("5.5.3", "a pong holds the bytes of its ping", () => {
    const session = client();
    for (let length = 0; length <= 125; length++)
      session.feed(served(pingFrame, Buffer.alloc(length, length)));
    const sent = unmasked(session.outlet.takeBytes());
    expect(sent.every(({ first, payload }, i) => first === 0x8a && payload.equals(Buffer.alloc(i, i)))).toBe(
      true,
    );
    expect(sent).toHaveLength(126);
  }),
  must("6.1", "nothing is sent behind the client's Close but the end", () => {
    const session = client();
    session.close(1000);
    session.outlet.take();
    expect(session.canSend).toBe(false);
    session.feed(served(pingFrame, "late"));
    expect(session.outlet.take()).toBe("");
  }),
  must("6.2", "what a server sends is taken as it stands, without unmasking", () => {
    const session = client();
    session.feed(served(textFrame, "Hello"), served(textFrame, "é", { fin: false }), served(moreFrame, "è"));
    expect(session.messages).toEqual(["text Hello", "text éè"]);
  }),
  must("7.1.4", "the session is over, and clean, when the server has answered the client's Close", () => {
    const session = client();
    session.close(1000);
    expect(session.over).toBe(null);
    session.feed(closeFrame(1000, "", { masked: false }));
    expect(session.overs).toEqual([{ code: 1000, reason: "", wasClean: true }]);
  }),
  must("7.1.5", "no code in the Close is 1005, no Close at all 1006", () => {
    const [empty, none] = [client(), client()];
    empty.feed(closeFrame(undefined, "", { masked: false }));
    none.streamEnded();
    expect([empty.over, none.over]).toMatchObject([
      { code: 1005, wasClean: true },
      { code: 1006, wasClean: false },
    ]);
  }),
  must("7.4", "codes that may not stand in a Close fail the connection", () => {
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
      fails(1002, closeFrame(code, "", { masked: false }));
    fails(1002, frame("x", { opcode: OPCODE.close, masked: false }));
  }),
  must("8.1", "text and reasons that are not UTF-8 fail the connection, at the wrong byte", () => {
    fails(1007, served(textFrame, hex("ff")));
    fails(1007, frame(hex("61 c0"), { opcode: OPCODE.text, masked: false, claim: 100 }));
    fails(1007, closeFrame(1000, hex("ff"), { masked: false }));
  }),
  must("10.4", "a message over the limit fails the connection as soon as a length tells", () => {
    fails(1009, frame("", { masked: false, claim: 1_000_001, lengthForm: 64 }));
  }),
];

const notOurs: NotOurs[] = [
  ["7.1.1", "a client waits for the server to close TCP, for a while", "in the tests of client connections"],
];

describeMustsOnce(
  ["5.1", "5.2", "5.3", "5.4", "5.5", "5.5.1", "5.5.3", "6.1", "6.2", "7.1.4", "7.1.5", "7.4", "8.1", "10.4"],
  sessions,
  notOurs,
);
