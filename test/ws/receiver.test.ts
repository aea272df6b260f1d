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
