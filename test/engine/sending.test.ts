import { createHash, type Hash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WriteProtocol, type Wsi } from "../../lib/index.ts";
import {
  closeFrame,
  closePayload,
  OPCODE,
  pingFrame,
  pongFrame,
  readClose,
  textFrame,
} from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

const { TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG, NO_FIN } = WriteProtocol;

describeLoops("sending", (loop) => {
  const pair = async (options: ServerOptions = {}) => {
    const server = await startServer({ eventLoop: loop, ...options });
    return { server, ...(await server.pair()) };
  };
  const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

  describe("a frame", () => {
    it.each([
      ["TEXT", TEXT, OPCODE.text],
      ["BINARY", BINARY, OPCODE.binary],
      ["PING", PING, OPCODE.ping],
      ["PONG", PONG, OPCODE.pong],
    ] as const)(
      "in mode %s is whole, unmasked, and its payload bytes are returned",
      async (_name, mode, opcode) => {
        const { peer, wsi } = await pair();
        for (const data of ["", "héllo", Buffer.of(0x68, 0x69), new Uint8Array([0x68])]) {
          expect(wsi.write(data, mode)).toBe(Buffer.byteLength(data as string));
          const frame = await peer.frame();
          expect(frame).toMatchObject({ fin: true, rsv: 0, opcode, masked: false });
          expect(frame.payload).toEqual(Buffer.from(data as string));
        }
      },
    );

    it("in mode CLOSE holds code and reason and begins to close", async () => {
      const { server, peer, wsi } = await pair();
      wsi.write(closePayload(4002, "by hand"), CLOSE);
      expect(await peer.close()).toEqual({ code: 4002, reason: "by hand" });
      expect(wsi.write("late", TEXT)).toBe(-1);
      peer.send(closeFrame(4002));
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 4002, wasClean: true });
    });

    it("of ping() is answered to RECEIVE_PONG", async () => {
      const { server, peer, wsi } = await pair();
      expect(wsi.ping("are you there")).toBe(13);
      expect(await peer.frame()).toMatchObject({
        opcode: OPCODE.ping,
        payload: Buffer.from("are you there"),
      });
      peer.send(pongFrame("are you there"));
      expect(String((await server.nth("RECEIVE_PONG")).input)).toBe("are you there");
    });

    const characters = { ASCII: "a", "2-byte": "é", "3-byte": "€", "4-byte": "😀" };
    it.each(Object.entries(characters))(
      "carries %s strings of every length around the forms",
      async (_name, one) => {
        const { peer, wsi } = await pair();
        const bytes = Buffer.byteLength(one);
        for (const edge of [0, 125, 126, 65_535, 65_536, 200_000]) {
          for (let length = Math.max(0, edge - 5); length <= edge + 5; length++) {
            const text = "a".repeat(length % bytes) + one.repeat(Math.floor(length / bytes));
            expect(wsi.write(text, TEXT)).toBe(length);
            const frame = await peer.frame();
            expect(frame.payload.length).toBe(length);
            expect(frame.payload.toString() === text).toBe(true);
            const form = length < 126 ? 2 : length < 65_536 ? 4 : 10;
            expect(frame.size - length, `${length} bytes`).toBe(form);
          }
        }
      },
    );

    it("carries bytes of every length around the forms", async () => {
      const { peer, wsi } = await pair();
      for (const length of [124, 125, 126, 127, 4095, 4096, 65_535, 65_536, 1 << 20]) {
        const data = Buffer.alloc(length, "0123456789");
        expect(wsi.write(data, BINARY)).toBe(length);
        expect((await peer.frame()).payload.equals(data)).toBe(true);
      }
    });

    it("replaces lone surrogates by U+FFFD", async () => {
      const { peer, wsi } = await pair();
      for (const text of ["\ud800", "a\udc00b", "\ud83d".repeat(100), `${"x".repeat(65_533)}\ud800`]) {
        expect(wsi.write(text, TEXT)).toBe(Buffer.byteLength(text));
        expect((await peer.frame()).payload.equals(Buffer.from(text))).toBe(true);
      }
    });

    it("carries any string as UTF-8", async () => {
      const { peer, wsi } = await pair();
      const unit = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", maxLength: 300 }));
      await fc.assert(
        fc.asyncProperty(unit, async (text) => {
          expect(wsi.write(text, TEXT)).toBe(Buffer.byteLength(text));
          expect((await peer.frame()).payload).toEqual(Buffer.from(text));
        }),
      );
    });

    it("leaves the caller's buffer free as soon as write returns", async () => {
      const { peer, wsi } = await pair();
      const scratch = Buffer.alloc(100_000);
      for (let i = 0; i < 20; i++) wsi.write(scratch.fill(i), BINARY);
      for (let i = 0; i < 20; i++)
        expect((await peer.frame()).payload.every((byte) => byte === i)).toBe(true);
    });
  });

  describe("a message in fragments", () => {
    it("is NO_FIN, continuations, and a last one", async () => {
      const { peer, wsi } = await pair();
      expect(wsi.write("a", TEXT | NO_FIN)).toBe(1);
      expect(wsi.write("", CONTINUATION | NO_FIN)).toBe(0);
      wsi.write("between", PING);
      expect(wsi.write("b", CONTINUATION)).toBe(1);
      wsi.write("c", BINARY);
      const frames = (await peer.frames(5)).map(({ fin, opcode, payload }) => [fin, opcode, String(payload)]);
      expect(frames).toEqual([
        [false, OPCODE.text, "a"],
        [false, OPCODE.continuation, ""],
        [true, OPCODE.ping, "between"],
        [true, OPCODE.continuation, "b"],
        [true, OPCODE.binary, "c"],
      ]);
    });

    it("out of sequence throws ERR_SEQUENCE and puts nothing on the wire", async () => {
      const { peer, wsi } = await pair();
      const wrong = expect.objectContaining({ code: "ERR_SEQUENCE" });
      expect(() => wsi.write("x", CONTINUATION)).toThrow(wrong);
      expect(() => wsi.write("x", CONTINUATION | NO_FIN)).toThrow(wrong);
      wsi.write("begin", BINARY | NO_FIN);
      for (const mode of [TEXT, BINARY, TEXT | NO_FIN]) expect(() => wsi.write("x", mode)).toThrow(wrong);
      wsi.write("end", CONTINUATION);
      expect((await peer.frames(2)).map((frame) => String(frame.payload))).toEqual(["begin", "end"]);
      await rounds(10);
      expect(peer.available).toBe(0);
    });

    it.each([
      ["a mode that is none", "x", 99, TypeError],
      ["a negative mode", "x", -1, TypeError],
      ["a mode that is no number", "x", "TEXT", TypeError],
      ["NO_FIN on a ping", "x", PING | NO_FIN, TypeError],
      ["a number as data", 5, TEXT, TypeError],
      ["nothing as data", undefined, TEXT, TypeError],
      ["a list as data", [1, 2], BINARY, TypeError],
      ["126 bytes of PING", "x".repeat(126), PING, RangeError],
      ["126 bytes of PONG", "x".repeat(126), PONG, RangeError],
      ["126 bytes of CLOSE", Buffer.alloc(126, 3), CLOSE, RangeError],
    ])("%s throws and puts nothing on the wire", async (_what, data, mode, type) => {
      const { peer, wsi } = await pair();
      expect(() => wsi.write(data as string, mode as number)).toThrow(type);
      wsi.write("first", TEXT);
      expect(await peer.text()).toBe("first");
    });
  });

  describe("from anywhere", () => {
    it("works from a timer, a promise and an immediate", async () => {
      const { peer, wsi } = await pair();
      setTimeout(() => wsi.write("timer", TEXT), 1);
      expect(await peer.text()).toBe("timer");
      void Promise.resolve().then(() => wsi.write("promise", TEXT));
      expect(await peer.text()).toBe("promise");
      setImmediate(() => wsi.write("immediate", TEXT));
      expect(await peer.text()).toBe("immediate");
    });

    it("works while nobody services the context", async () => {
      const server = await startServer({ eventLoop: loop, run: false });
      const peer = await server.connect();
      const upgraded = peer.upgrade();
      while (!server.names().includes("ESTABLISHED")) await server.context.service(50);
      await upgraded;
      server.all("ESTABLISHED")[0].wsi.write("outside", TEXT);
      expect(await peer.text()).toBe("outside");
    });

    it("keeps the order of writes from within and without callbacks", async () => {
      const { server, peer, wsi } = await pair({
        on: {
          RECEIVE(wsi, input) {
            wsi.write(input, TEXT);
            wsi.write("again", TEXT);
          },
        },
      });
      wsi.write("before", TEXT);
      peer.send(textFrame("echo"));
      await server.nth("RECEIVE");
      wsi.write("after", TEXT);
      const texts = (await peer.frames(4)).map((frame) => String(frame.payload));
      expect(texts).toEqual(["before", "echo", "again", "after"]);
    });

    it("returns -1 once the session closes", async () => {
      const { server, peer, wsi } = await pair();
      wsi.close(1000);
      expect(wsi.state).toBe("CLOSING");
      for (const mode of [TEXT, BINARY, PING, PONG]) expect(wsi.write("late", mode)).toBe(-1);
      expect(readClose(await peer.frame())).toMatchObject({ code: 1000 });
      peer.send(closeFrame(1000));
      expect(await peer.closed()).toHaveLength(0);
      await server.nth("CLOSED");
    });

    it("close twice sends one Close", async () => {
      const { peer, wsi } = await pair();
      wsi.close(1000);
      wsi.close(4000);
      peer.send(closeFrame(1000));
      expect(readClose(await peer.frame())).toMatchObject({ code: 1000 });
      expect(await peer.closed()).toHaveLength(0);
    });
  });

  describe("with callbackOnWritable", () => {
    it("is one-shot, coalesced and never synchronous", async () => {
      let inside = false;
      const within: boolean[] = [];
      const { server, wsi } = await pair({ on: { SERVER_WRITEABLE: () => void within.push(inside) } });
      inside = true;
      for (let i = 0; i < 10; i++) wsi.callbackOnWritable();
      inside = false;
      expect(within).toEqual([]);
      await server.nth("SERVER_WRITEABLE");
      await rounds(20);
      expect(within).toEqual([false]);
    });

    it("comes again when it is asked for within itself", async () => {
      let left = 1000;
      const { server } = await pair({
        on: {
          ESTABLISHED: (wsi) => wsi.callbackOnWritable(),
          SERVER_WRITEABLE: (wsi) => void (--left > 0 && wsi.callbackOnWritable()),
        },
      });
      await server.nth("SERVER_WRITEABLE", 1000);
    });
  });

  describe("to a peer that does not read", () => {
    const megabyte = Buffer.alloc(1 << 20, "m");

    /** Fills the pipe until the kernel takes no more. */
    async function choke(wsi: Wsi): Promise<number> {
      for (let sent = 0; ; sent++) {
        if (wsi.sendPipeChoked()) return sent;
        expect(wsi.write(megabyte, BINARY)).toBe(megabyte.length);
        await nextTurn();
      }
    }

    it("tells by sendPipeChoked and bufferedAmount, and SERVER_WRITEABLE waits until it is empty", async () => {
      const amounts: [boolean, number][] = [];
      const { server, peer, wsi } = await pair({
        maxBufferedBytes: 64 << 20,
        on: { SERVER_WRITEABLE: (wsi) => void amounts.push([wsi.sendPipeChoked(), wsi.bufferedAmount]) },
      });
      expect(wsi.sendPipeChoked()).toBe(false);
      expect(wsi.bufferedAmount).toBe(0);
      peer.pause();
      await choke(wsi);
      expect(wsi.bufferedAmount).toBeGreaterThan(0);
      wsi.callbackOnWritable();
      await rounds(20);
      expect(amounts).toEqual([]);
      peer.resume();
      await server.nth("SERVER_WRITEABLE");
      expect(amounts).toEqual([[false, 0]]);
    });

    it("keeps order and every byte under backpressure", async () => {
      const { peer, wsi } = await pair({ maxBufferedBytes: 256 << 20 });
      const [wrote, read] = [createHash("sha1"), createHash("sha1")];
      const write = (data: Buffer, hash: Hash) => {
        hash.update(data);
        expect(wsi.write(data, BINARY)).toBe(data.length);
      };
      const sizes = [0, 1, 125, 126, 5000, 65_535, 65_536, 300_000];
      peer.pause();
      for (let i = 0; i < 400; i++) {
        write(Buffer.alloc(sizes[i % sizes.length], String(i)), wrote);
        if (i % 50 === 0) await nextTurn();
        if (i === 200) peer.resume();
      }
      for (let i = 0; i < 400; i++) {
        const { payload } = await peer.frame();
        expect(payload.length).toBe(sizes[i % sizes.length]);
        read.update(payload);
      }
      expect(read.digest("hex")).toBe(wrote.digest("hex"));
      expect(wsi.bufferedAmount).toBe(0);
    });

    it("closes the session with 1008 when more than maxBufferedBytes wait", async () => {
      const { server, peer, wsi } = await pair({ maxBufferedBytes: 2 << 20 });
      peer.pause();
      let result = 0;
      for (let i = 0; i < 200 && result !== -1; i++) {
        result = wsi.write(megabyte, BINARY);
        expect(wsi.bufferedAmount).toBeLessThanOrEqual(4 << 20);
        await nextTurn();
      }
      expect(result).toBe(-1);
      expect(wsi.write("x", TEXT)).toBe(-1);
      expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1008, wasClean: false });
    });

    it("a Close comes after all that was queued", async () => {
      const { peer, wsi } = await pair();
      peer.pause();
      await choke(wsi);
      wsi.write("the end", TEXT);
      wsi.close(1000, "done");
      peer.resume();
      let last = "";
      for (;;) {
        const frame = await peer.frame();
        if (frame.opcode === OPCODE.close) break;
        last = frame.payload.length < 100 ? String(frame.payload) : "";
      }
      expect(last).toBe("the end");
    });

    it("pings are still answered in order behind what is queued", async () => {
      const { peer, wsi } = await pair();
      peer.pause();
      const sent = await choke(wsi);
      peer.send(pingFrame("p"));
      await rounds(20);
      peer.resume();
      for (let i = 0; i < sent; i++) expect((await peer.frame()).opcode).toBe(OPCODE.binary);
      expect((await peer.frame()).opcode).toBe(OPCODE.pong);
    });
  });
});
