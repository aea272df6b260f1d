import { describe, expect, it } from "vitest";
import {
  binaryFrame,
  closeFrame,
  type FrameOptions,
  frame,
  moreFrame,
  OPCODE,
  parseFrames,
  pingFrame,
  pongFrame,
  readClose,
  textFrame,
} from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type ServerOptions, startServer, type TestServer } from "../support/server.ts";

describeLoops("frames that a server gets", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  /** The session is failed with `code` on the wire, CLOSED tells it once, and nothing comes after. */
  async function expectFailure(code: number, bytes: Uint8Array, options: ServerOptions = {}): Promise<void> {
    const server = await start(options);
    const peer = await server.open();
    peer.send(bytes);
    expect(await peer.close()).toMatchObject({ code });
    expect(await peer.closed()).toHaveLength(0);
    const closed = await server.nth("CLOSED");
    expect(closed.input).toMatchObject({ code, wasClean: false });
    expect(server.all("CLOSED")).toHaveLength(1);
  }

  /** The messages are delivered and the session is still open. */
  async function expectAccepted(bytes: Uint8Array, messages: string[], options: ServerOptions = {}) {
    const server = await start({ ...options, protocol: { wholeMessages: true, ...options.protocol } });
    const peer = await server.open();
    peer.send(bytes, pingFrame("still there?"));
    expect((await peer.frame()).payload.toString()).toBe("still there?");
    expect(server.received()).toEqual(messages);
  }

  describe("that break the framing", () => {
    it("row 21: an unmasked frame closes with 1002", () =>
      expectFailure(1002, textFrame("hi", { masked: false })));

    const reserved: [string, FrameOptions][] = [
      ["RSV1 without an extension", { rsv: 4, opcode: OPCODE.text }],
      ["RSV2", { rsv: 2, opcode: OPCODE.text }],
      ["RSV3", { rsv: 1, opcode: OPCODE.binary }],
      ["RSV1 on a ping", { rsv: 4, opcode: OPCODE.ping }],
      ["RSV1 on a Close", { rsv: 4, opcode: OPCODE.close }],
    ];
    it.each(reserved)("row 22: %s closes with 1002", (_what, options) =>
      expectFailure(1002, frame("", options)),
    );

    it("row 22: RSV1 on a continuation closes with 1002", () =>
      expectFailure(1002, Buffer.concat([textFrame("a", { fin: false }), moreFrame("b", { rsv: 4 })])));

    it.each([3, 4, 5, 6, 7, 11, 12, 13, 14, 15])("row 23: opcode %i closes with 1002", (opcode) =>
      expectFailure(1002, frame("", { opcode })),
    );

    it("row 24: a ping of 126 bytes closes with 1002", () =>
      expectFailure(1002, pingFrame(Buffer.alloc(126))));

    it.each([OPCODE.ping, OPCODE.pong, OPCODE.close])(
      "row 24: opcode %i without FIN closes with 1002",
      (opcode) => expectFailure(1002, frame("", { opcode, fin: false })),
    );

    it("row 25: a continuation with nothing open closes with 1002", () =>
      expectFailure(1002, moreFrame("x")));

    it.each([textFrame("b"), binaryFrame("b"), textFrame("b", { fin: false })])(
      "row 25: a new message amid fragments closes with 1002 (%#)",
      (second) => expectFailure(1002, Buffer.concat([textFrame("a", { fin: false }), second])),
    );

    it.each([
      [5, 16],
      [125, 16],
      [5, 64],
      [65_535, 64],
    ] as const)("row 26: length %i in the %i-bit form closes with 1002", (length, lengthForm) =>
      expectFailure(1002, binaryFrame(Buffer.alloc(length), { lengthForm })),
    );

    it("row 27: a length with the top bit set closes with 1002", () =>
      expectFailure(1002, binaryFrame("", { lengthForm: 64, claim: 1n << 63n })));

    it("row 27: a length of 2^53 closes with 1009", () =>
      expectFailure(1009, binaryFrame("", { lengthForm: 64, claim: 1n << 53n })));
  });

  describe("that are too large", () => {
    const limit = (maxMessageSize: number) => ({ protocol: { maxMessageSize } });

    it("row 28: a claim of 1 GiB under a limit of 1 MiB closes with 1009 at once", () =>
      expectFailure(1009, binaryFrame("", { claim: 1 << 30 }), limit(1 << 20)));

    it("row 29: one byte over the limit closes with 1009", () =>
      expectFailure(1009, binaryFrame(Buffer.alloc(1025)), limit(1024)));

    it("row 29: fragments whose sum is over the limit close with 1009", () => {
      const fragments = [binaryFrame(Buffer.alloc(1000), { fin: false }), moreFrame(Buffer.alloc(25))];
      return expectFailure(1009, Buffer.concat(fragments), limit(1024));
    });

    it("row 29: exactly the limit is accepted, in one frame and in several", () => {
      const text = "x".repeat(1024);
      const split = [textFrame(text.slice(0, 1000), { fin: false }), moreFrame(text.slice(1000))];
      return expectAccepted(Buffer.concat([textFrame(text), ...split]), [text, text], limit(1024));
    });

    it("row 36: more empty fragments than the limit close with 1008", () => {
      const empty = Array.from({ length: 12 }, () => moreFrame("", { fin: false }));
      const bytes = Buffer.concat([textFrame("", { fin: false }), ...empty]);
      return expectFailure(1008, bytes, { maxEmptyFragments: 10 });
    });

    it("row 36: empty fragments between others are counted anew", () => {
      const group = [moreFrame("", { fin: false }), moreFrame("x", { fin: false })];
      const many = Array.from({ length: 30 }, () => group).flat();
      const bytes = Buffer.concat([textFrame("", { fin: false }), ...many, moreFrame("")]);
      return expectAccepted(bytes, ["x".repeat(30)], { maxEmptyFragments: 10 });
    });

    it("row 37: 20 000 messages keep the session open", async () => {
      const server = await start();
      const peer = await server.open();
      peer.send(...Array.from({ length: 20_000 }, () => textFrame("x")), pingFrame());
      expect((await peer.frame()).opcode).toBe(OPCODE.pong);
      expect(server.all("RECEIVE")).toHaveLength(20_000);
    });

    it("row 38: a large frame in pieces of one byte costs no memory for each piece", async () => {
      const size = 20_000;
      const server = await start({ protocol: { wholeMessages: true } });
      const peer = await server.open();
      const bytes = binaryFrame(Buffer.alloc(size, "x"));
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < bytes.length - 1; i++) {
        peer.send(bytes.subarray(i, i + 1));
        if (i % 4 === 0) await rounds(1);
      }
      expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 << 20);
      peer.send(bytes.subarray(bytes.length - 1));
      expect((await server.nth("RECEIVE")).len).toBe(size);
    });
  });

  describe("whose text is no UTF-8", () => {
    const wrong = ["ff", "c0af", "eda080", "f4908080", "f09f98"];
    it.each(wrong)("row 30: text %s closes with 1007", (hex) =>
      expectFailure(1007, textFrame(Buffer.from(hex, "hex"))),
    );

    it.each(wrong)("row 30: text %s after a first fragment closes with 1007", (hex) => {
      const second = moreFrame(Buffer.from(hex, "hex"));
      return expectFailure(1007, Buffer.concat([textFrame("good so far", { fin: false }), second]));
    });

    it("row 30: a valid emoji split across frames is accepted at every split", async () => {
      const emoji = Buffer.from("a😀b");
      const splits = Array.from({ length: emoji.length + 1 }, (_, at) => [
        textFrame(emoji.subarray(0, at), { fin: false }),
        moreFrame(emoji.subarray(at)),
      ]).flat();
      await expectAccepted(Buffer.concat(splits), Array(emoji.length + 1).fill("a😀b"));
    });

    it("row 31: a wrong byte in the first fragment closes with 1007 at that byte", () =>
      expectFailure(1007, textFrame(Buffer.of(0x61, 0xff), { fin: false })));

    it("row 31: a wrong byte in an unfinished frame closes with 1007 at that byte", () =>
      expectFailure(1007, textFrame(Buffer.of(0x61, 0xff), { claim: 1000 })));

    it("binary messages may hold any byte", () =>
      expectAccepted(binaryFrame(Buffer.from("ff", "hex")), ["\ufffd"]));
  });

  describe("that close", () => {
    it("row 32: a Close of one byte closes with 1002", () =>
      expectFailure(1002, frame(Buffer.of(3), { opcode: OPCODE.close })));

    it.each([0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])(
      "row 32: close code %i is answered with 1002",
      (code) => expectFailure(1002, closeFrame(code)),
    );

    it("row 32: a reason that is no UTF-8 is answered with 1007", () =>
      expectFailure(1007, closeFrame(1000, Buffer.of(0xff))));

    it.each([1000, 1001, 1012, 1014, 3000, 4999])("row 32: close code %i is echoed", async (code) => {
      const server = await start();
      const peer = await server.open();
      peer.send(closeFrame(code, "why"));
      expect(await peer.close()).toMatchObject({ code });
      expect(await peer.closed()).toHaveLength(0);
      expect((await server.nth("CLOSED")).input).toEqual({ code, reason: "why", wasClean: true });
    });

    it("an empty Close is echoed empty and told as 1005", async () => {
      const server = await start();
      const peer = await server.open();
      peer.send(closeFrame());
      expect((await peer.frame()).payload).toHaveLength(0);
      expect((await server.nth("CLOSED")).input).toEqual({ code: 1005, reason: "", wasClean: true });
    });

    it("row 33: frames behind a Close are ignored", async () => {
      const server = await start();
      const peer = await server.open();
      peer.send(closeFrame(1000), textFrame("late"), pingFrame("late"), frame("", { opcode: 3 }));
      expect(parseFrames(await peer.closed()).map(readClose)).toEqual([{ code: 1000, reason: "" }]);
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1000, wasClean: true });
      expect(server.names()).not.toContain("RECEIVE");
    });

    it("row 34: a FIN of TCP in mid-frame is CLOSED once, 1006 and not clean", async () => {
      const server = await start();
      const peer = await server.open();
      peer.send(textFrame("half a message").subarray(0, 12));
      await server.nth("RECEIVE");
      peer.end();
      expect((await server.nth("CLOSED")).input).toEqual({ code: 1006, reason: "", wasClean: false });
      await peer.closed();
      await rounds(5);
      expect(server.all("CLOSED")).toHaveLength(1);
    });
  });

  describe("however TCP cuts them", () => {
    const options = { mask: Buffer.of(1, 2, 3, 4) };
    const stream = Buffer.concat([
      textFrame("κόσμε😀", { ...options, fin: false }),
      pingFrame("amid", options),
      moreFrame("", { ...options, fin: false }),
      moreFrame("the end", options),
      binaryFrame(Buffer.alloc(130, 7), options),
      textFrame("", options),
      pongFrame("pong", options),
      closeFrame(1000, "bye", options),
    ]);

    /** All that one session saw, pieces of the same message put together. */
    function story(server: TestServer): unknown[] {
      const told: unknown[] = [];
      let parts: Buffer[] = [];
      for (const { reason, input, piece } of server.notes.splice(0)) {
        if (reason !== "RECEIVE") told.push([reason, String(JSON.stringify(input)).slice(0, 80)]);
        else {
          expect(piece?.first).toBe(parts.length === 0);
          parts.push(input as Buffer);
          if (!piece?.final) continue;
          told.push(["message", piece.binary, Buffer.concat(parts).toString()]);
          parts = [];
        }
      }
      return told;
    }

    async function feed(server: TestServer, pieces: Buffer[]): Promise<unknown[]> {
      const peer = await server.open();
      server.notes.splice(0);
      for (const piece of pieces) {
        peer.send(piece);
        await rounds(2);
      }
      const frames = parseFrames(await peer.closed()).map(({ opcode, payload }) => [opcode, String(payload)]);
      await server.nth("CLOSED");
      return [...story(server).filter((each) => (each as string[])[0] !== "ESTABLISHED"), frames];
    }

    it.each([true, false])(
      "row 35: the same stream gives the same callbacks (wholeMessages: %s)",
      async (wholeMessages) => {
        const server = await start({ protocol: { wholeMessages } });
        const whole = await feed(server, [stream]);
        expect(whole).toContainEqual(["message", false, "κόσμε😀the end"]);
        expect(whole.at(-1)).toEqual([
          [OPCODE.pong, "amid"],
          [OPCODE.close, expect.stringContaining("\x03")],
        ]);
        expect(
          await feed(
            server,
            [...stream].map((byte) => Buffer.of(byte)),
          ),
        ).toEqual(whole);
        for (let at = 1; at < stream.length; at++)
          expect(await feed(server, [stream.subarray(0, at), stream.subarray(at)]), `cut at ${at}`).toEqual(
            whole,
          );
      },
    );
  });

  describe("that ask for answers", () => {
    it("a ping is answered with a pong of the same payload", async () => {
      const server = await start();
      const peer = await server.open();
      for (const payload of ["", "x".repeat(125)]) {
        peer.send(pingFrame(payload));
        const pong = await peer.frame();
        expect(pong).toMatchObject({ fin: true, rsv: 0, opcode: OPCODE.pong, masked: false });
        expect(pong.payload.toString()).toBe(payload);
      }
    });

    it("row 39: pings of a peer that never reads do not pile up", async () => {
      const maxBufferedBytes = 65_536;
      const server = await start({ maxBufferedBytes });
      const { peer, wsi } = await server.pair();
      peer.pause();
      const batch = Buffer.concat(Array.from({ length: 1000 }, () => pingFrame("x".repeat(125))));
      let most = 0;
      for (let i = 0; i < 150 && wsi.state === "ESTABLISHED"; i++) {
        await Promise.race([peer.send(batch), rounds(200)]);
        most = Math.max(most, wsi.bufferedAmount);
      }
      expect(most).toBeLessThanOrEqual(maxBufferedBytes + 65_536);
    });

    it("row 40: a pong that nobody asked for is told and otherwise ignored", async () => {
      const server = await start();
      const peer = await server.open();
      peer.send(pongFrame("surprise"), textFrame("after"));
      expect(String((await server.nth("RECEIVE_PONG")).input)).toBe("surprise");
      expect(String((await server.nth("RECEIVE")).input)).toBe("after");
    });

    it("row 41: wrong arguments throw before anything is sent", async () => {
      const server = await start();
      const { peer, wsi } = await server.pair();
      expect(() => wsi.close(1000, 5 as never)).toThrow(TypeError);
      expect(() => wsi.close(1000, "é".repeat(62))).toThrow(RangeError);
      for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
        expect(() => wsi.close(code), String(code)).toThrow(RangeError);
      expect(() => wsi.closeReason(1006)).toThrow(RangeError);
      expect(() => wsi.closeReason(1000, "x".repeat(124))).toThrow(RangeError);
      expect(() => wsi.ping(100 as never)).toThrow(TypeError);
      expect(() => wsi.ping("x".repeat(126))).toThrow(RangeError);
      expect(() => wsi.write(100 as never, 0)).toThrow(TypeError);
      wsi.write("the first thing sent", 0);
      expect(await peer.text()).toBe("the first thing sent");
    });
  });
});
