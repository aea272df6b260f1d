import { constants, deflateRawSync } from "node:zlib";
import { FAILURES } from "../../../lib/ws/codes.ts";
import type { SessionLimits } from "../../../lib/ws/session.ts";
import { closePayload, type FrameOptions, frame } from "../../support/frames.ts";
import { hex } from "../../support/raw.ts";
import { Random, seedOf } from "../random.ts";
import { check, checkSame, type Target, transitions, waysToCut } from "../target.ts";
import { model } from "./session-model.ts";
import { play, type Setup, type Story } from "./session-player.ts";

/*
 * The first byte of an input sets the session up, the others are the stream.
 *
 *   01 whole messages    04 messages of at most 200 bytes    10 sends back what it gets     c0 behind the second message: 00 nothing,
 *   02 small pieces      08 has begun to close               20 permessage-deflate             40 closes, 80 fails; c0 refuses to close
 */
const BITS = { whole: 0x01, small: 0x02, limited: 0x04, closing: 0x08, echo: 0x10, deflate: 0x20 };
const BEHIND_SECOND = ["nothing", "close", "fail", "nothing"] as const;
const RSV1 = 4;

function setupOf(server: boolean, byte: number): Setup {
  const has = (bit: number) => (byte & bit) !== 0;
  const refuse = byte >> 6 === 3;
  const limits: SessionLimits = {
    server,
    rsv: has(BITS.deflate) ? RSV1 << 4 : 0,
    wholeMessages: has(BITS.whole),
    pieceSize: has(BITS.whole) ? 1e9 : has(BITS.small) ? 7 : 65_536,
    maxMessageSize: has(BITS.limited) ? 200 : 100_000,
    maxEmptyFragments: 3,
    // How much an echo sends depends on the cuts, and so must not end a session here.
    maxBufferedBytes: refuse && !has(BITS.echo) ? 60 : 1e9,
    validateOutgoing: true,
  };
  return {
    limits,
    deflate: has(BITS.deflate),
    closing: has(BITS.closing),
    echo: has(BITS.echo),
    behindSecond: BEHIND_SECOND[byte >> 6],
    refuse,
  };
}

function run(server: boolean, input: Buffer): Iterable<string> {
  const random = new Random(seedOf(input));
  const byte = input[0] ?? 0;
  const setup = setupOf(server, byte);
  const stream = input.subarray(1);
  const [whole, ...others] = waysToCut(random, stream.length);
  const story = play(stream, setup, whole, null);
  for (const ends of others) checkStories(story, play(stream, setup, ends, null), "one read and several");
  for (const ends of [whole, ...others])
    checkStories(story, play(stream, setup, ends, random), "with holds and without");
  if ((byte & (BITS.echo | BITS.deflate)) === 0 && byte < 0x40) checkModel(story, stream, setup);
  const way = `${setup.limits.wholeMessages ? "whole" : "pieces"}${setup.deflate ? " deflate" : ""}`;
  return [...transitions(story.kinds), `${way} ${story.kinds.at(-1)}`];
}

function checkStories(one: Story, other: Story, ways: string): void {
  checkSame(one.told, other.told, ways);
  checkSame(one.sent, other.sent, `what is sent, ${ways},`);
  // Of a text that fails, as much is told as was right in the pieces before.
  const isText = one.told.at(-1)!.endsWith(FAILURES.text.reason);
  checkTails(one.toldTail, other.toldTail, isText, ways);
  checkTails(one.sentTail, other.sentTail, isText, `what is sent, ${ways},`);
}

function checkTails(one: string, other: string, mayBeShorter: boolean, ways: string): void {
  if (mayBeShorter && (one.startsWith(other) || other.startsWith(one))) return;
  checkSame([one], [other], ways);
}

/** Holds a story against the model; for a user who does nothing. */
function checkModel(story: Story, stream: Buffer, { limits, closing }: Setup): void {
  const { told, pings, failure } = model(stream, limits);
  const [over] = story.told.slice(-1);
  const closed = told.at(-1)?.startsWith("close ") === true;
  // The peer's answer to our Close is told with the end.
  const expected = closing && closed ? told.slice(0, -1) : told;
  checkSame(story.told.slice(0, -1), expected, "the session and the model");
  if (failure !== 0)
    check(over.startsWith(`over false ${failure} `), `it fails with ${failure}, not ${over}`);
  else check(over.startsWith(closed ? "over true" : "over false 1006"), `it ends closed or cut: ${over}`);
  const pongs = story.sent.filter((line) => line.startsWith("pong "));
  checkSame(pongs, closing ? [] : pings.map((payload) => `pong ${payload}`), "pongs and pings");
  const closes = story.sent.filter((line) => line.startsWith("close "));
  check(closes.length === (closing || closed || failure !== 0 ? 1 : 0), "one Close is sent where one is due");
}

// ── Streams by their grammar ──────────────────────────────────────────────────────────────────────────────────

const TEXTS = [
  "",
  "a",
  "hello",
  "aé€😀",
  "😀",
  "é".repeat(60),
  "a".repeat(125),
  "a".repeat(126),
  "a".repeat(300),
];
const CODES = [1000, 1000, 1001, 1005, 1006, 1007, 1014, 1015, 2999, 3000, 4999, 5000, 999, 0];
const CONTROLS = [8, 9, 9, 9, 10];

function payloadOf(random: Random): Buffer {
  // From 4096 bytes on a payload that is echoed leaves from where it lies.
  if (random.oneIn(40)) return Buffer.alloc(4090 + random.below(random.pick([20, 3000])), "aé");
  const text = Buffer.from(random.pick(TEXTS) + random.pick(TEXTS));
  return random.oneIn(10) ? text.subarray(0, random.below(text.length + 1)) : text;
}

function compressed(random: Random, payload: Buffer): Buffer {
  const finishFlush = random.oneIn(5) ? constants.Z_FINISH : constants.Z_SYNC_FLUSH;
  const bytes = deflateRawSync(payload, { finishFlush, level: random.below(10) });
  return finishFlush === constants.Z_FINISH ? bytes : bytes.subarray(0, -4);
}

/** Frames of one message, with control frames between them. */
function messageOf(random: Random, options: FrameOptions, deflate: boolean): Buffer[] {
  const rsv = deflate && random.oneIn(2) ? RSV1 : 0;
  const plain = payloadOf(random);
  let left = rsv === 0 ? plain : compressed(random, plain);
  const frames: Buffer[] = [];
  let opcode = 1 + random.below(2);
  for (let more = random.oneIn(2) ? random.below(5) : 0; more >= 0; more--) {
    const size = more === 0 ? left.length : random.below(left.length + 1);
    const first = frames.length === 0 ? rsv : 0;
    frames.push(frame(left.subarray(0, size), { ...options, opcode, fin: more === 0, rsv: first }));
    left = left.subarray(size);
    opcode = 0;
    if (more > 0 && random.oneIn(4)) frames.push(controlOf(random, options));
  }
  return frames;
}

function controlOf(random: Random, options: FrameOptions): Buffer {
  const opcode = random.pick(CONTROLS);
  if (opcode !== 8) return frame(random.bytes(random.pick([0, 1, 5, 125])), { ...options, opcode });
  // In the midst of a stream a Close ends all, so that there are few.
  if (!random.oneIn(8)) return frame("", { ...options, opcode: 10 });
  return frame(
    random.oneIn(6) ? random.bytes(1) : closePayload(random.pick(CODES), random.pick(TEXTS)).subarray(0, 125),
    { ...options, opcode },
  );
}

function wrongFrame(random: Random, options: FrameOptions): Buffer {
  const lengthForm = random.pick([7, 16, 64] as const);
  const claim = random.pick([0, 5, 125]) + (lengthForm === 7 ? 0 : random.pick([0, 1, 60_000]));
  const rsv = random.oneIn(3) ? random.below(8) : 0;
  return frame(payloadOf(random), {
    ...options,
    opcode: random.below(16),
    fin: random.oneIn(2),
    rsv,
    lengthForm,
    claim,
  });
}

function generate(server: boolean, random: Random): Buffer {
  const setup = random.oneIn(3) ? random.below(0x40) : random.below(256);
  const parts = random.several(6, () => {
    const masked = random.oneIn(40) ? !server : server;
    const options: FrameOptions = { masked, mask: random.oneIn(2) ? Buffer.alloc(4) : random.bytes(4) };
    if (random.oneIn(10)) return wrongFrame(random, options);
    if (random.oneIn(4)) return controlOf(random, options);
    return Buffer.concat(messageOf(random, options, (setup & BITS.deflate) !== 0));
  });
  return Buffer.concat([Buffer.of(setup), ...parts]);
}

/** Bad input by its row, as a server gets it; a client gets the same without masks. */
const ROWS: readonly [payload: string, options: FrameOptions][] = [
  ["", { opcode: 1 }],
  ["hello", { opcode: 1, masked: false }], // 21
  ...[4, 2, 1].map((rsv): [string, FrameOptions] => ["x", { rsv }]), // 22
  ...[3, 7, 11, 15].map((opcode): [string, FrameOptions] => ["", { opcode }]), // 23
  ["p".repeat(126), { opcode: 9 }], // 24
  ["", { opcode: 9, fin: false }],
  ["", { opcode: 8, fin: false }],
  ["x", { opcode: 0 }], // 25
  ["hello", { lengthForm: 16 }], // 26
  ["hello", { lengthForm: 64 }],
  ["", { lengthForm: 64, claim: 2n ** 63n }], // 27
  ["", { lengthForm: 64, claim: 2n ** 53n }],
  ["", { lengthForm: 64, claim: 2n ** 30n }], // 28
  ["x".repeat(201), {}], // 29
];
const TEXT_ROWS = ["ff", "c0af", "eda080", "f4908080", "f09f98", "f09f9880"]; // 30
const CLOSE_ROWS = [
  "",
  "00",
  "03e8",
  "03e7",
  "03ec",
  "03ed",
  "03ee",
  "03f6",
  "03f7",
  "0bb7",
  "0bb8",
  "1387",
  "ffff",
  "03e8ff",
]; // 32
const DEFLATE_ROWS = ["", "00", "ffff", "4b0400", "4b04004b0400", "ca48cdc9c90700", "4a0d00", "020100"]; // 43 to 46

function seedsOf(server: boolean): Buffer[] {
  const options: FrameOptions = { masked: server, mask: hex("37 fa 21 3d") };
  const own = (payload: string | Buffer, more: FrameOptions) => frame(payload, { ...options, ...more });
  const second = own("again", { opcode: 2 });
  const streams = [
    ...ROWS.map(([payload, more]) =>
      own(payload, server || more.masked === undefined ? more : { ...more, masked: true }),
    ),
    ...TEXT_ROWS.map((text) => own(hex(text), { opcode: 1 })),
    ...TEXT_ROWS.map((text) => own(hex(text), { opcode: 1, fin: false })), // 31
    ...CLOSE_ROWS.map((payload) => own(hex(payload), { opcode: 8 })),
    Buffer.concat([own("f", { opcode: 1, fin: false }), own("p", { opcode: 9 }), own("g", { opcode: 0 })]),
    Buffer.concat(Array.from({ length: 5 }, (_, i) => own("", { opcode: i === 0 ? 2 : 0, fin: false }))), // 36
    Buffer.concat(Array.from({ length: 20 }, () => own("ping", { opcode: 9 }))), // 39
    own("x".repeat(4096), { opcode: 2 }),
  ];
  const deflated = DEFLATE_ROWS.map((payload) => own(hex(payload), { opcode: 1, rsv: RSV1 }));
  return [
    ...streams.flatMap((each) =>
      [0x00, 0x05].map((setup) => Buffer.concat([Buffer.of(setup), each, second])),
    ),
    ...[0x02, 0x08, 0x10, 0x11, 0x40, 0x80, 0xc0].map((setup) =>
      Buffer.concat([Buffer.of(setup), second, second, ...streams.slice(-4)]),
    ),
    // Sent back from where they lie, or copied, by what of a read is in front of them.
    ...[5000, 6000, 7000, 8000].map((size) =>
      Buffer.concat([Buffer.of(0x10), own("x".repeat(size), { opcode: 2 }), second]),
    ),
    ...deflated.flatMap((each) =>
      [0x20, 0x31].map((setup) => Buffer.concat([Buffer.of(setup), each, second])),
    ),
  ];
}

function target(name: string, server: boolean): Target {
  const words = [
    "8900",
    "8a00",
    "8800",
    "880203e8",
    "8100",
    "8180",
    "817e",
    "82fe",
    "827f",
    "c100",
    "0000",
    "8000",
    "f09f9880",
    "eda080",
  ];
  return {
    name,
    seeds: seedsOf(server),
    words: words.map(hex),
    generate: (random) => generate(server, random),
    run: (input) => run(server, input),
  };
}

/** What a client sends to a server, and the other way round. */
export const framesServer = target("frames-server", true);
export const framesClient = target("frames-client", false);
