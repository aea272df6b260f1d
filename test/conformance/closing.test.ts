import { describe, expect, it } from "vitest";
import { WriteProtocol, type Wsi } from "../../lib/index.ts";
import {
  closeFrame,
  closePayload,
  frame,
  moreFrame,
  OPCODE,
  parseFrames,
  pingFrame,
  textFrame,
  upgradeRequest,
} from "../support/frames.ts";
import { hex, rounds } from "../support/raw.ts";
import {
  type Conversation,
  converse,
  describeEcho,
  itConverses,
  linesOf,
  pong,
  startEcho,
  text,
} from "./conversation.ts";

// Section 7 on a real echo server: every Close a peer can send, and both sides closing in every order.

const GOOD = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999];
const BAD = [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 1999, 2000, 2999, 5000, 5001, 32_768, 65_535];

const codes: Conversation[] = [
  ...GOOD.map((code) => ({
    name: `code ${code}`,
    says: [closeFrame(code, "why")],
    hears: [`close ${code}`],
  })),
  { name: "no code at all", says: [closeFrame()], hears: ["close 1005"] },
  ...[0, 1, 2, 122, 123].map((size) => ({
    name: `a reason of ${size} bytes`,
    says: [closeFrame(1000, "*".repeat(size))],
    hears: ["close 1000"],
  })),
  {
    name: "a reason of 41 characters of three bytes",
    says: [closeFrame(1000, "€".repeat(41))],
    hears: ["close 1000"],
  },
  { name: "a reason that holds a NUL", says: [closeFrame(1000, "a\0b")], hears: ["close 1000"] },
];

const wrong: Conversation[] = [
  ...BAD.map((code) => ({ name: `code ${code}`, says: [closeFrame(code, "why")], hears: ["fail 1002"] })),
  { name: "a payload of one byte", says: [frame("x", { opcode: OPCODE.close })], hears: ["fail 1002"] },
  { name: "a reason of 124 bytes", says: [closeFrame(1000, "*".repeat(124))], hears: ["fail 1002"] },
  ...["ff", "ed a0 80", "c3", "61 80", "f4 90 80 80", "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65"].map(
    (reason) => ({
      name: `a reason of the bytes ${reason}`,
      says: [closeFrame(1000, hex(reason))],
      hears: ["fail 1007"],
    }),
  ),
];

const behind: Conversation[] = [
  ["a text", textFrame("late")],
  ["a ping", pingFrame("late")],
  ["another Close", closeFrame(1001)],
  ["a fragment", textFrame("late", { fin: false })],
  ["a frame that breaks the rules", frame("late", { opcode: 3 })],
  ["a frame without a mask", textFrame("late", { masked: false })],
  ["bytes that are no frame", Buffer.alloc(100, 0xff)],
  ["256 KiB of a message", textFrame("*".repeat(262_144))],
].map(([name, late]) => ({
  name: `${name} behind a Close`,
  says: [textFrame("before"), closeFrame(1000), late as Buffer],
  hears: [text("before"), "close 1000"],
}));

function fail(): never {
  throw new Error("of the application");
}

describeEcho("closing", (kind) => {
  describe("by the peer", () => {
    itConverses(kind, codes, "is answered in kind");

    itConverses(kind, wrong, "fails the connection");

    itConverses(kind, behind, "is neither heard nor answered");

    it("amid a message ends it unfinished", () =>
      converse(kind, {
        name: "",
        says: [textFrame("a", { fin: false }), pingFrame("p"), closeFrame(4000), moreFrame("b")],
        hears: [pong("p"), "close 4000"],
      }));

    it("tells code and reason in CLOSED as they came", async () => {
      const server = await startEcho(kind);
      for (const [i, reason] of ["", "bye", "é€😀", "*".repeat(123)].entries()) {
        const peer = await server.open();
        peer.send(closeFrame(3000 + i, reason));
        expect(await peer.close()).toMatchObject({ code: 3000 + i });
        expect((await server.nth("CLOSED", i + 1)).input).toEqual({ code: 3000 + i, reason, wasClean: true });
      }
    });

    it("is the last that WS_PEER_INITIATED_CLOSE and CLOSED tell, each once, in this order", async () => {
      const server = await startEcho(kind);
      const peer = await server.open();
      peer.send(textFrame("a"), closeFrame(1000, "x"), textFrame("b"), closeFrame(1001, "y"));
      await peer.closed();
      await server.nth("CLOSED");
      await server.destroy();
      const names = server.names().slice(server.names().indexOf("RECEIVE"));
      expect(names).toEqual(["RECEIVE", "WS_PEER_INITIATED_CLOSE", "CLOSED"]);
      expect(server.all("WS_PEER_INITIATED_CLOSE")[0].input).toMatchObject({ code: 1000, reason: "x" });
    });

    it("lets the server end TCP first, while the peer says nothing more", async () => {
      const server = await startEcho(kind);
      const peer = await server.connect();
      peer.socket.allowHalfOpen = true;
      peer.socket.removeAllListeners("end");
      const ended = new Promise<void>((resolve) => peer.socket.once("end", resolve));
      await peer.upgrade();
      peer.send(closeFrame(1000));
      expect(await peer.close()).toEqual({ code: 1000, reason: "" });
      await ended;
      expect(peer.socket.writableEnded).toBe(false);
    });

    it("is answered though the peer has shut down its side of TCP right behind it", async () => {
      const server = await startEcho(kind);
      for (let i = 1; i <= 5; i++) {
        const peer = await server.open();
        peer.socket.end(Buffer.concat([textFrame("before"), closeFrame(3000, "and FIN")]));
        expect(linesOf(await peer.closed())).toEqual([text("before"), "close 3000"]);
        expect((await server.nth("CLOSED", i)).input).toEqual({
          code: 3000,
          reason: "and FIN",
          wasClean: true,
        });
      }
    });

    it("is answered behind all that was queued for a peer that did not read", async () => {
      const server = await startEcho(kind);
      const peer = await server.open();
      peer.pause();
      const large = "*".repeat(1 << 20);
      void peer.send(...Array<Buffer>(12).fill(textFrame(large)), closeFrame(1000));
      await server.nth("WS_PEER_INITIATED_CLOSE");
      peer.resume();
      expect(linesOf(await peer.closed())).toEqual([...Array(12).fill(text(large)), "close 1000"]);
      await expect(peer.reset()).rejects.toThrow("ended in order");
    });

    it("with a nonzero WS_PEER_INITIATED_CLOSE is not answered, and nothing behind it is heard", async () => {
      const server = await startEcho(kind, {}, { WS_PEER_INITIATED_CLOSE: () => 1 });
      const peer = await server.open();
      peer.send(textFrame("before"), closeFrame(3000, "mine"), textFrame("late"), pingFrame("late"));
      expect(linesOf(await peer.closed())).toEqual([text("before")]);
      expect((await server.nth("CLOSED")).input).toEqual({ code: 3000, reason: "mine", wasClean: false });
      expect(server.received()).toEqual(["before"]);
    });

    it("may be answered with a Close of the server's own, which is the only one", async () => {
      const server = await startEcho(
        kind,
        {},
        { WS_PEER_INITIATED_CLOSE: (wsi) => wsi.close(4001, "so be it") },
      );
      const peer = await server.open();
      peer.send(closeFrame(1000, "mine"));
      expect(parseFrames(await peer.closed()).map(({ payload }) => payload.toString("latin1"))).toEqual([
        "\x0f\xa1so be it",
      ]);
      expect((await server.nth("CLOSED")).input).toEqual({ code: 1000, reason: "mine", wasClean: true });
    });
  });

  describe("by the server", () => {
    it.each(GOOD)("with %i is sent as it is", async (code) => {
      const server = await startEcho(kind);
      const { peer, wsi } = await server.pair();
      wsi.close(code, "why");
      expect(await peer.close()).toEqual({ code, reason: "why" });
      peer.send(closeFrame(code));
      expect((await server.nth("CLOSED")).input).toEqual({ code, reason: "", wasClean: true });
      expect(await peer.closed()).toHaveLength(0);
    });

    it.each([0, 1, 123])("with a reason of %i bytes is sent as it is", async (size) => {
      const { peer, wsi } = await (await startEcho(kind)).pair();
      wsi.close(1000, "*".repeat(size));
      expect(await peer.close()).toEqual({ code: 1000, reason: "*".repeat(size) });
    });

    it("is the last frame that is sent: no message, no ping, and no pong for a ping", async () => {
      const server = await startEcho(kind, {}, { RECEIVE: () => {} });
      const { peer, wsi } = await server.pair();
      wsi.write("before", WriteProtocol.TEXT);
      wsi.close(1000);
      for (const mode of [WriteProtocol.TEXT, WriteProtocol.BINARY, WriteProtocol.PING, WriteProtocol.PONG])
        expect(wsi.write("late", mode)).toBe(-1);
      expect(wsi.ping()).toBe(-1);
      expect(wsi.write(closePayload(1000), WriteProtocol.CLOSE)).toBe(-1);
      peer.send(textFrame("under way"), pingFrame("unanswered"), closeFrame(1000));
      expect(linesOf(await peer.closed())).toEqual([text("before"), "close 1000"]);
    });

    it.each([
      ["wsi.close", (wsi: Wsi) => wsi.close(4000), "close 4000"],
      ["a nonzero return", () => 1, "close 1005"],
      ["a throw", fail, "close 1011"],
    ])("in ESTABLISHED, by %s, comes right behind the handshake", async (_how, established, line) => {
      const server = await startEcho(kind, {}, { ESTABLISHED: established });
      const peer = await server.connect();
      peer.send(upgradeRequest(), textFrame("at once"));
      expect((await peer.head()).status).toBe(101);
      const closing = await peer.frame();
      expect(linesOf(frame(closing.payload, { opcode: closing.opcode, masked: false }))).toEqual([line]);
      peer.send(closeFrame(1000));
      expect(await peer.closed()).toHaveLength(0);
      await server.nth("CLOSED");
    });

    it("amid its own message is the last frame all the same", async () => {
      const { peer, wsi } = await (await startEcho(kind)).pair();
      wsi.write("begun", WriteProtocol.TEXT | WriteProtocol.NO_FIN);
      wsi.close(1000);
      expect(wsi.write("end", WriteProtocol.CONTINUATION)).toBe(-1);
      peer.send(closeFrame(1000));
      expect(parseFrames(await peer.closed()).map(({ opcode }) => opcode)).toEqual([
        OPCODE.text,
        OPCODE.close,
      ]);
    });

    it("that is answered with a bad Close is over without another, and not clean", async () => {
      const server = await startEcho(kind);
      for (const [i, answer] of [
        closeFrame(1005),
        frame("x", { opcode: 8 }),
        textFrame("x", { rsv: 4 }),
      ].entries()) {
        const before = server.all("ESTABLISHED").length;
        const peer = await server.open();
        const { wsi } = await server.nth("ESTABLISHED", before + 1);
        wsi.close(4000);
        expect(await peer.close()).toMatchObject({ code: 4000 });
        peer.send(answer);
        expect(await peer.closed()).toHaveLength(0);
        expect((await server.nth("CLOSED", i + 1)).input).toMatchObject({ code: 1002, wasClean: false });
      }
    });

    it("that is never answered is dropped in time, 1006 and not clean", async () => {
      const server = await startEcho(kind, { timeouts: { close: 50 } });
      const { peer, wsi } = await server.pair();
      wsi.close(4000, "hello?");
      expect(await peer.close()).toMatchObject({ code: 4000 });
      expect((await server.nth("CLOSED")).input).toEqual({ code: 1006, reason: "", wasClean: false });
      expect(await peer.closed()).toHaveLength(0);
    });

    it("that pings and messages go on after is dropped in time as well", async () => {
      const server = await startEcho(kind, { timeouts: { close: 100 } });
      const { peer, wsi } = await server.pair();
      wsi.close(4000);
      expect(await peer.close()).toMatchObject({ code: 4000 });
      while (server.all("CLOSED").length === 0 && !peer.ended) {
        await peer.send(pingFrame("still here"));
        await rounds(5);
      }
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1006, wasClean: false });
      expect(await peer.closed()).toHaveLength(0);
    });

    it("begins from a nonzero return with closeReason, and nothing more is received", async () => {
      const on = {
        RECEIVE: (wsi: { closeReason(code: number, text: string): void }) => {
          wsi.closeReason(4123, "enough of é");
          return 1;
        },
      };
      const server = await startEcho(kind, {}, on);
      const peer = await server.open();
      peer.send(textFrame("a"), textFrame("b"), pingFrame("unanswered"));
      expect(await peer.close()).toEqual({ code: 4123, reason: "enough of é" });
      peer.send(textFrame("c"), closeFrame(4123));
      expect(await peer.closed()).toHaveLength(0);
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 4123, wasClean: true });
      expect(server.received()).toEqual(["a"]);
    });
  });

  describe("by both at once", () => {
    it("is clean, with one Close each, and tells the peer's code", async () => {
      const server = await startEcho(kind);
      const { peer, wsi } = await server.pair();
      wsi.close(4000, "server");
      peer.send(closeFrame(4001, "peer"));
      expect(await peer.close()).toEqual({ code: 4000, reason: "server" });
      expect(await peer.closed()).toHaveLength(0);
      expect((await server.nth("CLOSED")).input).toEqual({ code: 4001, reason: "peer", wasClean: true });
    });

    it("within one callback sends the server's own, and does not ask WS_PEER_INITIATED_CLOSE", async () => {
      const server = await startEcho(kind, {}, { RECEIVE: (wsi) => wsi.close(4000) });
      const peer = await server.open();
      peer.send(textFrame("x"), closeFrame(1000));
      expect(linesOf(await peer.closed())).toEqual(["close 4000"]);
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1000, wasClean: true });
      expect(server.all("WS_PEER_INITIATED_CLOSE")).toEqual([]);
    });
  });

  it.each(["server", "peer"])("by the %s cuts nothing short for a peer that reads slowly", async (side) => {
    const server = await startEcho(kind, { timeouts: { close: 500 } });
    const { peer, wsi } = await server.pair();
    // 64 KiB at a time, so that all of it takes longer than `close`, and none of it nearly as long.
    peer.socket.on("data", () => {
      peer.pause();
      setTimeout(() => peer.resume(), 3);
    });
    const queued = Buffer.alloc(15_000_000, "q");
    wsi.write(queued, WriteProtocol.BINARY);
    if (side === "server") wsi.close(1000);
    else peer.send(closeFrame(1000));
    expect((await peer.frame()).payload.equals(queued)).toBe(true);
    expect(await peer.close()).toEqual({ code: 1000, reason: "" });
  });

  describe("without a Close frame", () => {
    it.each(["end", "abort", "destroy"] as const)("by TCP alone (%s) is told as 1006, once", async (how) => {
      const server = await startEcho(kind);
      const peer = await server.open();
      peer.send(textFrame("half a message", { fin: false }));
      await server.until(() => kind.wholeMessages || server.all("RECEIVE").length > 0);
      await rounds(5);
      peer[how]();
      expect((await server.nth("CLOSED")).input).toEqual({ code: 1006, reason: "", wasClean: false });
      await server.destroy();
      expect(server.all("CLOSED")).toHaveLength(1);
    });
  });
});
