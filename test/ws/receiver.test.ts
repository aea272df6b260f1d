import { afterEach, describe, expect, it } from "vitest";
import { FAILURES, type Failure } from "../../lib/ws/codes.ts";
import { type ReceiveLimits, Receiver, type ReceiverOwner } from "../../lib/ws/receiver.ts";
import { CLIENT, SERVER } from "../support/frame-events.ts";
import { binaryFrame, moreFrame, pingFrame, textFrame } from "../support/frames.ts";
import { hex } from "../support/raw.ts";

// What a message is told as is in session.test.ts; here is what a receiver leaves to its next owner: nothing.

const PIECES: ReceiveLimits = Object.freeze({ ...SERVER, wholeMessages: false });
const WHOLE: ReceiveLimits = Object.freeze({ ...SERVER, wholeMessages: true });

/** Writes down what its receiver tells. */
class Owner implements ReceiverOwner {
  readonly told: string[] = [];
  readonly receiver: Receiver;

  constructor(limits = PIECES) {
    this.receiver = Receiver.take(this, limits);
  }

  feed(...parts: Uint8Array[]): number {
    const bytes = Buffer.concat(parts);
    return this.receiver.feed(bytes, 0, bytes.length);
  }

  /** What an extension would do: turns the bytes round; "!" fails. */
  decode(rsv: number, buffer: Buffer, start: number, end: number): Buffer | Failure {
    this.told.push(`decode ${rsv.toString(16)}: ${buffer.toString("utf8", start, end)}`);
    if (buffer[start] === 0x21) return FAILURES.tooBig;
    return Buffer.from(buffer.subarray(start, end)).reverse();
  }

  onMessage(buffer: Buffer, start: number, end: number): void {
    const { binary, first, final, remaining } = this.receiver;
    const kind = binary ? "binary" : "text";
    const payload = buffer.toString("utf8", start, end);
    this.told.push(`${kind}${first ? " first" : ""}${final ? " final" : ""} ${remaining}: ${payload}`);
  }

  onControl(opcode: number, buffer: Buffer, start: number, end: number): void {
    this.told.push(`control ${opcode}: ${buffer.toString("utf8", start, end)}`);
  }

  onFailure(failure: Failure): void {
    this.told.push(`failure: ${failure.reason}`);
  }
}

/** Empties the place where a receiver waits for its next owner. */
const takeSpare = () => void Receiver.take(new Owner(), PIECES);
afterEach(takeSpare);

describe("a receiver", () => {
  it("is idle between two messages and nowhere else", () => {
    const owner = new Owner();
    expect(owner.receiver.idle).toBe(true);
    owner.feed(textFrame("a", { fin: false }));
    expect(owner.receiver.idle).toBe(false);
    owner.feed(pingFrame());
    expect(owner.receiver.idle).toBe(false);
    owner.feed(moreFrame("b"));
    expect(owner.receiver.idle).toBe(true);
    owner.feed(binaryFrame("cd").subarray(0, 1));
    expect(owner.receiver.idle).toBe(false);
  });

  it("that has failed or was stopped is never idle, so that nobody takes it over", () => {
    const failed = new Owner();
    failed.feed(hex("83 80"));
    expect(failed.told).toEqual([`failure: ${FAILURES.opcode.reason}`]);
    expect(failed.receiver.idle).toBe(false);
    const stopped = new Owner();
    stopped.receiver.stop();
    expect(stopped.receiver.idle).toBe(false);
    expect(stopped.feed(textFrame("x"))).toBe(7);
    expect(stopped.told).toEqual([]);
  });

  it("that fails at a text tells it, and nothing behind it", () => {
    const owner = new Owner();
    owner.feed(textFrame(hex("ff")), textFrame("x"), pingFrame());
    expect(owner.told).toEqual([`failure: ${FAILURES.text.reason}`]);
  });
});

describe("a receiver that begins anew", () => {
  it.each([
    ["amid a frame", textFrame("abc").subarray(0, 8)],
    ["amid fragments", textFrame("Gr\u00fc", { fin: false }).subarray(0, 9)],
    ["amid a ping", pingFrame("abc").subarray(0, 7)],
    ["after a failure", hex("83 80")],
    ["held, and resting", pingFrame()],
  ])("remembers nothing: %s", (what, bytes) => {
    const owner = new Owner(WHOLE);
    owner.feed(bytes);
    if (what.startsWith("held")) {
      owner.receiver.hold(true);
      owner.receiver.rest();
    }
    owner.told.length = 0;
    owner.receiver.reset(PIECES);
    expect(owner.receiver.idle).toBe(true);
    owner.feed(textFrame("whole"));
    expect(owner.told).toEqual(["text first final 0: whole"]);
  });

  it("may change sides", () => {
    const owner = new Owner();
    owner.receiver.reset({ ...CLIENT, wholeMessages: false });
    owner.feed(textFrame("x", { masked: false }));
    expect(owner.told).toEqual(["text first final 0: x"]);
  });
});

describe("a receiver that was given back", () => {
  it("goes to the next one who asks, and to one only", () => {
    takeSpare();
    const first = new Owner();
    first.receiver.release();
    const second = new Owner();
    const third = new Owner();
    expect(second.receiver).toBe(first.receiver);
    expect(third.receiver).not.toBe(second.receiver);
  });

  it("tells its new owner, under the new owner's limits and role", () => {
    takeSpare();
    const first = new Owner();
    first.feed(textFrame("one"));
    first.receiver.release();
    const second = new Owner({ ...CLIENT, wholeMessages: true, maxMessageSize: 3 });
    expect(second.receiver).toBe(first.receiver);
    second.feed(hex("02 01 61 80 02 62 63"));
    expect(second.told).toEqual(["binary first final 0: abc"]);
    second.feed(hex("82 04"));
    expect(second.told[1]).toBe(`failure: ${FAILURES.tooBig.reason}`);
    expect(first.told).toEqual(["text first final 0: one"]);
  });

  it("brings nothing of the messages before along", () => {
    takeSpare();
    const first = new Owner(WHOLE);
    first.feed(binaryFrame("abc", { fin: false }), moreFrame("", { fin: false }), moreFrame("def"));
    expect(first.receiver.idle).toBe(true);
    first.receiver.release();
    const second = new Owner();
    second.feed(textFrame("é", { fin: false }), moreFrame("x"));
    expect(second.told).toEqual(["text first 0: é", "text final 0: x"]);
  });
});

describe("a message with reserved bits", () => {
  const RSV = 4;
  const PIECES_OF_3 = { ...PIECES, rsv: 0x40, pieceSize: 3 };
  const WHOLE_RSV = { ...WHOLE, rsv: 0x40 };

  it("is decoded at its end and told as if it had come plain", () => {
    const owner = new Owner(WHOLE_RSV);
    owner.feed(textFrame("olleH", { rsv: RSV }), textFrame("plain"));
    expect(owner.told).toEqual([
      "decode 40: olleH",
      "text first final 0: Hello",
      "text first final 0: plain",
    ]);
    expect(owner.receiver.idle).toBe(true);
  });

  it("is gathered from its fragments, and control frames amid them are told at once", () => {
    const owner = new Owner(WHOLE_RSV);
    const first = binaryFrame("ol", { fin: false, rsv: RSV });
    owner.feed(
      first,
      moreFrame("l", { fin: false }),
      pingFrame("p"),
      moreFrame("", { fin: false }),
      moreFrame("eH"),
    );
    expect(owner.told).toEqual(["control 9: p", "decode 40: olleH", "binary first final 0: Hello"]);
    expect(owner.receiver.idle).toBe(true);
  });

  it("is told in pieces, with what is still to come of the message", () => {
    const owner = new Owner(PIECES_OF_3);
    owner.feed(textFrame("7654321", { rsv: RSV }));
    expect(owner.told.slice(1)).toEqual(["text first 4: 123", "text 1: 456", "text final 0: 7"]);
  });

  it("may come out empty", () => {
    const owner = new Owner(PIECES_OF_3);
    owner.feed(textFrame("", { rsv: RSV }));
    expect(owner.told).toEqual(["decode 40: ", "text first final 0: "]);
  });

  it("is the same however its bytes are cut", () => {
    const bytes = Buffer.concat([
      textFrame("6543", { fin: false, rsv: RSV }),
      moreFrame("21"),
      textFrame("x"),
    ]);
    const whole = new Owner(PIECES_OF_3);
    whole.feed(Buffer.from(bytes));
    expect(whole.told).toHaveLength(4);
    for (let cut = 1; cut < bytes.length; cut++) {
      const owner = new Owner(PIECES_OF_3);
      owner.feed(Buffer.from(bytes.subarray(0, cut)));
      owner.feed(Buffer.from(bytes.subarray(cut)));
      expect(owner.told, `cut at ${cut}`).toEqual(whole.told);
    }
  });

  it("that is held back amid its pieces goes on where it stopped, and what comes behind it waits", () => {
    const owner = new Owner(PIECES_OF_3);
    const tell = owner.onMessage.bind(owner);
    owner.onMessage = (buffer, start, end) => {
      tell(buffer, start, end);
      owner.receiver.hold(true);
    };
    const bytes = Buffer.concat([textFrame("7654321", { rsv: RSV }), textFrame("next")]);
    const taken = owner.receiver.feed(bytes, 0, bytes.length);
    expect(owner.told.slice(1)).toEqual(["text first 4: 123"]);
    expect(owner.receiver.idle).toBe(false);
    for (const told of ["text 1: 456", "text final 0: 7"]) {
      owner.receiver.hold(false);
      expect(owner.receiver.feed(bytes, taken, taken)).toBe(taken);
      expect(owner.told.at(-1)).toBe(told);
    }
    expect(owner.receiver.feed(bytes, taken, bytes.length), "held").toBe(taken);
    owner.receiver.hold(false);
    owner.receiver.feed(bytes, taken, bytes.length);
    expect(owner.told.at(-1)).toBe("text first 1: nex");
  });

  it("tells no further piece when it is stopped within one", () => {
    const owner = new Owner(PIECES_OF_3);
    const tell = owner.onMessage.bind(owner);
    owner.onMessage = (buffer, start, end) => {
      tell(buffer, start, end);
      owner.receiver.stop();
    };
    owner.feed(textFrame("7654321", { rsv: RSV }), textFrame("next"));
    expect(owner.told.slice(1)).toEqual(["text first 4: 123"]);
  });

  it("fails as its decoder says, or for text that is not UTF-8 when decoded", () => {
    const refused = new Owner(WHOLE_RSV);
    refused.feed(textFrame("!", { rsv: RSV }), textFrame("x"));
    expect(refused.told).toEqual(["decode 40: !", `failure: ${FAILURES.tooBig.reason}`]);
    const mangled = new Owner(WHOLE_RSV);
    mangled.feed(textFrame("é", { rsv: RSV }));
    expect(mangled.told[1]).toBe(`failure: ${FAILURES.text.reason}`);
    const binary = new Owner(WHOLE_RSV);
    binary.feed(binaryFrame("é", { rsv: RSV }));
    expect(binary.told[1]).toMatch(/^binary first final/);
  });

  it("may be an eighth longer than maxMessageSize before it is decoded, and no more", () => {
    const limits = { ...WHOLE_RSV, maxMessageSize: 1000 };
    const owner = new Owner(limits);
    owner.feed(binaryFrame(Buffer.alloc(1000 + 125 + 64, 0x61), { rsv: RSV }));
    expect(owner.told[1]).toMatch(/^binary first final/);
    owner.feed(binaryFrame("", { claim: 1190, rsv: RSV }));
    expect(owner.told.at(-1)).toBe(`failure: ${FAILURES.tooBig.reason}`);
    const plain = new Owner(limits);
    plain.feed(binaryFrame("", { claim: 1001 }));
    expect(plain.told).toEqual([`failure: ${FAILURES.tooBig.reason}`]);
  });
});
