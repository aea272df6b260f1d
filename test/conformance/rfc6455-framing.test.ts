import { expect } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import {
  binaryFrame,
  closeFrame,
  closePayload,
  type FrameOptions,
  frame,
  moreFrame,
  OPCODE,
  pingFrame,
  pongFrame,
  textFrame,
} from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import { binary, linesOf, pong, sendChopped, text } from "./conversation.ts";
import { describeMusts, echoServer, heard, type Must, must, type NotOurs, plainServer } from "./musts.ts";

// Sections 5.1 to 5.4: framing, masking, fragments. A row that a conversation shows is held in one write, frame by
// frame and byte by byte.

const { TEXT, BINARY, CONTINUATION, PING, PONG, NO_FIN } = WriteProtocol;
const BYE = closeFrame(1000);
const open = { fin: false };
const closed = "close 1000";
const broken = "fail 1002";

/** Every length at which the form of the length changes, both sides of it. */
const EDGES = [0, 1, 124, 125, 126, 127, 65_534, 65_535, 65_536, 65_537];

/** One frame of each kind that a server can send, and what it holds. */
const SENT: [mode: number, first: number][] = [
  [TEXT | NO_FIN, 0x01],
  [CONTINUATION | NO_FIN, 0x00],
  [PING, 0x89],
  [PONG, 0x8a],
  [CONTINUATION, 0x80],
  [BINARY | NO_FIN, 0x02],
  [CONTINUATION, 0x80],
  [TEXT, 0x81],
  [BINARY, 0x82],
];

/** All of `frames` with the option changed, each of which fails the connection on its own. */
function allFail(section: string, text: string, options: FrameOptions, openers: Uint8Array[] = []): Must {
  const kinds = [textFrame, binaryFrame, pingFrame, pongFrame].map((make) => make("x", options));
  const frames = [...kinds, closeFrame(1000, "", options)];
  return must(section, text, async (kind) => {
    const server = await echoServer(kind);
    for (const wrong of frames) {
      const peer = await server.open();
      peer.send(...openers, wrong, pingFrame("never answered"));
      expect(linesOf(await peer.closed())).toEqual(["close 1002"]);
    }
    await server.nth("CLOSED", frames.length);
    expect(server.received()).toEqual([]);
  });
}

const rows: Must[] = [
  // ── 5.1: overview ────────────────────────────────────────────────────────────────────────────────────────────
  allFail("5.1", "a server closes the connection upon a frame that is not masked, with 1002", {
    masked: false,
  }),
  heard("5.1", "an empty frame without a mask is no exception", [textFrame("", { masked: false })], [broken]),
  must("5.1", "a server masks no frame that it sends, of any kind", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    for (const [mode, first] of SENT) {
      wsi.write("Hello", mode);
      expect(await peer.bytes(7)).toEqual(Buffer.concat([Buffer.of(first, 5), Buffer.from("Hello")]));
    }
    wsi.close(1000, "bye");
    expect(await peer.bytes(7)).toEqual(Buffer.concat([hex("88 05 03 e8"), Buffer.from("bye")]));
  }),

  // ── 5.2: base framing ────────────────────────────────────────────────────────────────────────────────────────
  allFail("5.2", "RSV1 without an extension that gives it a meaning fails the connection", { rsv: 4 }),
  allFail("5.2", "RSV2 without an extension that gives it a meaning fails the connection", { rsv: 2 }),
  allFail("5.2", "RSV3 without an extension that gives it a meaning fails the connection", { rsv: 1 }),
  must("5.2", "an opcode that is not known fails the connection: 3-7 and B-F", async (kind) => {
    const server = await echoServer(kind);
    for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
      const peer = await server.open();
      peer.send(textFrame("known"), frame("x", { opcode }), textFrame("late"));
      expect(linesOf(await peer.closed()), `opcode ${opcode}`).toEqual([text("known"), "close 1002"]);
    }
  }),
  must("5.2", "the top bit of a length in 64 bits is 0, else the connection fails", async (kind) => {
    const server = await echoServer(kind);
    for (const claim of [1n << 63n, (1n << 64n) - 1n, (1n << 63n) + 5n]) {
      const peer = await server.open();
      peer.send(frame("", { claim, lengthForm: 64 }));
      expect(linesOf(await peer.closed())).toEqual(["close 1002"]);
    }
  }),
  must("5.2", "a length received is in its shortest form, else the connection fails", async (kind) => {
    const server = await echoServer(kind);
    const wrong: [number, 16 | 64][] = [
      [0, 16],
      [125, 16],
      [0, 64],
      [125, 64],
      [126, 64],
      [65_535, 64],
    ];
    for (const [length, lengthForm] of wrong) {
      const peer = await server.open();
      peer.send(frame(Buffer.alloc(length), { lengthForm }));
      expect(linesOf(await peer.closed()), `${length} in ${lengthForm}`).toEqual(["close 1002"]);
    }
  }),
  must("5.2", "a length sent is in its shortest form", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    for (const length of EDGES) {
      for (const data of [Buffer.alloc(length, "a"), "a".repeat(length)]) {
        wsi.write(data, TEXT);
        const { size, payload } = await peer.frame();
        expect(size - payload.length, `${length}`).toBe(length < 126 ? 2 : length < 65_536 ? 4 : 10);
      }
    }
  }),
  must("5.2", "every length is read as its form has it, in network byte order", async (kind) => {
    const server = await echoServer(kind);
    const peer = await server.open();
    const payloads = EDGES.map((length) => Buffer.alloc(length, length));
    void peer.send(...payloads.map((payload) => binaryFrame(payload)), BYE);
    expect(linesOf(await peer.closed())).toEqual([...payloads.map(binary), closed]);
  }),

  // ── 5.3: masking ─────────────────────────────────────────────────────────────────────────────────────────────
  must(
    "5.3",
    "octet i is unmasked with octet i modulo 4 of the key, from the payload's start, wherever it is cut",
    async (kind) => {
      const server = await echoServer(kind);
      const payload = Buffer.from(Array.from({ length: 67 }, (_, i) => i * 3));
      const sent = binaryFrame(payload, { mask: hex("12 34 56 78") });
      for (const size of [1, 2, 3, 5, 9, sent.length]) {
        const peer = await server.open();
        void sendChopped(peer, Buffer.concat([sent, BYE]), size);
        expect(linesOf(await peer.closed())).toEqual([binary(payload), closed]);
      }
    },
  ),
  heard(
    "5.3",
    "the key begins anew in each frame, fragments too",
    [
      binaryFrame("abcde", { ...open, mask: hex("01 02 03 04") }),
      moreFrame("fgh", { mask: hex("f1 f2 f3 f4") }),
      BYE,
    ],
    [binary("abcdefgh"), closed],
  ),

  // ── 5.4: fragmentation ───────────────────────────────────────────────────────────────────────────────────────
  heard(
    "5.4",
    "both messages in one frame and messages in fragments are received",
    [textFrame("whole"), textFrame("in ", open), moreFrame("pa", open), moreFrame("rts"), BYE],
    [text("whole"), text("in parts"), closed],
  ),
  heard(
    "5.4",
    "control frames amid the fragments of a message are handled, at once",
    [
      textFrame("a", open),
      pingFrame("1"),
      moreFrame("b", open),
      pongFrame("2"),
      pingFrame("3"),
      moreFrame("c"),
      BYE,
    ],
    [pong("1"), pong("3"), text("abc"), closed],
  ),
  heard(
    "5.4",
    "a Close amid the fragments of a message is handled, at once",
    [textFrame("a", open), closeFrame(1001), moreFrame("b")],
    ["close 1001"],
  ),
  heard("5.4", "control frames are not fragmented: a ping", [pingFrame("a", open), moreFrame("b")], [broken]),
  heard("5.4", "control frames are not fragmented: a pong", [pongFrame("a", open), moreFrame("b")], [broken]),
  heard(
    "5.4",
    "control frames are not fragmented: a Close",
    [frame(closePayload(1000), { opcode: OPCODE.close, ...open }), moreFrame("")],
    [broken],
  ),
  heard(
    "5.4",
    "fragments are put together in the order in which they were sent",
    [
      ..."0123456789".split("").map((digit, i) => (i === 0 ? textFrame : moreFrame)(digit, open)),
      moreFrame("!"),
      BYE,
    ],
    [text("0123456789!"), closed],
  ),
  heard(
    "5.4",
    "fragments of one message are not interleaved with another message",
    [textFrame("a", open), binaryFrame("b", open), moreFrame("a"), moreFrame("b")],
    [broken],
  ),
  heard("5.4", "a continuation continues something", [moreFrame("a"), BYE], [broken]),
  heard(
    "5.4",
    "a message is of the type of its first fragment",
    [binaryFrame(hex("ff"), open), moreFrame(hex("fe")), textFrame("é", open), moreFrame("è"), BYE],
    [binary(hex("ff fe")), text("éè"), closed],
  ),
  must("5.4", "fragments that a server sends: the opcode first, then 0, FIN on the last", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    for (const mode of [BINARY | NO_FIN, CONTINUATION | NO_FIN, CONTINUATION | NO_FIN, CONTINUATION])
      wsi.write("", mode);
    expect(await peer.bytes(8)).toEqual(hex("02 00 00 00 00 00 80 00"));
  }),
  must(
    "5.4",
    "a server cannot be made to interleave messages: out of sequence nothing is sent",
    async (kind) => {
      const { peer, wsi } = await (await plainServer(kind)).pair();
      const wrong = expect.objectContaining({ code: "ERR_SEQUENCE" });
      for (const mode of [CONTINUATION, CONTINUATION | NO_FIN])
        expect(() => wsi.write("x", mode)).toThrow(wrong);
      wsi.write("", TEXT | NO_FIN);
      for (const mode of [TEXT, BINARY, TEXT | NO_FIN, BINARY | NO_FIN])
        expect(() => wsi.write("x", mode)).toThrow(wrong);
      wsi.write("between", PING);
      wsi.write("", CONTINUATION);
      expect(() => wsi.write("x", CONTINUATION)).toThrow(wrong);
      wsi.write("next", TEXT);
      wsi.close();
      peer.send(closeFrame());
      expect(linesOf(await peer.closed())).toEqual(["ping between", text(""), text("next"), "close 1005"]);
    },
  ),
];

const notOurs: NotOurs[] = [
  ["5.1", "a client masks every frame, and closes upon a masked one", "in rfc6455-client-session.test.ts"],
  ["5.3", "the key is fresh for each frame and cannot be foreseen", "in rfc6455-client-session.test.ts"],
  [
    "5.4",
    "an intermediary does not change fragments with reserved bits, nor control frames",
    "there is no intermediary here",
  ],
];

describeMusts(["5.1", "5.2", "5.3", "5.4"], rows, notOurs);
