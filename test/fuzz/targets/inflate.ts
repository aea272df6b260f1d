import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import { CORRUPT, type Codec, type DeflateSettings, TOO_LONG } from "../../../lib/base/codec.ts";
import { History } from "../../../lib/base/history.ts";
import { zlibCodec } from "../../../lib/base/zlib-codec.ts";
import { openCodec } from "../../../lib/loop/epoll/zlib.ts";
import { hex } from "../../support/raw.ts";
import type { Random } from "../random.ts";
import { check, checkSame, type Target } from "../target.ts";

/*
 * The first byte of an input sets up, the second one is the length of the first message, the rest the second message.
 *
 *   01 context takeover    02 a window of 512 bytes for what is sent    04 at most 50 bytes of text a message
 */
const SETTINGS: DeflateSettings = { level: 6, memLevel: 8, windowBits: 15 };
const TAIL = hex("00 00 ff ff");

/** The codec of the epoll loop; that of `node:zlib` once more where it cannot be. */
const native = openCodec({ error() {}, warn() {}, info() {}, debug() {} } as unknown as Parameters<
  typeof openCodec
>[0]);
const CODECS: readonly Codec[] = [zlibCodec, native];

type Inflated = Buffer | typeof CORRUPT | typeof TOO_LONG;

/** What a compressor's other end makes of any bytes: both codecs the same. */
export const inflate: Target = {
  name: "inflate",
  // Rows 42 to 46.
  seeds: [
    ...[
      "00",
      "ff ff",
      "4b 04 00",
      "4b 04 00 4b 04 00",
      "ca 48 cd c9 c9 07 00",
      "4a 0d 00",
      "02 01 00",
      "00 04 00 fb ff",
    ],
    ...[
      "03 00",
      "01 00 00 ff ff",
      "01 07 00 f8 ff",
      "01 04 00 fb ff",
      "f2 48 cd c9 c9 07 00 01 00 00 ff ff 00",
    ],
  ].flatMap((text) => [0, 1, 7].map((setup) => Buffer.concat([Buffer.of(setup, 0), hex(text)]))),
  words: ["00", "00 00 ff ff", "01 00 00 ff ff", "03 00", "4b 04 00", "00 04 00 fb ff", "ed", "05"].map(hex),

  generate(random: Random): Buffer {
    const first = compressed(random).subarray(0, 255);
    return Buffer.concat([
      Buffer.of(random.below(8), first.length),
      first,
      compressed(random),
      compressed(random),
    ]);
  },

  run(input: Buffer): Iterable<string> {
    const setup = input[0] ?? 0;
    const bytes = input.subarray(2);
    const messages = [bytes.subarray(0, input[1] ?? 0), bytes.subarray(input[1] ?? 0)].filter(
      ({ length }) => length > 0,
    );
    const [one, other] = CODECS.map((codec) => inflateAll(codec, messages, setup));
    // What is too long and then corrupt is found to be either, by how far a codec looks ahead.
    const outcomes = (texts: readonly Inflated[]) =>
      texts.map((text) => (Buffer.isBuffer(text) ? describe(text) : "failed"));
    checkSame(outcomes(one), outcomes(other), "the codecs");
    one.forEach((text, i) => {
      if (i === 0 || (setup & 1) === 0) checkReference(messages[i], text);
    });
    const texts = one.filter((text) => Buffer.isBuffer(text));
    CODECS.forEach((codec, i) => {
      checkRoundTrip(codec, CODECS[1 - i], texts, setup);
    });
    return one.map(
      (text, i) => `${i} ${setup & 7} ${Buffer.isBuffer(text) ? sizeClass(text) : describe(text)}`,
    );
  },
};

const WINDOW = 32_768;

/** The past of what is sent or received; null without context takeover. */
function historyOf(setup: number, size = WINDOW): History | null {
  return (setup & 1) === 0 ? null : new History(size);
}

function inflateAll(codec: Codec, messages: readonly Buffer[], setup: number): Inflated[] {
  // Always of the full size: a codec that goes on from its own window may know more than a smaller history holds.
  const history = historyOf(setup);
  const maxLength = (setup & 4) === 0 ? 100_000 : 50;
  const results: Inflated[] = [];
  for (const message of messages) {
    const padded = Buffer.concat([Buffer.of(0xee), message, Buffer.of(0xee)]);
    const text = codec.inflate(padded, 1, padded.length - 1, history, maxLength);
    check(padded.subarray(1, -1).equals(message), "what is inflated stays as it is");
    // A copy, as it is lent until the next call.
    results.push(Buffer.isBuffer(text) ? Buffer.from(text) : text);
    // The connection has failed.
    if (!Buffer.isBuffer(text)) break;
    check(text.length <= maxLength, "a text keeps to its limit");
  }
  return results;
}

/** Holds a result against what `node:zlib` makes of the same bytes up to the first final block. */
function checkReference(message: Buffer, text: Inflated): void {
  if (!Buffer.isBuffer(text)) {
    check(text === CORRUPT || text === TOO_LONG, "a failure is one of the two");
    return;
  }
  const expected = inflateRawSync(Buffer.concat([message, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH });
  check(text.subarray(0, expected.length).equals(expected), "a text is what zlib makes of it");
}

/** What one codec compresses, the other one understands. */
function checkRoundTrip(from: Codec, to: Codec, texts: readonly Buffer[], setup: number): void {
  const sent = historyOf(setup, (setup & 2) === 0 ? WINDOW : 512);
  const received = historyOf(setup);
  for (const text of texts) {
    if (text.length === 0) continue;
    const bytes = Buffer.from(from.deflate(text, sent, SETTINGS));
    check(bytes.subarray(-TAIL.length).equals(TAIL), "what is compressed ends with an empty block");
    const back = to.inflate(bytes, 0, bytes.length - TAIL.length, received, text.length);
    check(Buffer.isBuffer(back) && back.equals(text), "what is compressed comes back");
  }
}

function describe(text: Inflated): string {
  return Buffer.isBuffer(text) ? `text ${text.toString("hex")}` : text === CORRUPT ? "corrupt" : "too long";
}

function sizeClass({ length }: Buffer): string {
  return length === 0 ? "empty" : length <= 50 ? "short" : length <= 512 ? "long" : "beyond the window";
}

const LEVELS = [0, 1, 6, 9];
const STRATEGIES = [
  constants.Z_DEFAULT_STRATEGY,
  constants.Z_FIXED,
  constants.Z_HUFFMAN_ONLY,
  constants.Z_RLE,
];
const FLUSHES = [
  constants.Z_SYNC_FLUSH,
  constants.Z_SYNC_FLUSH,
  constants.Z_FULL_FLUSH,
  constants.Z_PARTIAL_FLUSH,
  constants.Z_FINISH,
];
const TEXTS = ["", "a", "hello", '{"type":"tick","price":1.5}', "aé€😀", "a".repeat(300)];

function compressed(random: Random): Buffer {
  const text = random.oneIn(20)
    ? Buffer.alloc(random.pick([49, 50, 51, 512, 99_999, 100_001, 400_000]))
    : Buffer.concat([Buffer.from(random.pick(TEXTS) + random.pick(TEXTS)), random.bytes(random.below(40))]);
  const finishFlush = random.pick(FLUSHES);
  const bytes = deflateRawSync(text, {
    ...{ finishFlush, level: random.pick(LEVELS), strategy: random.pick(STRATEGIES) },
    dictionary: random.oneIn(4) ? Buffer.from('hello {"type":"tick","price":2.5} aé€😀') : undefined,
  });
  return finishFlush === constants.Z_SYNC_FLUSH && !random.oneIn(8) ? bytes.subarray(0, -TAIL.length) : bytes;
}
