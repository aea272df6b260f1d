import { expect, it } from "vitest";
import { closeFrame, frame, moreFrame, OPCODE, textFrame } from "../support/frames.ts";
import { hex } from "../support/raw.ts";
import {
  type Conversation,
  converse,
  describeEcho,
  itConverses,
  linesOf,
  sendChopped,
  startEcho,
  text,
} from "./conversation.ts";

// Section 8.1 on a real echo server: text is UTF-8 as RFC 3629 has it, wherever frames and reads cut it, and the first
// byte that cannot be fails the connection, though more of its frame and its message is still to come.

const BYE = closeFrame(1000);
const open = { fin: false };

/** Around each change of length, the ends of the surrogates, and the noncharacters, which are valid. */
const POINTS = [
  0x00, 0x01, 0x7f, 0x80, 0x7ff, 0x800, 0xfff, 0x1000, 0xd7ff, 0xe000, 0xfdd0, 0xfdef, 0xfeff, 0xfffd, 0xfffe,
  0xffff, 0x1_0000, 0x1_f600, 0x1_fffe, 0x1_ffff, 0x2_fffe, 0x7_ffff, 0xf_ffff, 0x10_0000, 0x10_fffe,
  0x10_ffff,
];

const valid: Conversation[] = [
  ...POINTS.map((point) => `U+${point.toString(16).toUpperCase()}`).map((name, i) => {
    const character = String.fromCodePoint(POINTS[i]);
    return {
      name,
      says: [textFrame(character), textFrame(`a${character}b${character}`), BYE],
      hears: [text(character), text(`a${character}b${character}`), "close 1000"],
    };
  }),
  ...["Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "鷗外", "ꠀ\u{2f803}\u{e0100}", "👩‍👩‍👧‍👦"].map((each) => ({
    name: each,
    says: [textFrame(each), BYE],
    hears: [text(each), "close 1000"],
  })),
  {
    name: "every plane, one character of each",
    says: [textFrame(planes()), BYE],
    hears: [text(planes()), "close 1000"],
  },
];

function planes(): string {
  return String.fromCodePoint(...Array.from({ length: 17 }, (_, plane) => plane * 0x1_0000 + 0x1234));
}

/** What is wrong, and how many of the bytes it takes to know. */
const INVALID: [what: string, bytes: string, known: number][] = [
  ["a lone continuation byte 80", "80", 1],
  ["a lone continuation byte BF", "bf", 1],
  ["a continuation byte behind a whole character", "c3 a9 80", 3],
  ["six continuation bytes", "80 bf 80 bf 80 bf", 1],
  ["the byte FE", "fe", 1],
  ["the byte FF", "ff", 1],
  ["F5, which would be above U+10FFFF", "f5 80 80 80", 1],
  ["F8, once the start of five bytes", "f8 88 80 80 80", 1],
  ["FC, once the start of six bytes", "fc 84 80 80 80 80", 1],
  ["C0 AF, a slash in two bytes", "c0 af", 1],
  ["C1 BF, U+7F in two bytes", "c1 bf", 1],
  ["E0 80 AF, a slash in three bytes", "e0 80 af", 2],
  ["E0 9F BF, U+7FF in three bytes", "e0 9f bf", 2],
  ["F0 80 80 AF, a slash in four bytes", "f0 80 80 af", 2],
  ["F0 8F BF BF, U+FFFF in four bytes", "f0 8f bf bf", 2],
  ["the surrogate U+D800", "ed a0 80", 2],
  ["the surrogate U+DBFF", "ed af bf", 2],
  ["the surrogate U+DC00", "ed b0 80", 2],
  ["the surrogate U+DFFF", "ed bf bf", 2],
  ["a pair of surrogates, each in three bytes", "ed a0 80 ed b0 80", 2],
  ["U+110000", "f4 90 80 80", 2],
  ["two bytes cut short by a letter", "c3 41", 2],
  ["three bytes cut short by a letter", "e2 82 41", 3],
  ["four bytes cut short by a letter", "f0 9f 98 41", 4],
  ["a start byte behind a start byte", "c3 c3 a9", 2],
  ["κόσμε with a surrogate behind it", "ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65 64 69 74 65 64", 13],
];

const whole: Conversation[] = INVALID.map(([name, bytes]) => ({
  name,
  says: [
    textFrame("before"),
    textFrame(Buffer.concat([Buffer.from("in é "), hex(bytes)])),
    textFrame("after"),
  ],
  hears: [text("before"), "fail 1007"],
}));

const TRUNCATED = ["c3", "e2", "e2 82", "f0", "f0 9f", "f0 9f 98"];

const truncated: Conversation[] = TRUNCATED.flatMap((bytes) => [
  { name: `a frame that ends in ${bytes}`, says: [textFrame(hex(bytes))], hears: ["fail 1007"] },
  {
    name: `a message that ends in ${bytes}, in its second fragment`,
    says: [textFrame("begun ", open), moreFrame(hex(bytes))],
    hears: ["fail 1007"],
  },
  {
    name: `a message that ends in ${bytes}, with an empty last fragment`,
    says: [textFrame(hex(bytes), open), moreFrame("")],
    hears: ["fail 1007"],
  },
  {
    name: `${bytes} at the end of a message, and what is missing at the start of the next one`,
    says: [textFrame(hex(bytes)), textFrame(hex("80 80 80"))],
    hears: ["fail 1007"],
  },
]);

/** A frame that promises `claim` bytes more than the payload that comes. */
const unfinished = (opcode: number, payload: Uint8Array, options = {}) =>
  frame(payload, { opcode, claim: payload.length + 1000, ...options });

const failsFast: Conversation[] = INVALID.flatMap(([name, bytes, known]) => {
  const enough = Buffer.concat([Buffer.from("in é "), hex(bytes).subarray(0, known)]);
  return [
    {
      name: `${name}, in a first fragment that no other follows`,
      says: [textFrame(enough, open)],
      hears: ["fail 1007"],
    },
    {
      name: `${name}, in a single frame that is still arriving`,
      says: [unfinished(OPCODE.text, enough)],
      hears: ["fail 1007"],
    },
    {
      name: `${name}, in a continuation that is still arriving`,
      says: [textFrame("é", open), unfinished(OPCODE.continuation, enough, open)],
      hears: ["fail 1007"],
    },
    {
      name: `${name}, in two fragments that are cut before the byte that is wrong`,
      says: [textFrame(enough.subarray(0, -1), open), unfinished(OPCODE.continuation, enough.subarray(-1))],
      hears: ["fail 1007"],
    },
  ];
});

describeEcho("text", (kind) => {
  itConverses(kind, valid, "is valid and comes back");

  itConverses(kind, whole, "is failed with 1007");

  itConverses(kind, truncated, "is failed with 1007");

  itConverses(kind, failsFast, "is failed at the wrong byte");

  const mixed = Buffer.from("aéߒ€\uffff😀\u{10ffff}z");

  it("that is valid may be cut between frames at every byte", async () => {
    const says: Buffer[] = [];
    for (let cut = 0; cut <= mixed.length; cut++) {
      says.push(textFrame(mixed.subarray(0, cut), open), moreFrame(mixed.subarray(cut)));
    }
    const hears = Array(mixed.length + 1).fill(text(mixed));
    await converse(kind, { name: "", says: [...says, BYE], hears: [...hears, "close 1000"] });
  });

  it("that is valid may be a frame a byte, with empty ones between", async () => {
    const bytes = [...mixed].flatMap((byte) => [moreFrame(Buffer.of(byte), open), moreFrame("", open)]);
    const says = [textFrame("", open), ...bytes, moreFrame(""), BYE];
    await converse(kind, { name: "", says, hears: [text(mixed), "close 1000"] });
  });

  it("that is valid may be cut between writes of TCP at every byte", async () => {
    const peer = await (await startEcho(kind)).open();
    const sent = textFrame(mixed);
    for (let cut = 1; cut < sent.length; cut++) {
      await sendChopped(peer, sent, cut);
    }
    peer.send(BYE);
    const expected = Array(sent.length - 1).fill(text(mixed));
    expect(linesOf(await peer.closed())).toEqual([...expected, "close 1000"]);
  });

  it("is looked at anew in each message: what binary holds does not matter", () =>
    converse(kind, {
      name: "",
      says: [frame(hex("ff c0 80")), textFrame("é"), frame(hex("c3")), textFrame("ok"), BYE],
      hears: [
        `binary ${hex("ff c0 80").toString("latin1")}`,
        text("é"),
        "binary Ã",
        text("ok"),
        "close 1000",
      ],
    }));

  it("of 64 KiB with one wrong byte is failed wherever it stands", async () => {
    const server = await startEcho(kind);
    for (const at of [0, 1, 7, 8, 63, 64, 1000, 65_534, 65_535]) {
      const peer = await server.open();
      const payload = Buffer.alloc(65_536, "a");
      payload[at] = 0xff;
      peer.send(textFrame(payload));
      expect(linesOf(await peer.closed()), `at ${at}`).toEqual(["close 1007"]);
    }
  });
});
