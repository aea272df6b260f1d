import { expect, it } from "vitest";
import {
  binaryFrame,
  closeFrame,
  moreFrame,
  OPCODE,
  pingFrame,
  pongFrame,
  textFrame,
} from "../support/frames.ts";
import {
  binary,
  type Conversation,
  converse,
  describeEcho,
  itConverses,
  pong,
  startEcho,
  text,
} from "./conversation.ts";

// Section 5.4 on a real echo server: every sequence of fragments, right and wrong.

const BYE = closeFrame(1000);
const open = { fin: false };

const legal: Conversation[] = [
  {
    name: "a text in two fragments",
    says: [textFrame("one ", open), moreFrame("two"), BYE],
    hears: [text("one two"), "close 1000"],
  },
  {
    name: "a binary in three fragments",
    says: [binaryFrame("a", open), moreFrame("b", open), moreFrame("c"), BYE],
    hears: [binary("abc"), "close 1000"],
  },
  {
    name: "a text in five fragments with a ping behind each",
    says: [
      textFrame("1", open),
      ...["2", "3", "4"].flatMap((each) => [pingFrame(`p${each}`), moreFrame(each, open)]),
      pingFrame("p5"),
      moreFrame("5"),
      BYE,
    ],
    hears: [...["p2", "p3", "p4", "p5"].map(pong), text("12345"), "close 1000"],
  },
  {
    name: "a text with pongs between its fragments",
    says: [textFrame("a", open), pongFrame("x"), moreFrame("b", open), pongFrame(), moreFrame("c"), BYE],
    hears: [text("abc"), "close 1000"],
  },
  {
    name: "a text whose last fragment is empty",
    says: [textFrame("all", open), moreFrame(""), BYE],
    hears: [text("all"), "close 1000"],
  },
  {
    name: "a text whose first fragment is empty",
    says: [textFrame("", open), moreFrame("all"), BYE],
    hears: [text("all"), "close 1000"],
  },
  {
    name: "a binary whose fragments are all empty",
    says: [binaryFrame("", open), moreFrame("", open), moreFrame("", open), moreFrame(""), BYE],
    hears: [binary(""), "close 1000"],
  },
  {
    name: "an empty fragment in the middle, with pings on both sides",
    says: [textFrame("a", open), pingFrame("1"), moreFrame("", open), pingFrame("2"), moreFrame("b"), BYE],
    hears: [pong("1"), pong("2"), text("ab"), "close 1000"],
  },
  {
    name: "fragmented and whole messages by turns",
    says: [
      textFrame("whole"),
      binaryFrame("in ", open),
      moreFrame("parts"),
      binaryFrame("whole"),
      textFrame("in ", open),
      moreFrame("parts"),
      BYE,
    ],
    hears: [text("whole"), binary("in parts"), binary("whole"), text("in parts"), "close 1000"],
  },
  {
    name: "a Close inside of a message, which ends the session in order",
    says: [textFrame("never ", open), closeFrame(1001), moreFrame("finished")],
    hears: ["close 1001"],
  },
  {
    name: "fragments of 1, 125, 126, 65 535 and 65 536 bytes",
    says: [
      binaryFrame("a", open),
      ...[125, 126, 65_535].map((size) => moreFrame(Buffer.alloc(size, size), open)),
      moreFrame(Buffer.alloc(65_536, 7)),
      BYE,
    ],
    hears: [
      binary(
        Buffer.concat([
          Buffer.from("a"),
          ...[125, 126, 65_535].map((size) => Buffer.alloc(size, size)),
          Buffer.alloc(65_536, 7),
        ]),
      ),
      "close 1000",
    ],
  },
];

const before = textFrame("before");
const wrong = (name: string, ...says: Buffer[]): Conversation => ({
  name,
  says: [before, ...says, textFrame("after")],
  hears: [text("before"), "fail 1002"],
});

const illegal: Conversation[] = [
  wrong("a continuation with nothing open, FIN set", moreFrame("x")),
  wrong("a continuation with nothing open, FIN clear", moreFrame("x", open)),
  wrong("an empty continuation with nothing open", moreFrame("")),
  wrong("a text inside a text", textFrame("a", open), textFrame("b")),
  wrong("a text inside a binary", binaryFrame("a", open), textFrame("b")),
  wrong("a binary inside a text", textFrame("a", open), binaryFrame("b")),
  wrong("a binary inside a binary", binaryFrame("a", open), binaryFrame("b", open)),
  wrong("an empty text inside a message of an empty fragment", textFrame("", open), textFrame("")),
  {
    name: "a continuation behind a message that its fragments have ended",
    says: [textFrame("a", open), moreFrame("b"), moreFrame("c"), textFrame("after")],
    hears: [text("ab"), "fail 1002"],
  },
  {
    name: "a ping in fragments inside a message",
    says: [textFrame("a", open), pingFrame("1", open), moreFrame("2"), moreFrame("b")],
    hears: ["fail 1002"],
  },
  {
    name: "three stray continuations, each of them ten times over",
    says: Array.from({ length: 10 }, () => [
      moreFrame("fragment1", open),
      textFrame("fragment2", open),
      moreFrame("fragment3"),
    ]).flat(),
    hears: ["fail 1002"],
  },
];

describeEcho("fragments", (kind) => {
  itConverses(kind, legal);

  itConverses(kind, illegal, "fails the connection with 1002");

  it.each([1, 2, 3, 7, 50, 125, 126, 400])("of %i bytes make up the message that was cut", (size) => {
    const whole = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 31) & 255));
    const cuts = Array.from({ length: Math.ceil(whole.length / size) }, (_, i) =>
      whole.subarray(i * size, (i + 1) * size),
    );
    const frames = cuts.map((cut, i) =>
      (i === 0 ? binaryFrame : moreFrame)(cut, { fin: i === cuts.length - 1 }),
    );
    return converse(kind, { name: "", says: [...frames, BYE], hears: [binary(whole), "close 1000"] });
  });

  it("are told apart from messages: first and final stand at the ends only", async () => {
    const server = await startEcho({ ...kind, wholeMessages: false });
    const peer = await server.open();
    peer.send(textFrame("a", open), moreFrame("", open), moreFrame("b"), binaryFrame("c"));
    await server.nth("RECEIVE", 4);
    expect(server.all("RECEIVE").map(({ piece }) => [piece!.first, piece!.final, piece!.binary])).toEqual([
      [true, false, false],
      [false, false, false],
      [false, true, false],
      [true, true, true],
    ]);
    const opcodes = (await peer.frames(4)).map(({ opcode }) => opcode);
    expect(opcodes).toEqual([OPCODE.text, OPCODE.continuation, OPCODE.continuation, OPCODE.binary]);
  });
});
