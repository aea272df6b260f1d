import { describe, expect, it } from "vitest";
import { FAILURES, type Failure, TEXT } from "../../lib/ws/codes.ts";
import { closePayload } from "../../lib/ws/session.ts";
import { closeFrame, frame, pingFrame, textFrame } from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import { TestSession } from "../support/session.ts";

// How a session of lib/ws/session.ts ends (RFC 6455 section 7); what it receives and sends is in session.test.ts.

const open = () => new TestSession();

describe("closing from this side", () => {
  it.each([
    [1000, "", "88 02 03 e8"],
    [1001, "bye", "88 05 03 e9 62 79 65"],
    [4999, "é", "88 04 13 87 c3 a9"],
    [undefined, "", "88 00"],
  ])("with %s %j sends %s, and is over, clean, with the peer's Close", (code, reason, sent) => {
    const session = open();
    session.close(code, reason);
    expect(session.outlet.take()).toBe(sent);
    expect(session.canSend).toBe(false);
    expect(session.over).toBeNull();
    session.feed(closeFrame(1000, "theirs"));
    expect(session.over).toEqual({ code: 1000, reason: "theirs", wasClean: true });
    expect(session.outlet.take(), "a Close is not answered twice").toBe("");
    expect(session.peerCloses, "onPeerClose is for a peer that began").toEqual([]);
  });

  it("twice sends one Close", () => {
    const session = open();
    session.close(1000);
    session.close(1001);
    expect(session.closes()).toEqual(["1000 "]);
  });

  it("still tells messages that were under way", () => {
    const session = open();
    session.close(1000);
    session.feed(textFrame("late"));
    expect(session.told).toEqual(["text first final 0: late"]);
  });

  it("that the end of the stream cuts short is not clean, 1006", () => {
    const session = open();
    session.close(1000);
    session.streamEnded();
    expect(session.over).toEqual({ code: 1006, reason: "", wasClean: false });
  });

  it("that the peer answers with a broken frame is over without a second Close", () => {
    const session = open();
    session.close(1000);
    session.outlet.take();
    session.feed(hex("83 80 00 00 00 00"));
    expect(session.over).toMatchObject({ code: 1002, wasClean: false });
    expect(session.outlet.take()).toBe("");
  });
});

describe("closing from the peer's side", () => {
  it.each([1000, 1001, 1012, 1014, 3000, 4999])("row 32: with %i is answered with it, and clean", (code) => {
    const session = open();
    session.feed(closeFrame(code, "bye"));
    expect(session.closes()).toEqual([`${code} `]);
    expect(session.peerCloses).toEqual([`${code} bye`]);
    expect(session.over).toEqual({ code, reason: "bye", wasClean: true });
  });

  it("without a code is answered empty and told as 1005", () => {
    const session = open();
    session.feed(closeFrame());
    expect(session.outlet.take()).toBe("88 00");
    expect(session.over).toEqual({ code: 1005, reason: "", wasClean: true });
  });

  it.each([
    ["of one byte", frame("x", { opcode: 8 }), FAILURES.closePayload],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535].map(
      (code) => [`with ${code}`, closeFrame(code), FAILURES.closeCode] as [string, Buffer, Failure],
    ),
    ["with a reason that is no UTF-8", closeFrame(1000, hex("ff")), FAILURES.closeText],
    ["with a reason that is cut short", closeFrame(1000, hex("c3")), FAILURES.closeText],
  ] as [string, Buffer, Failure][])("row 32: %s is failed", (_what, bytes, failure) => {
    const session = open();
    session.feed(bytes);
    expect(session.closes()).toEqual([`${failure.code} ${failure.reason}`]);
    expect(session.peerCloses).toEqual([]);
    expect(session.over).toEqual({ ...failure, wasClean: false });
  });

  it("may have a reason of 123 bytes", () => {
    const session = open();
    session.feed(closeFrame(1000, "a".repeat(123)));
    expect(session.over?.reason).toHaveLength(123);
  });

  it("row 33: is the last that is heard: frames behind it are ignored", () => {
    const session = open();
    session.feed(closeFrame(1000), textFrame("x"), pingFrame("y"), hex("ff ff"));
    expect(session.told).toEqual([]);
    expect(session.closes()).toEqual(["1000 "]);
  });

  it("is not answered when the handler wants none, and not clean then", () => {
    const session = open();
    session.onPeerCloseDo = () => false;
    session.feed(closeFrame(1000));
    expect(session.outlet.take()).toBe("");
    expect(session.over).toEqual({ code: 1000, reason: "", wasClean: false });
  });

  it("lets the handler send before the answer, and answer with a Close of its own", () => {
    const session = open();
    session.onPeerCloseDo = () => {
      session.send(TEXT, true, "last");
      session.close(4000, "mine");
      return true;
    };
    session.feed(closeFrame(1000));
    expect(session.outlet.take()).toBe("81 04 6c 61 73 74 88 06 0f a0 6d 69 6e 65");
    expect(session.over).toEqual({ code: 1000, reason: "", wasClean: true });
  });

  it("is over once when the handler fails the session", () => {
    const session = open();
    session.onPeerCloseDo = () => {
      session.fail(FAILURES.callback);
      return true;
    };
    session.feed(closeFrame(1000));
    expect(session.closes()).toEqual(["1011 internal error"]);
    expect(session.overs).toEqual([{ code: 1011, reason: "internal error", wasClean: false }]);
  });
});

describe("failing", () => {
  it.each(Object.values(FAILURES))("tells the peer why and is over: $code $reason", (failure) => {
    const session = open();
    session.fail(failure);
    expect(session.closes()).toEqual([`${failure.code} ${failure.reason}`]);
    expect(session.over).toEqual({ ...failure, wasClean: false });
    expect(session.canSend).toBe(false);
  });

  it("from within onMessage ends what is told, amid a read", () => {
    const session = open();
    session.onMessageDo = () => session.fail(FAILURES.callback);
    session.feed(textFrame("one"), textFrame("two"), pingFrame("three"));
    expect(session.told).toEqual(["text first final 0: one"]);
    expect(session.closes()).toEqual(["1011 internal error"]);
  });

  it("is told once, whatever comes after it", () => {
    const session = open();
    session.fail(FAILURES.callback);
    session.fail(FAILURES.tooBig);
    session.streamEnded();
    session.close(1000);
    session.feed(closeFrame(1000));
    expect(session.overs).toHaveLength(1);
    expect(session.closes()).toEqual(["1011 internal error"]);
  });

  it("row 34: the end of the stream in mid-frame is 1006 and not clean, told once", () => {
    const session = open();
    session.feed(textFrame("Hello").subarray(0, 7));
    session.streamEnded();
    session.streamEnded();
    expect(session.overs).toEqual([{ code: 1006, reason: "", wasClean: false }]);
    expect(session.outlet.take()).toBe("");
  });
});

describe("the payload of a Close", () => {
  it.each([
    [1000, "", "03 e8"],
    [4999, "é", "13 87 c3 a9"],
  ])("for %i %j is %s", (code, reason, bytes) => {
    expect(closePayload(code, reason)).toEqual(hex(bytes));
  });
});
