import { expect, it } from "vitest";
import {
  binaryFrame,
  closeFrame,
  type FrameOptions,
  frame,
  moreFrame,
  OPCODE,
  pingFrame,
  pongFrame,
  textFrame,
} from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import {
  binary,
  type Conversation,
  describeEcho,
  itConverses,
  pong,
  startEcho,
  text,
} from "./conversation.ts";

// Frames on a real echo server, as the conformance suites of the field try them: lengths, pings, reserved bits,
// opcodes, fragments.

const BYE = closeFrame(1000);
const bytes = (length: number) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + 3) & 255));

const LENGTHS = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537];

const lengths: Conversation[] = LENGTHS.flatMap((length) => [
  {
    name: `a text message of ${length} bytes`,
    says: [textFrame("*".repeat(length)), BYE],
    hears: [text("*".repeat(length)), "close 1000"],
  },
  {
    name: `a binary message of ${length} bytes`,
    says: [binaryFrame(bytes(length)), BYE],
    hears: [binary(bytes(length)), "close 1000"],
  },
]);

const masks: Conversation[] = ["00000000", "ffffffff", "00ff00ff", "80000001", "37fa213d"].map((key) => ({
  name: `the masking key ${key}`,
  says: [binaryFrame(bytes(1000), { mask: Buffer.from(key, "hex") }), BYE],
  hears: [binary(bytes(1000)), "close 1000"],
}));

const ten = Array.from({ length: 10 }, (_, i) => `ping ${i}`);

const pings: Conversation[] = [
  { name: "a ping without payload", says: [pingFrame(), BYE], hears: [pong(""), "close 1000"] },
  { name: "a ping with a text", says: [pingFrame("Hello"), BYE], hears: [pong("Hello"), "close 1000"] },
  {
    name: "a ping with bytes that are no text",
    says: [pingFrame(Buffer.from("00fffefdfcfb00ff", "hex")), BYE],
    hears: [pong(Buffer.from("00fffefdfcfb00ff", "hex")), "close 1000"],
  },
  {
    name: "a ping of 125 bytes",
    says: [pingFrame(bytes(125)), BYE],
    hears: [pong(bytes(125)), "close 1000"],
  },
  { name: "a ping of 126 bytes", says: [pingFrame(bytes(126))], hears: ["fail 1002"] },
  { name: "a ping of 65 536 bytes", says: [pingFrame(bytes(65_536))], hears: ["fail 1002"] },
  {
    name: "ten pings",
    says: [...ten.map((each) => pingFrame(each)), BYE],
    hears: [...ten.map(pong), "close 1000"],
  },
  { name: "a pong that nobody asked for", says: [pongFrame(), BYE], hears: ["close 1000"] },
  { name: "a pong with payload that nobody asked for", says: [pongFrame("x"), BYE], hears: ["close 1000"] },
  { name: "a pong of 126 bytes", says: [pongFrame(bytes(126))], hears: ["fail 1002"] },
  {
    name: "pong, ping, pong, message",
    says: [pongFrame("no"), pingFrame("yes"), pongFrame("no"), textFrame("and"), BYE],
    hears: [pong("yes"), text("and"), "close 1000"],
  },
];

/** A frame that has to fail the connection, tried alone, behind a message and a ping, and inside a message. */
function forbidden(name: string, wrong: Uint8Array, code = 1002): Conversation[] {
  const fail = `fail ${code}`;
  return [
    { name: `${name}, as the first frame`, says: [wrong], hears: [fail] },
    {
      name: `${name}, behind a message and a ping`,
      says: [textFrame("before"), pingFrame("p"), wrong, textFrame("after"), pingFrame("q")],
      hears: [text("before"), pong("p"), fail],
    },
    {
      name: `${name}, inside a message`,
      says: [textFrame("before"), binaryFrame("a", { fin: false }), wrong, moreFrame("b")],
      hears: [text("before"), fail],
    },
  ];
}

const everyBits = [1, 2, 3, 4, 5, 6, 7];
const reserved: Conversation[] = [
  ...everyBits.flatMap((rsv) => forbidden(`reserved bits ${rsv} on a text`, textFrame("x", { rsv }))),
  ...everyBits.flatMap((rsv) => forbidden(`reserved bits ${rsv} on a ping`, pingFrame("x", { rsv }))),
  ...[4, 2, 1].flatMap((rsv) => forbidden(`reserved bits ${rsv} on a binary`, binaryFrame("x", { rsv }))),
  ...[4, 2, 1].flatMap((rsv) => forbidden(`reserved bits ${rsv} on a continuation`, moreFrame("x", { rsv }))),
  ...[4, 2, 1].flatMap((rsv) => forbidden(`reserved bits ${rsv} on a pong`, pongFrame("x", { rsv }))),
  ...[4, 2, 1].flatMap((rsv) => forbidden(`reserved bits ${rsv} on a Close`, closeFrame(1000, "", { rsv }))),
];

const unknown = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) => [
  ...forbidden(`opcode ${opcode} without payload`, frame("", { opcode })),
  ...forbidden(`opcode ${opcode} with payload`, frame("payload", { opcode })),
]);

const long = (name: string, options: FrameOptions, length = 5) =>
  forbidden(`${name} with its length in ${options.lengthForm} bits`, frame(bytes(length), options));

const lengthForms: Conversation[] = [
  ...long("a text of 5 bytes", { opcode: OPCODE.text, lengthForm: 16 }),
  ...long("a binary of 5 bytes", { lengthForm: 64 }),
  ...long("a binary of 125 bytes", { lengthForm: 16 }, 125),
  ...long("a binary of 65 535 bytes", { lengthForm: 64 }, 65_535),
  ...long("a ping of 5 bytes", { opcode: OPCODE.ping, lengthForm: 16 }),
  ...long("a Close of 5 bytes", { opcode: OPCODE.close, lengthForm: 64 }),
  ...forbidden("a length with its top bit set", frame("", { claim: 1n << 63n, lengthForm: 64 })),
  ...forbidden("a frame without a mask", textFrame("x", { masked: false })),
  ...forbidden("an empty frame without a mask", textFrame("", { masked: false })),
  ...forbidden("a ping without a mask", pingFrame("x", { masked: false })),
  ...forbidden("a Close without a mask", closeFrame(1000, "", { masked: false })),
  ...forbidden("a ping in fragments", pingFrame("x", { fin: false })),
  ...forbidden("a pong in fragments", pongFrame("x", { fin: false })),
  ...forbidden("a Close in fragments", closeFrame(1000, "", { fin: false })),
];

describeEcho("frames", (kind) => {
  itConverses(kind, [...lengths, ...masks], "comes back as it was");

  itConverses(kind, pings);

  itConverses(kind, [...reserved, ...unknown, ...lengthForms], "fails the connection");

  it("each ping is answered before anything more is sent, one at a time", async () => {
    const peer = await (await startEcho(kind)).open();
    for (const payload of ["", ...ten, bytes(125).toString("latin1")]) {
      const sent = Buffer.from(payload, "latin1");
      peer.send(pingFrame(sent));
      expect(await peer.frame()).toMatchObject({ opcode: OPCODE.pong, payload: sent });
    }
  });

  it("a ping between the fragments of a message is answered before the message goes on", async () => {
    const peer = await (await startEcho(kind)).open();
    peer.send(textFrame("one", { fin: false }));
    for (const payload of ["first", "second"]) {
      peer.send(pingFrame(payload), moreFrame("more", { fin: false }));
      let next = await peer.frame();
      while (next.opcode < 8) next = await peer.frame();
      expect(next).toMatchObject({ opcode: OPCODE.pong, payload: Buffer.from(payload) });
    }
  });

  it("a ping that is cut amid a message is answered when its last byte has come, not before", async () => {
    const server = await startEcho(kind);
    const peer = await server.open();
    const ping = pingFrame("cut");
    await peer.send(ping.subarray(0, -1));
    await rounds(20);
    expect(peer.available).toBe(0);
    peer.send(ping.subarray(-1));
    expect(await peer.frame()).toMatchObject({ opcode: OPCODE.pong, payload: Buffer.from("cut") });
  });
});
