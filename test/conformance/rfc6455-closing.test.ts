import { expect } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import {
  binaryFrame,
  closeFrame,
  closePayload,
  frame,
  moreFrame,
  OPCODE,
  pingFrame,
  textFrame,
} from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import { binary, linesOf, pong, text } from "./conversation.ts";
import { describeMusts, echoServer, heard, type Must, must, type NotOurs, plainServer } from "./musts.ts";

// Sections 6 and 7: sending and receiving, closing.

const { TEXT, BINARY, CONTINUATION, PING, PONG, NO_FIN } = WriteProtocol;
const BYE = closeFrame(1000);
const open = { fin: false };
const closed = "close 1000";

/** The codes that may stand in a Close; all others between 0 and 65 535 may not. */
const mayStand = (code: number) =>
  (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);

/** Each end of each range, and what is in between. */
const CODES = [
  ...[0, 1, 255, 256, 500, 998, 999],
  ...Array.from({ length: 20 }, (_, i) => 1000 + i),
  ...[
    1099, 1100, 1999, 2000, 2500, 2998, 2999, 3000, 3001, 3999, 4000, 4998, 4999, 5000, 5001, 9999, 65_534,
    65_535,
  ],
];

const rows: Must[] = [
  // ── 6.1: sending ─────────────────────────────────────────────────────────────────────────────────────────────
  must(
    "6.1 /1",
    "data is sent in the state OPEN only: when that is over, write sends nothing and says so",
    async (kind) => {
      const server = await plainServer(kind);
      const { peer, wsi } = await server.pair();
      wsi.close(1000);
      for (const mode of [TEXT, BINARY, PING, PONG]) expect(wsi.write("late", mode)).toBe(-1);
      peer.send(BYE);
      expect(linesOf(await peer.closed())).toEqual([closed]);
      await server.nth("CLOSED");
      for (const mode of [TEXT, BINARY, PING, PONG]) expect(wsi.write("late", mode)).toBe(-1);
    },
  ),
  must("6.1 /1", "the peer's Close ends OPEN too, from its answer on", async (kind) => {
    const taken: number[] = [];
    const server = await plainServer(kind, {
      on: { CLOSED: (wsi) => void taken.push(wsi.write("late", TEXT)) },
    });
    const { peer } = await server.pair();
    peer.send(BYE);
    expect(linesOf(await peer.closed())).toEqual([closed]);
    await server.nth("CLOSED");
    expect(taken).toEqual([-1]);
  }),
  must("6.1 /3", "the first frame has the opcode of the data's type", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    wsi.write("t", TEXT);
    wsi.write("b", BINARY);
    expect((await peer.frames(2)).map(({ opcode }) => opcode)).toEqual([OPCODE.text, OPCODE.binary]);
  }),
  must("6.1 /4", "the last frame, and no other, has FIN", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    for (const mode of [TEXT, TEXT | NO_FIN, CONTINUATION | NO_FIN, CONTINUATION]) wsi.write("x", mode);
    expect((await peer.frames(4)).map(({ fin }) => fin)).toEqual([true, false, false, true]);
  }),
  must("6.1 /5", "a server's frames are not masked, large ones neither", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    const data = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i & 255));
    wsi.write(data, BINARY);
    const sent = await peer.frame();
    expect(sent.masked).toBe(false);
    expect(sent.payload.equals(data)).toBe(true);
  }),

  // ── 6.2: receiving ───────────────────────────────────────────────────────────────────────────────────────────
  heard(
    "6.2",
    "the masking is removed from what a client sends",
    [binaryFrame("abcdefg", { mask: hex("ff 00 ff 00") }), BYE],
    [binary("abcdefg"), closed],
  ),
  heard(
    "6.2",
    "a control frame is handled as such and is no part of a message",
    [textFrame("a", open), pingFrame("p"), moreFrame("b"), BYE],
    [pong("p"), text("ab"), closed],
  ),
  heard(
    "6.2",
    "a message is its fragments joined, of the first one's type",
    [binaryFrame("a", open), moreFrame("b", open), moreFrame("c"), BYE],
    [binary("abc"), closed],
  ),
  heard(
    "6.2",
    "what follows a message is a new message",
    [textFrame("a", open), moreFrame("b"), binaryFrame("c"), textFrame("d"), BYE],
    [text("ab"), binary("c"), text("d"), closed],
  ),

  // ── 7.1: closing ─────────────────────────────────────────────────────────────────────────────────────────────
  must("7.1.1", "a server closes TCP first and in order, so that all it sent arrives", async (kind) => {
    const server = await echoServer(kind);
    const peer = await server.open();
    const large = "*".repeat(300_000);
    void peer.send(textFrame(large), BYE);
    const all = linesOf(await peer.closed());
    expect(all).toEqual([text(large), closed]);
    await expect(peer.reset()).rejects.toThrow("in order");
  }),
  must(
    "7.1.2",
    "the closing handshake begins with a Close frame that has the code and reason given",
    async (kind) => {
      const { peer, wsi } = await (await plainServer(kind)).pair();
      wsi.close(4321, "reason");
      expect((await peer.frame()).payload).toEqual(closePayload(4321, "reason"));
    },
  ),
  must("7.1.3", "having sent or received a Close is to be closing: the state says so", async (kind) => {
    const states: string[] = [];
    const on = { WS_PEER_INITIATED_CLOSE: (wsi: { state: string }) => void states.push(wsi.state) };
    const server = await plainServer(kind, { on });
    const { peer, wsi } = await server.pair();
    wsi.close(1000);
    expect(wsi.state).toBe("CLOSING");
    peer.send(BYE);
    expect((await server.nth("CLOSED")).wsi.state).toBe("CLOSED");
    expect(states).toEqual([]);
  }),
  must("7.1.4", "closed cleanly is: TCP closed after the closing handshake was completed", async (kind) => {
    const server = await plainServer(kind);
    const { peer, wsi } = await server.pair();
    wsi.close(1000);
    await peer.close();
    peer.end();
    expect((await server.nth("CLOSED")).input).toMatchObject({ wasClean: false });
    const second = await server.pair();
    second.peer.send(BYE);
    expect((await server.nth("CLOSED", 2)).input).toMatchObject({ wasClean: true });
  }),
  must("7.1.5", "the close code is that of the first Close received", async (kind) => {
    const server = await plainServer(kind);
    const { peer } = await server.pair();
    peer.send(closeFrame(3001), closeFrame(3002));
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 3001 });
  }),
  must("7.1.5", "without a code in it the close code is 1005, without a Close frame 1006", async (kind) => {
    const server = await plainServer(kind);
    (await server.open()).send(closeFrame());
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1005 });
    (await server.open()).end();
    expect((await server.nth("CLOSED", 2)).input).toMatchObject({ code: 1006 });
  }),
  must("7.1.6", "the close reason is the text behind the code, or empty", async (kind) => {
    const server = await plainServer(kind);
    for (const [i, reason] of ["", "a reason", "ünïcödé"].entries()) {
      (await server.open()).send(closeFrame(1000, reason));
      expect((await server.nth("CLOSED", i + 1)).input).toMatchObject({ reason });
    }
  }),
  must("7.1.7", "failing tells why in a Close where it can, then closes", async (kind) => {
    const server = await echoServer(kind);
    const peer = await server.open();
    peer.send(frame("x", { opcode: 3 }));
    expect(await peer.close()).toEqual({ code: 1002, reason: "unknown opcode" });
    expect(await peer.closed()).toHaveLength(0);
  }),
  must("7.1.7", "nothing of the peer is processed after that, its Close neither", async (kind) => {
    const server = await echoServer(kind);
    const peer = await server.open();
    peer.send(frame("x", { opcode: 3 }), textFrame("late"), pingFrame("late"), closeFrame(4000));
    await peer.close();
    peer.send(textFrame("later"), closeFrame(4000));
    expect(await peer.closed()).toHaveLength(0);
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1002, wasClean: false });
    expect(server.received()).toEqual([]);
  }),
  must("7.2.1", "a transport that is lost fails the session: told once, 1006", async (kind) => {
    const server = await plainServer(kind);
    (await server.open()).abort();
    expect((await server.nth("CLOSED")).input).toEqual({ code: 1006, reason: "", wasClean: false });
  }),
  must("7.2.2", "an error of the server's own ends the session with 1011, and no other", async (kind) => {
    const server = await plainServer(kind, {
      on: {
        RECEIVE() {
          throw new Error("of the application");
        },
      },
    });
    const bystander = await server.open();
    const peer = await server.open();
    peer.send(textFrame("x"));
    expect(await peer.close()).toMatchObject({ code: 1011 });
    bystander.send(pingFrame("fine"));
    expect(linesOf(Buffer.concat([await bystander.bytes(6)]))).toEqual([pong("fine")]);
  }),
  must("7.3", "a server may close at any time, amid a message of either side", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    peer.send(textFrame("unfinished", open));
    wsi.write("unfinished", TEXT | NO_FIN);
    wsi.close(1001);
    expect(await peer.close()).toMatchObject({ code: 1001 });
    peer.send(BYE);
    expect(await peer.closed()).toHaveLength(0);
  }),
  must(
    "7.4",
    "of all codes in a peer's Close, those that may stand there are answered, the others fail with 1002",
    async (kind) => {
      const server = await plainServer(kind);
      for (const code of CODES) {
        const peer = await server.open();
        peer.send(closeFrame(code));
        expect(linesOf(await peer.closed()), `code ${code}`).toEqual([
          `close ${mayStand(code) ? code : 1002}`,
        ]);
      }
    },
  ),
  must("7.4.1", "1004, 1005, 1006, 1015 and what is not registered cannot be sent", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    for (const code of CODES.filter((each) => !mayStand(each))) {
      expect(() => wsi.close(code), `${code}`).toThrow(RangeError);
      expect(() => wsi.closeReason(code), `${code}`).toThrow(RangeError);
      expect(() => wsi.write(closePayload(code), WriteProtocol.CLOSE), `${code}`).toThrow(RangeError);
    }
    wsi.write("first", TEXT);
    expect(await peer.text()).toBe("first");
  }),
  must(
    "7.4.2",
    "3000-3999 and 4000-4999 are free for libraries and applications, both ways",
    async (kind) => {
      const server = await plainServer(kind);
      for (const code of [3000, 3999, 4000, 4999]) {
        const { peer, wsi } = await server.pair();
        wsi.close(code);
        expect(await peer.close()).toMatchObject({ code });
        peer.send(closeFrame(code));
        await peer.closed();
      }
    },
  ),
];

const notOurs: NotOurs[] = [
  ["7.1.1", "a client waits for the server to close TCP, for a while", "in the tests of client connections"],
  ["7.2.3", "a client that comes back waits longer each time", "for programs that reconnect to do"],
];

describeMusts(
  [
    "6.1",
    "6.2",
    "7.1.1",
    "7.1.2",
    "7.1.3",
    "7.1.4",
    "7.1.5",
    "7.1.6",
    "7.1.7",
    "7.2.1",
    "7.2.2",
    "7.3",
    "7.4",
    "7.4.1",
    "7.4.2",
  ],
  rows,
  notOurs,
);
