import { constants, createDeflateRaw, createInflateRaw, type DeflateRaw, type InflateRaw } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DICTIONARY_SIZE } from "../../lib/base/codec.ts";
import { zlibCodec } from "../../lib/base/zlib-codec.ts";
import { DeflateSession } from "../../lib/ws/deflate.ts";
import { RSV1 } from "../../lib/ws/extension.ts";
import { parseExtensions } from "../../lib/ws/extension-header.ts";
import { agreeOn, type ExtensionStack, negotiate, offerHeader } from "../../lib/ws/extensions.ts";
import { type PermessageDeflateOptions, permessageDeflate } from "../../lib/ws/permessage-deflate.ts";
import { hex } from "../support/raw.ts";

const TAIL = hex("00 00 ff ff");
const LIMIT = 1_048_576;

/** The other side on zlib's own streams, which keep their window themselves and refuse what is beyond it. */
class StreamingPeer {
  readonly #bits: readonly [send: number, receive: number];
  readonly #kept: readonly [DeflateRaw | null, InflateRaw | null];

  constructor(sendBits: number, sendTakeover: boolean, receiveBits: number, receiveTakeover: boolean) {
    this.#bits = [sendBits, receiveBits];
    this.#kept = [
      sendTakeover ? createDeflateRaw({ windowBits: sendBits }) : null,
      receiveTakeover ? createInflateRaw({ windowBits: receiveBits }) : null,
    ];
  }

  async compress(text: string): Promise<Buffer> {
    const stream = this.#kept[0] ?? createDeflateRaw({ windowBits: this.#bits[0] });
    const payload = await flushed(stream, Buffer.from(text));
    if (stream !== this.#kept[0]) stream.close();
    return payload.subarray(0, -4);
  }

  async decompress(payload: Uint8Array): Promise<string> {
    const stream = this.#kept[1] ?? createInflateRaw({ windowBits: this.#bits[1] });
    const text = await flushed(stream, Buffer.concat([payload, TAIL]));
    if (stream !== this.#kept[1]) stream.close();
    return text.toString();
  }

  close(): void {
    for (const stream of this.#kept) stream?.close();
  }
}

function flushed(stream: DeflateRaw | InflateRaw, data: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const note = (chunk: Buffer) => chunks.push(chunk);
    stream.once("error", reject);
    stream.on("data", note);
    stream.write(data);
    stream.flush(constants.Z_SYNC_FLUSH, () => {
      stream.off("data", note);
      stream.off("error", reject);
      resolve(Buffer.concat(chunks));
    });
  });
}

/** Messages that repeat themselves at short and at long distances. */
const conversation = Array.from({ length: 24 }, (_, i) =>
  JSON.stringify({
    id: i * 7919,
    text: "lorem ipsum ".repeat(i % 5),
    list: Array.from({ length: i * i }, (_, k) => (k * i) % 97),
  }),
);

describe("zlib's streams", () => {
  const takeovers = [false, true].flatMap((ours) => [false, true].map((theirs) => [ours, theirs] as const));
  it.each([9, 10, 11, 12, 13, 14, 15].flatMap((bits) => takeovers.map((both) => [bits, ...both] as const)))(
    "with %i bits, takeover here %s and there %s, understand and are understood",
    async (bits, ours, theirs) => {
      const session = new DeflateSession(zlibCodec, {
        threshold: 0,
        settings: { level: 6, memLevel: 8, windowBits: bits },
        sendWindow: ours ? Math.min(2 ** bits, DICTIONARY_SIZE) : 0,
        receiveWindow: theirs ? 2 ** bits : 0,
      });
      const peer = new StreamingPeer(bits, theirs, bits, ours);
      for (const text of conversation) {
        expect(await peer.decompress(session.encode(Buffer.from(text), true, true)!)).toBe(text);
        const payload = await peer.compress(text);
        expect(session.decode(payload, 0, payload.length, LIMIT).toString()).toBe(text);
      }
      peer.close();
    },
  );
});

const bits = fc.integer({ min: 9, max: 15 });
const options: fc.Arbitrary<PermessageDeflateOptions> = fc.record({
  serverNoContextTakeover: fc.boolean(),
  clientNoContextTakeover: fc.boolean(),
  serverMaxWindowBits: bits,
  clientMaxWindowBits: bits,
  threshold: fc.integer({ min: 0, max: 300 }),
  level: fc.integer({ min: 1, max: 9 }),
});

const words = fc.array(fc.constantFrom("Hello", "sluice ", "{}", "0123456789", "x".repeat(400)), {
  maxLength: 40,
});
const message = fc.record({
  data: fc.oneof(
    words.map((each) => Buffer.from(each.join(""))),
    fc.uint8Array({ maxLength: 3000 }),
  ),
  cuts: fc.array(fc.nat(3000), { maxLength: 3 }),
  toServer: fc.boolean(),
  plain: fc.boolean(),
});

/** The fragments of a message between the cuts. */
function fragmentsOf({ data, cuts }: { data: Uint8Array; cuts: number[] }): Uint8Array[] {
  const ends = [...cuts.map((cut) => Math.min(cut, data.length)), data.length].sort((a, b) => a - b);
  return ends.map((end, i) => data.subarray(i === 0 ? 0 : ends[i - 1], end));
}

/** Sends a message through one stack and receives it by another. */
function carry(from: ExtensionStack, to: ExtensionStack, fragments: Uint8Array[], plain: boolean) {
  let rsv = 0;
  const parts = fragments.map((data, i) => {
    const part = Buffer.from(from.encode(data, i === 0, i === fragments.length - 1, plain && i === 0));
    if (i === 0) rsv = from.rsv;
    return part;
  });
  const payload = Buffer.concat(parts);
  return { rsv, result: rsv === 0 ? payload : to.decode(rsv, payload, 0, payload.length, LIMIT) };
}

describe("two sessions", () => {
  it("understand each other, whatever they agree on and send", () => {
    const messages = fc.array(message, { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(options, options, messages, (ours, theirs, all) => {
        const [tools, clients] = [{ codec: zlibCodec }, [permessageDeflate(theirs)]];
        const answered = negotiate([permessageDeflate(ours)], parseExtensions(offerHeader(clients)!)!);
        const server = answered.open(tools)!;
        const client = agreeOn(clients, parseExtensions(answered.header!)!)!.open(tools)!;
        for (const each of all) {
          const [from, to] = each.toServer ? [client, server] : [server, client];
          const fragments = fragmentsOf(each);
          const { rsv, result } = carry(from, to, fragments, each.plain);
          const { threshold } = each.toServer ? theirs : ours;
          const compressed = !each.plain && (fragments.length > 1 || each.data.length >= threshold!);
          expect(rsv).toBe(compressed ? RSV1 : 0);
          if (!Buffer.isBuffer(result)) expect.fail(`${result.code} ${result.reason}`);
          expect(Buffer.compare(result, each.data)).toBe(0);
        }
      }),
      { numRuns: 100 },
    );
  });
});
