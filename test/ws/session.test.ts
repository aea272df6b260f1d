import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BINARY, CONTINUATION, FAILURES, PING, PONG, TEXT } from "../../lib/ws/codes.ts";
import {
  binaryFrame,
  closeFrame,
  frame,
  moreFrame,
  parseFrames,
  pingFrame,
  pongFrame,
  textFrame,
} from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import { TestSession } from "../support/session.ts";

const open = (limits: ConstructorParameters<typeof TestSession>[0] = {}) => new TestSession(limits);

describe("a message", () => {
  it("is told with its kind", () => {
    const session = open();
    session.feed(textFrame("Hello"), binaryFrame("bin"));
    expect(session.told).toEqual(["text first final 0: Hello", "binary first final 0: bin"]);
  });

  it("is told when it is empty", () => {
    const session = open();
    session.feed(textFrame(""), binaryFrame(""));
    expect(session.told).toEqual(["text first final 0: ", "binary first final 0: "]);
  });

  it("in fragments is told frame by frame, first and final once", () => {
    const session = open();
    session.feed(
      binaryFrame("a", { fin: false }),
      moreFrame("", { fin: false }),
      moreFrame("b"),
      textFrame("c"),
    );
    expect(session.told).toEqual([
      ...["binary first 0: a", "binary 0: ", "binary final 0: b"],
      "text first final 0: c",
    ]);
  });

  it("comes in pieces of at most pieceSize, with what is still to come of the frame", () => {
    const session = open({ pieceSize: 4 });
    session.feed(textFrame("0123456789"), binaryFrame("ab", { fin: false }), moreFrame("cdefg"));
    expect(session.told).toEqual([
      ...["text first 6: 0123", "text 2: 4567", "text final 0: 89"],
      ...["binary first 0: ab", "binary 1: cdef", "binary final 0: g"],
    ]);
  });

  it("comes as it arrives", () => {
    const session = open();
    const bytes = textFrame("012345");
    session.feed(bytes.subarray(0, 8));
    session.feed(bytes.subarray(8));
    expect(session.told).toEqual(["text first 4: 01", "text final 0: 2345"]);
  });

  it("is told with room in front of it for the header of a server's frame, when it is whole in one read", () => {
    const session = open();
    const payloads = [10, 300, 66_000].map((size) => binaryFrame(Buffer.alloc(size)));
    session.feed(...payloads);
    expect(session.rooms.slice(0, 3)).toEqual([6, 8, 14]);
  });

  it("that continues from another read has no room but what this read has", () => {
    const session = open();
    const bytes = binaryFrame(Buffer.alloc(300));
    session.feed(bytes.subarray(0, 100));
    session.feed(bytes.subarray(100));
    expect(session.rooms).toEqual([8, 0]);
  });
});

describe("a whole message", () => {
  const whole = { wholeMessages: true, pieceSize: Number.MAX_SAFE_INTEGER };

  it("is told once, however many frames and reads it came in", () => {
    const session = open(whole);
    const bytes = Buffer.concat([
      textFrame("one ", { fin: false }),
      pingFrame("p"),
      moreFrame("two ", { fin: false }),
      moreFrame("three"),
      binaryFrame("next"),
    ]);
    for (let at = 0; at < bytes.length; at++) session.feed(bytes.subarray(at, at + 1));
    expect(session.told).toEqual(["text first final 0: one two three", "binary first final 0: next"]);
    expect(session.outlet.take()).toBe("8a 01 70");
  });

  it("is told from where it stands when one read holds it, and with room", () => {
    const session = open(whole);
    session.feed(binaryFrame("abc"));
    expect(session.rooms).toEqual([6]);
  });

  it("that was put together has room for any header", () => {
    const session = open(whole);
    session.feed(binaryFrame("abc", { fin: false }), moreFrame("def"));
    expect(session.told).toEqual(["binary first final 0: abcdef"]);
    expect(session.rooms[0]).toBeGreaterThanOrEqual(10);
  });

  it("behind one that was put together has the room in front of it, in the same read", () => {
    const session = open(whole);
    session.feed(binaryFrame("abc", { fin: false }), moreFrame("def"), binaryFrame("ghi"));
    expect(session.rooms[1]).toBe(6);
  });

  it("may be empty, in one frame and in several", () => {
    const session = open(whole);
    session.feed(textFrame(""), binaryFrame("", { fin: false }), moreFrame(""));
    expect(session.told).toEqual(["text first final 0: ", "binary first final 0: "]);
  });

  it("never takes bytes of the one before along", () => {
    const session = open(whole);
    session.feed(binaryFrame("a".repeat(50), { fin: false }), moreFrame("b"));
    session.feed(binaryFrame("c", { fin: false }), moreFrame("d"));
    expect(session.told[1]).toBe("binary first final 0: cd");
  });

  it("fails with 1007 at its first wrong byte, not at its end", () => {
    const session = open(whole);
    session.feed(textFrame(hex("61 ff"), { fin: false }));
    expect(session.told).toEqual([]);
    expect(session.over).toEqual({ code: 1007, reason: FAILURES.text.reason, wasClean: false });
  });
});

describe("the text of a message", () => {
  it("row 30: may cut a character between pieces, frames and reads", () => {
    const session = open({ pieceSize: 1 });
    const bytes = Buffer.concat([textFrame(hex("f0 9f"), { fin: false }), moreFrame(hex("98 80"))]);
    for (let at = 0; at < bytes.length; at++) session.feed(bytes.subarray(at, at + 1));
    expect(session.over).toBeNull();
    expect(session.told).toHaveLength(4);
  });

  it.each(["ff", "c0 af", "ed a0 80", "f4 90 80 80", "f0 9f 98"])(
    "row 30: %s is failed with 1007",
    (bytes) => {
      const session = open();
      session.feed(textFrame(hex(bytes)));
      expect(session.closes()).toEqual(["1007 text is not UTF-8"]);
      expect(session.told).toEqual([]);
    },
  );

  it("row 30: that ends within a character is failed at the end of the message", () => {
    const session = open();
    session.feed(textFrame(hex("f0 9f"), { fin: false }), moreFrame("", { fin: false }));
    expect(session.over).toBeNull();
    session.feed(moreFrame(""));
    expect(session.closes()).toEqual(["1007 text is not UTF-8"]);
  });

  it("row 31: is failed at the wrong byte, before the frame has ended", () => {
    const session = open();
    session.feed(textFrame(hex("61 ff 61"), { fin: false }).subarray(0, 8));
    expect(session.over).toMatchObject({ code: 1007 });
  });

  it("begins anew with each message, and does not concern binary", () => {
    const session = open();
    session.feed(binaryFrame(hex("ff f0 9f")), binaryFrame(hex("c3"), { fin: false }), moreFrame(hex("28")));
    session.feed(textFrame("é"));
    expect(session.over).toBeNull();
  });
});

describe("a ping", () => {
  it("is answered with a pong of the same payload, in order", () => {
    const session = open();
    session.feed(pingFrame("one"), pingFrame(""), pingFrame("two"));
    expect(session.outlet.take()).toBe("8a 03 6f 6e 65 8a 00 8a 03 74 77 6f");
  });

  it("amid the fragments of a message is answered at once", () => {
    const session = open();
    session.feed(textFrame("a", { fin: false }), pingFrame("p"));
    expect(session.outlet.take()).toBe("8a 01 70");
    session.feed(moreFrame("b"));
    expect(session.told).toEqual(["text first 0: a", "text final 0: b"]);
  });

  it("is answered amid fragments of our own", () => {
    const session = open();
    session.send(TEXT, false, "a");
    session.feed(pingFrame("p"));
    session.send(CONTINUATION, true, "b");
    expect(session.outlet.take()).toBe("01 01 61 8a 01 70 80 01 62");
  });

  it("is not answered once a Close was sent (section 5.5.1)", () => {
    const session = open();
    session.close(1000);
    session.outlet.take();
    session.feed(pingFrame("p"));
    expect(session.outlet.take()).toBe("");
  });

  const large = pingFrame(Buffer.alloc(125));

  it("row 39: of a peer that reads no pong fails with 1008 when 64 KiB of them wait", () => {
    const session = open();
    session.outlet.choked = true;
    for (let i = 0; i < Math.floor(65_536 / 127); i++) session.feed(large);
    expect(session.over).toBeNull();
    session.feed(large);
    expect(session.over).toEqual({ code: 1008, reason: FAILURES.unreadPongs.reason, wasClean: false });
  });

  it("row 39: may come any number of times in one read, while nobody has refused the pongs yet", () => {
    const session = open();
    session.feed(...Array<Buffer>(2000).fill(large));
    expect(session.over).toBeNull();
    expect(session.outlet.takeBytes()).toHaveLength(2000 * 127);
  });

  it("row 39: may go on for ever with a peer that reads, though something is queued each time", () => {
    const session = open();
    for (let i = 0; i < 2000; i++) {
      session.outlet.takeBytes();
      session.send(BINARY, true, "more");
      session.feed(large);
    }
    expect(session.over).toBeNull();
  });

  it("fails with 1008 when more waits already than may wait", () => {
    const session = open({ maxBufferedBytes: 1000 });
    session.outlet.choked = true;
    session.send(BINARY, true, Buffer.alloc(990));
    session.feed(pingFrame());
    expect(session.over).toBeNull();
    session.send(BINARY, true, Buffer.alloc(20));
    session.feed(pingFrame());
    expect(session.over).toMatchObject({ code: 1008 });
  });

  it("row 39: may go on while a slow peer takes a large message, as long as it takes some of it", () => {
    const session = open();
    session.outlet.choked = true;
    for (let i = 2000; i > 0; i--) {
      session.outlet.takeBytes();
      session.send(BINARY, true, Buffer.alloc(i * 100));
      session.feed(large);
    }
    expect(session.over).toBeNull();
  });
});

describe("a pong", () => {
  it("row 40: is told, asked for or not, and answered by nothing", () => {
    const session = open();
    session.feed(pongFrame("pong"), pongFrame(""));
    expect(session.told).toEqual(["pong: pong", "pong: "]);
    expect(session.outlet.take()).toBe("");
  });
});

describe("sending", () => {
  it("makes frames of strings and bytes, and returns their size", () => {
    const session = open();
    expect(session.send(TEXT, true, "é")).toBe(2);
    expect(session.send(BINARY, true, hex("01 02 03"))).toBe(3);
    expect(session.outlet.take()).toBe("81 02 c3 a9 82 03 01 02 03");
  });

  it("makes fragments, with control frames between them", () => {
    const session = open();
    session.send(BINARY, false, "a");
    session.sendControl(PING, "p");
    session.send(CONTINUATION, false, "b");
    session.send(CONTINUATION, true, "");
    session.send(TEXT, true, "c");
    expect(session.outlet.take()).toBe("02 01 61 89 01 70 00 01 62 80 00 81 01 63");
  });

  it.each([
    ["a continuation of nothing", (it: TestSession) => it.send(CONTINUATION, true, "x")],
    [
      "a continuation behind a whole message",
      (it: TestSession) => {
        it.send(TEXT, false, "a");
        it.send(CONTINUATION, true, "b");
        it.outlet.take();
        it.send(CONTINUATION, false, "c");
      },
    ],
    [
      "a text inside of a message",
      (it: TestSession) => {
        it.send(BINARY, false, "a");
        it.outlet.take();
        it.send(TEXT, true, "b");
      },
    ],
    [
      "a binary fragment inside of a message",
      (it: TestSession) => {
        it.send(TEXT, false, "a");
        it.outlet.take();
        it.send(BINARY, false, "b");
      },
    ],
  ])("throws ERR_SEQUENCE for %s, and nothing of it is sent", (_what, act) => {
    const session = open();
    expect(() => act(session)).toThrow(expect.objectContaining({ code: "ERR_SEQUENCE" }));
    expect(session.outlet.take()).toBe("");
  });

  it("of pings and pongs takes 125 bytes, and throws a RangeError for more", () => {
    const session = open();
    expect(session.sendControl(PONG, "a".repeat(125))).toBe(125);
    expect(session.outlet.takeBytes()).toHaveLength(127);
    expect(() => session.sendControl(PING, "a".repeat(126))).toThrow(RangeError);
    expect(() => session.sendControl(PING, "€".repeat(42))).toThrow(RangeError);
    expect(() => session.sendControl(PONG, Buffer.alloc(126))).toThrow(RangeError);
    expect(session.outlet.take()).toBe("");
  });
});

describe("holding back", () => {
  it("leaves what is not told to be fed again", () => {
    const session = open();
    session.onMessageDo = () => session.session.hold(true);
    const bytes = Buffer.concat([textFrame("one"), textFrame("two")]);
    const taken = session.session.receive(bytes, 0, bytes.length);
    expect(taken).toBe(9);
    expect(session.told).toEqual(["text first final 0: one"]);
    session.session.hold(false);
    expect(session.session.receive(bytes, taken, bytes.length)).toBe(bytes.length);
    expect(session.told).toEqual(["text first final 0: one", "text first final 0: two"]);
  });
});

describe("a session of a client", () => {
  const client = { server: false };

  it("masks whatever it sends, and is read by one of a server", () => {
    const session = open(client);
    session.send(TEXT, true, "Hello");
    session.sendControl(PING, "p");
    session.close(1000, "bye");
    const sent = session.outlet.takeBytes();
    expect(parseFrames(Buffer.concat([sent.subarray(0, 2), sent.subarray(6, 11)]))[0].masked).toBe(true);
    const server = open();
    server.feed(sent);
    expect(server.told).toEqual(["text first final 0: Hello"]);
    expect(server.over).toEqual({ code: 1000, reason: "bye", wasClean: true });
    session.feed(server.outlet.takeBytes());
    expect(session.told).toEqual(["pong: p"]);
    expect(session.over).toEqual({ code: 1000, reason: "", wasClean: true });
  });

  it("fails on a frame that is masked", () => {
    const session = open(client);
    session.feed(textFrame("x"));
    expect(session.over).toMatchObject(FAILURES.masked);
  });
});

describe("row 35: any stream of messages", () => {
  const message = fc.record({
    text: fc.boolean(),
    parts: fc.array(fc.string({ unit: "grapheme", maxLength: 12 }), { minLength: 1, maxLength: 4 }),
  });
  const wire = ({ text, parts }: { text: boolean; parts: string[] }) =>
    parts.map((part, i) =>
      frame(part, { opcode: i > 0 ? 0 : text ? TEXT : BINARY, fin: i === parts.length - 1 }),
    );

  it.each([true, false])("is told the same in any pieces (wholeMessages: %s)", (wholeMessages) => {
    const cuts = fc.array(fc.nat(300), { maxLength: 10 });
    fc.assert(
      fc.property(
        fc.array(message, { maxLength: 5 }),
        cuts,
        fc.constantFrom(1, 3, 100),
        (all, at, pieceSize) => {
          const bytes = Buffer.concat([...all.flatMap(wire), closeFrame(1000)]);
          const session = open({ wholeMessages, pieceSize: wholeMessages ? 1e9 : pieceSize });
          let start = 0;
          for (const end of [...at.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort(
            (a, b) => a - b,
          )) {
            session.feed(bytes.subarray(start, end));
            start = end;
          }
          const kind = (text: boolean) => (text ? "text" : "binary");
          expect(session.messages).toEqual(all.map(({ text, parts }) => `${kind(text)} ${parts.join("")}`));
          expect(session.over).toEqual({ code: 1000, reason: "", wasClean: true });
        },
      ),
      { numRuns: 300 },
    );
  });
});
