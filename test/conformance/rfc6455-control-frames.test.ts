import { expect } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import {
  binaryFrame,
  closeFrame,
  frame,
  moreFrame,
  OPCODE,
  parseFrames,
  pingFrame,
  pongFrame,
  textFrame,
} from "../support/frames.ts";
import { hex, rounds } from "../support/raw.ts";
import { binary, linesOf, pong, text } from "./conversation.ts";
import { describeMusts, echoServer, heard, type Must, must, plainServer } from "./musts.ts";

// Sections 5.5 to 5.8: control frames, data frames. A row that a conversation shows is held in one write, frame by
// frame and byte by byte.

const { TEXT, BINARY, CONTINUATION, PING, PONG, NO_FIN } = WriteProtocol;
const BYE = closeFrame(1000);
const open = { fin: false };
const closed = "close 1000";
const broken = "fail 1002";

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

const rows: Must[] = [
  // ── 5.5: control frames ──────────────────────────────────────────────────────────────────────────────────────
  must(
    "5.5",
    "a control frame holds 125 bytes at most: 126 of them fail the connection, whatever its kind",
    async (kind) => {
      const server = await echoServer(kind);
      for (const opcode of [OPCODE.ping, OPCODE.pong, OPCODE.close]) {
        for (const length of [126, 127, 65_536]) {
          const peer = await server.open();
          peer.send(frame(Buffer.alloc(length, 3), { opcode }));
          expect(linesOf(await peer.closed())).toEqual(["close 1002"]);
        }
      }
    },
  ),
  must(
    "5.5",
    "a server cannot be made to send a control frame of more than 125 bytes, or without FIN",
    async (kind) => {
      const { peer, wsi } = await (await plainServer(kind)).pair();
      for (const mode of [PING, PONG]) {
        expect(() => wsi.write(Buffer.alloc(126), mode)).toThrow(RangeError);
        expect(() => wsi.write("é".repeat(63), mode)).toThrow(RangeError);
        expect(() => wsi.write("x", mode | NO_FIN)).toThrow(TypeError);
      }
      expect(() => wsi.close(1000, "x".repeat(124))).toThrow(RangeError);
      wsi.write(Buffer.alloc(125, "p"), PING);
      expect((await peer.frame()).payload).toEqual(Buffer.alloc(125, "p"));
    },
  ),
  heard(
    "5.5.1",
    "the body of a Close begins with two bytes of code, or is empty",
    [closeFrame()],
    ["close 1005"],
  ),
  heard(
    "5.5.1",
    "a body of one byte fails the connection",
    [frame("\x03", { opcode: OPCODE.close })],
    [broken],
  ),
  heard("5.5.1", "a Close from a client is masked", [closeFrame(1000, "", { masked: false })], [broken]),
  heard(
    "5.5.1",
    "a Close that was not asked for is answered with a Close",
    [textFrame("a"), closeFrame(4000, "why")],
    [text("a"), "close 4000"],
  ),
  must("5.5.1", "a Close that answers ours is not answered again", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    wsi.close(1000);
    peer.send(closeFrame(1000), closeFrame(1000));
    expect(linesOf(await peer.closed())).toEqual([closed]);
  }),
  must("5.5.1", "no data frame is sent behind our Close", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    wsi.write("a", TEXT | NO_FIN);
    wsi.close(1000);
    for (const mode of [TEXT, BINARY, CONTINUATION, CONTINUATION | NO_FIN])
      expect(wsi.write("late", mode)).toBe(-1);
    peer.send(BYE);
    expect(parseFrames(await peer.closed()).map(({ opcode }) => opcode)).toEqual([OPCODE.text, OPCODE.close]);
  }),
  must(
    "5.5.1",
    "once both have sent a Close a server closes TCP at once, and does not wait for the client to",
    async (kind) => {
      const server = await plainServer(kind, { timeouts: { close: 600_000, ping: 600_000 } });
      const { peer } = await server.pair();
      peer.send(BYE);
      expect(linesOf(await peer.closed())).toEqual([closed]);
      expect((await server.nth("CLOSED")).input).toMatchObject({ wasClean: true });
    },
  ),
  heard("5.5.2", "a ping is answered with a pong", [pingFrame(), BYE], [pong(""), closed]),
  heard("5.5.2", "a ping behind the peer's Close is not answered", [BYE, pingFrame("late")], [closed]),
  must("5.5.2", "a ping is answered as soon as it is there, while nothing else comes", async (kind) => {
    const peer = await (await echoServer(kind)).open();
    peer.send(textFrame("unfinished", open));
    for (const payload of ["1", "2", "3"]) {
      peer.send(pingFrame(payload));
      let next = await peer.frame();
      while (next.opcode !== OPCODE.pong) next = await peer.frame();
      expect(String(next.payload)).toBe(payload);
    }
  }),
  must("5.5.3", "a pong holds the very bytes of its ping, of every length", async (kind) => {
    const peer = await (await echoServer(kind)).open();
    const all = Array.from({ length: 126 }, (_, length) => Buffer.alloc(length, 255 - length));
    peer.send(...all.map((payload) => pingFrame(payload)), BYE);
    expect(linesOf(await peer.closed())).toEqual([...all.map(pong), closed]);
  }),
  heard(
    "5.5.3",
    "a pong that nobody asked for is answered by nothing",
    [pongFrame("a"), pongFrame(), BYE],
    [closed],
  ),

  // ── 5.6 and 5.8: data frames, extensibility ──────────────────────────────────────────────────────────────────
  heard(
    "5.6",
    "a text may cut a character between its fragments, as long as the whole is UTF-8",
    [textFrame(hex("f0 9f"), open), moreFrame(hex("98 80")), BYE],
    [text("😀"), closed],
  ),
  heard(
    "5.6",
    "a binary holds any bytes",
    [binaryFrame(hex("00 ff fe c0 80 ed a0 80")), BYE],
    [binary(hex("00 ff fe c0 80 ed a0 80")), closed],
  ),
  must("5.7", "the examples, as they stand on the wire", async (kind) => {
    const peer = await (await plainServer(kind, { on: { RECEIVE: () => {} } })).open();
    peer.send(hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"), hex("89 85 37 fa 21 3d 7f 9f 4d 51 58"));
    expect(await peer.bytes(7)).toEqual(hex("8a 05 48 65 6c 6c 6f"));
  }),
  must(
    "5.8",
    "no reserved bit and no reserved opcode is ever sent by a server without an extension",
    async (kind) => {
      const { peer, wsi } = await (await plainServer(kind)).pair();
      for (const [mode] of SENT) wsi.write("x".repeat(100), mode);
      await rounds(5);
      wsi.close(1000);
      peer.send(BYE);
      const firsts = parseFrames(await peer.closed()).map(({ rsv, opcode }) => [rsv, opcode]);
      expect(firsts).toEqual([1, 0, 9, 10, 0, 2, 0, 1, 2, 8].map((opcode) => [0, opcode]));
    },
  ),
];

describeMusts(["5.5", "5.5.1", "5.5.2", "5.5.3", "5.6", "5.7", "5.8"], rows);
