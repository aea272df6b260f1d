import { describe, expect, it } from "vitest";
import { zlibCodec } from "../../lib/base/zlib-codec.ts";
import { BINARY, CONTINUATION, FAILURES, TEXT } from "../../lib/ws/codes.ts";
import type { Extension } from "../../lib/ws/extension.ts";
import { negotiate } from "../../lib/ws/extensions.ts";
import { reversing } from "../support/extension.ts";
import { moreFrame, parseFrames, pingFrame, textFrame } from "../support/frames.ts";
import { TestSession } from "../support/session.ts";

/** A session that has agreed on these extensions. */
function agreed(extensions: readonly Extension[], limits = {}): TestSession {
  const offers = extensions.map(({ name }) => ({ name, parameters: new Map() }));
  const { rsv, open } = negotiate(extensions, offers);
  return new TestSession({ rsv, ...limits }, open({ codec: zlibCodec }));
}

/** What was sent since the last look: `"opcode fin rsv payload"`. */
const sent = ({ outlet }: TestSession) =>
  parseFrames(outlet.takeBytes()).map(
    ({ opcode, fin, rsv, payload }) => `${opcode} ${fin ? "fin " : ""}${rsv}: ${payload}`,
  );

const one = reversing();
const two = reversing({
  name: "x-two",
  rsv: 0x20,
  session: { encode: (bytes) => Buffer.concat([bytes, bytes]) },
});

describe("sending with extensions", () => {
  it("marks what they have changed by their bit, and leaves alone what they do not take", () => {
    const toy = agreed([one]);
    expect(toy.send(TEXT, true, "Hello")).toBe(5);
    expect(toy.send(BINARY, true, Buffer.from("ABC"))).toBe(3);
    expect(toy.send(TEXT, true, "hello")).toBe(5);
    expect(toy.send(TEXT, true, "")).toBe(0);
    expect(sent(toy)).toEqual(["1 fin 4: olleH", "2 fin 4: CBA", "1 fin 0: hello", "1 fin 0: "]);
  });

  it("has the bit on the first frame of a message only (RFC 7692 section 6.1)", () => {
    const toy = agreed([one]);
    toy.send(TEXT, false, "Hel");
    toy.send(CONTINUATION, false, "lo");
    toy.sendControl(0x9, "Ping");
    toy.send(CONTINUATION, true, "!");
    expect(sent(toy)).toEqual(["1 4: leH", "0 0: ol", "9 fin 0: Ping", "0 fin 0: !"]);
  });

  it("keeps a message plain when asked to, with all its fragments", () => {
    const toy = agreed([one]);
    toy.session.send(TEXT, false, "Hello", true);
    toy.session.send(CONTINUATION, true, "Go", false);
    toy.session.send(TEXT, true, "Hello", true);
    toy.send(TEXT, true, "Again");
    expect(sent(toy)).toEqual(["1 0: Hello", "0 fin 0: Go", "1 fin 0: Hello", "1 fin 4: niagA"]);
  });

  it("applies them in the order of the answer, each with its own bit", () => {
    const toy = agreed([one, two]);
    toy.send(TEXT, true, "Ab");
    toy.send(TEXT, true, "ab");
    expect(sent(toy)).toEqual(["1 fin 6: bAbA", "1 fin 2: abab"]);
  });

  it("does not ask about whole messages below the threshold, in whatever form they come", () => {
    let asked = 0;
    const encode = (payload: Uint8Array) => {
      asked++;
      return Buffer.from(payload).reverse();
    };
    const toy = agreed([reversing({ session: { threshold: 10, encode } })]);
    toy.send(TEXT, true, "abc");
    toy.send(TEXT, true, Buffer.from("123456789"));
    expect(asked).toBe(0);
    // Four characters may be twelve bytes.
    toy.send(TEXT, true, "abcd");
    toy.send(TEXT, false, "x");
    toy.send(CONTINUATION, true, "y");
    expect(asked).toBe(3);
    expect(sent(toy)).toEqual([
      "1 fin 0: abc",
      "1 fin 0: 123456789",
      "1 fin 4: dcba",
      "1 4: x",
      "0 fin 0: y",
    ]);
  });

  it("ends with 1011 when one of them throws: what follows may count on what was not sent", () => {
    const encode = () => {
      throw new Error("oops");
    };
    const toy = agreed([one, reversing({ name: "x-two", rsv: 0x20, session: { encode } })]);
    expect(toy.send(TEXT, true, "Hello")).toBe(-1);
    expect(toy.told).toEqual(["extension error: Error: oops"]);
    expect(toy.closes()).toEqual([`1011 ${FAILURES.callback.reason}`]);
    expect(toy.canSend).toBe(false);
  });

  it("tells how much was worked on", () => {
    const toy = agreed([one]);
    toy.send(TEXT, true, "Hello");
    toy.send(TEXT, true, "hello");
    expect(toy.work).toBe(5);
    toy.feed(textFrame("abc", { rsv: 4 }), textFrame("plain"));
    expect(toy.work).toBe(8);
  });

  it("goes on behind a sequence error as if nothing had been", () => {
    const toy = agreed([one]);
    expect(() => toy.send(CONTINUATION, true, "x")).toThrow(
      expect.objectContaining({ code: "ERR_SEQUENCE" }),
    );
    toy.send(TEXT, false, "Hel");
    expect(() => toy.send(TEXT, true, "x")).toThrow(expect.objectContaining({ code: "ERR_SEQUENCE" }));
    toy.send(CONTINUATION, true, "lo");
    expect(sent(toy)).toEqual(["1 4: leH", "0 fin 0: ol"]);
  });
});

describe("receiving with extensions", () => {
  it("undoes what the peer did, and tells control frames amid it", () => {
    const toy = agreed([one]);
    toy.feed(textFrame("le", { rsv: 4, fin: false }), pingFrame("p"), moreFrame("H"), textFrame("plain"));
    expect(toy.messages).toEqual(["text Hel", "text plain"]);
    expect(sent(toy)).toEqual(["10 fin 0: p"]);
  });

  it("undoes the last one first, and only those whose bits are set", () => {
    const spying = (name: string, rsv: number) =>
      reversing({
        name,
        rsv,
        session: { decode: (bytes, a, b) => Buffer.from(`${name}(${bytes.subarray(a, b)})`) },
      });
    const toy = agreed([spying("first", 0x40), spying("last", 0x10)]);
    for (const rsv of [5, 4, 1, 0]) toy.feed(textFrame("x", { rsv }));
    expect(toy.messages).toEqual(["text first(last(x))", "text first(x)", "text last(x)", "text x"]);
  });

  it("fails for a bit that no agreed extension has", () => {
    const toy = agreed([one]);
    toy.feed(textFrame("x", { rsv: 2 }));
    expect(toy.over).toMatchObject({ code: 1002, reason: FAILURES.reservedBits.reason });
  });

  it("fails as the extension says, with 1011 when it throws", () => {
    const refusing = agreed([reversing({ session: { decode: () => FAILURES.tooBig } })]);
    refusing.feed(textFrame("x", { rsv: 4 }));
    expect(refusing.over).toMatchObject({ code: 1009 });
    const throwing = agreed([
      reversing({
        session: {
          decode() {
            throw new Error("oops");
          },
        },
      }),
    ]);
    throwing.feed(textFrame("x", { rsv: 4 }), textFrame("y"));
    expect(throwing.told).toEqual(["extension error: Error: oops"]);
    expect(throwing.closes()).toEqual([`1011 ${FAILURES.callback.reason}`]);
    expect(throwing.over).toMatchObject({ code: 1011, wasClean: false });
  });

  it("takes bytes of any kind from one, and 1011 for what is neither bytes nor a failure", () => {
    const plain = agreed([reversing({ session: { decode: () => new Uint8Array([0x68, 0x69]) } })]);
    plain.feed(textFrame("x", { rsv: 4 }));
    expect(plain.messages).toEqual(["text hi"]);
    for (const wrong of [null, undefined, "text", { code: 5, reason: "" }, { code: 1009 }]) {
      const toy = agreed([reversing({ session: { decode: () => wrong as never } })]);
      toy.feed(textFrame("x", { rsv: 4 }));
      expect(toy.closes()).toEqual([`1011 ${FAILURES.callback.reason}`]);
      expect(toy.told[0]).toMatch(/^extension error: TypeError/);
    }
  });

  it("does not decode for a user who hears no more", () => {
    const toy = agreed([reversing({ session: { decode: () => FAILURES.tooBig } })]);
    toy.deaf = true;
    toy.feed(textFrame("x", { rsv: 4 }), textFrame("y"));
    expect(toy.over).toBeNull();
  });

  it("stops behind a message when asked to rest, and goes on at the next bytes", () => {
    const toy = agreed([one]);
    toy.onMessageDo = () => toy.session.rest();
    const bytes = Buffer.concat([textFrame("ba", { rsv: 4 }), textFrame("cd"), textFrame("fe", { rsv: 4 })]);
    for (let at = 0; at < bytes.length; ) at = toy.session.receive(bytes, at, bytes.length);
    expect(toy.messages).toEqual(["text ab", "text cd", "text ef"]);
    toy.onMessageDo = () => {};
    toy.feed(textFrame("1"), textFrame("2"));
    expect(toy.messages.slice(3)).toEqual(["text 1", "text 2"]);
  });

  it("tells one that throws at the end of it, and the session is over all the same", () => {
    let closed = 0;
    const close = () => {
      closed++;
      throw new Error("oops");
    };
    const toy = agreed([
      reversing({ session: { close } }),
      reversing({ name: "y", rsv: 0x20, session: { close } }),
    ]);
    toy.streamEnded();
    expect(closed).toBe(2);
    expect(toy.told).toEqual(["extension error: Error: oops"]);
    expect(toy.over).toMatchObject({ code: 1006 });
  });

  it("tells the extension when the session is over, once", () => {
    let closed = 0;
    const toy = agreed([reversing({ session: { close: () => void closed++ } })]);
    toy.streamEnded();
    toy.streamEnded();
    expect(closed).toBe(1);
  });
});

describe("validateOutgoing", () => {
  const notUtf8 = expect.objectContaining({ code: "ERR_INVALID_UTF8" });
  const strict = () => new TestSession({ validateOutgoing: true });
  const [euro, cut] = [Buffer.from("€"), Buffer.from("€").subarray(0, 2)];

  it("throws for text in bytes that are not UTF-8, and nothing is sent", () => {
    const toy = strict();
    for (const bytes of [Buffer.of(0xff), Buffer.of(0xc0, 0xaf), Buffer.of(0xed, 0xa0, 0x80), cut])
      expect(() => toy.send(TEXT, true, bytes)).toThrow(notUtf8);
    expect(sent(toy)).toEqual([]);
    toy.send(TEXT, true, euro);
    toy.send(BINARY, true, Buffer.of(0xff));
    expect(sent(toy)).toHaveLength(2);
  });

  it("follows a character across fragments, and lets the message go on behind a wrong one", () => {
    const toy = strict();
    toy.send(TEXT, false, cut);
    expect(() => toy.send(CONTINUATION, true, Buffer.of(0x41))).toThrow(notUtf8);
    expect(() => toy.send(CONTINUATION, true, "text")).toThrow(notUtf8);
    expect(() => toy.send(CONTINUATION, true, "")).toThrow(notUtf8);
    toy.send(CONTINUATION, false, "");
    toy.send(CONTINUATION, false, euro.subarray(2));
    toy.send(CONTINUATION, true, "text");
    expect(sent(toy).map((line) => line.slice(0, 5))).toEqual(["1 0: ", "0 0: ", "0 0: ", "0 fin"]);
    toy.send(TEXT, true, "next");
  });

  it("does not look into fragments of a binary message", () => {
    const toy = strict();
    toy.send(BINARY, false, Buffer.of(0xff));
    toy.send(CONTINUATION, true, Buffer.of(0xfe));
    expect(sent(toy)).toHaveLength(2);
  });

  it("is off unless asked for", () => {
    const toy = new TestSession();
    toy.send(TEXT, true, Buffer.of(0xff));
    expect(sent(toy)).toHaveLength(1);
  });
});
