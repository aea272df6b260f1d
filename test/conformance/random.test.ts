import { TextDecoder } from "node:util";
import fc from "fast-check";
import { it } from "vitest";
import { closeFrame, frame, OPCODE } from "../support/frames.ts";
import { binary, type Conversation, converse, describeEcho, pong, text } from "./conversation.ts";

// Conversations at random, most of them nearly right, against a model that is as plain as section 5 can be put.

interface RandomFrame {
  readonly opcode: number;
  readonly fin: boolean;
  readonly rsv: number;
  readonly masked: boolean;
  readonly payload: Uint8Array;
}

const { continuation, text: TEXT, binary: BINARY, close, ping, pong: PONG } = OPCODE;

const rarely = <T>(usual: T, rare: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 60, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: rare });

/** Mostly UTF-8 that is whole or cut, so that fragments may fit or not; now and then any bytes. */
const payloads = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom("", "Hello", "é", "€uro", "😀".repeat(40)).map((each) => Buffer.from(each)),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom("c3", "a9", "e282", "ac", "f09f", "9880")
      .map((each) => Buffer.from(each, "hex")),
  },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 130 }) },
);

const frames: fc.Arbitrary<RandomFrame> = fc.record({
  opcode: fc.oneof(
    { weight: 40, arbitrary: fc.constantFrom(continuation, TEXT, BINARY, continuation, ping, PONG) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 15 }) },
  ),
  fin: fc.boolean(),
  rsv: rarely(0, fc.integer({ min: 1, max: 7 })),
  masked: rarely(true, fc.constant(false)),
  payload: payloads,
});

/** What most clients do on purpose: sequences that are right. The others stay as they are. */
function mended(all: readonly RandomFrame[]): RandomFrame[] {
  let open = false;
  return all.map((each) => {
    if (each.opcode >= 8) return { ...each, fin: true };
    const opcode = open ? continuation : each.opcode === continuation ? TEXT : each.opcode;
    open = !each.fin;
    return { ...each, opcode };
  });
}

/** The lines that `all` gets, by the letter of sections 5.2 to 5.6 and 8.1; null when it goes on to the end. */
function model(all: readonly RandomFrame[], hears: string[]): string | null {
  let message: { opcode: number; parts: Uint8Array[]; decoder: TextDecoder } | null = null;
  for (const { opcode, fin, rsv, masked, payload } of all) {
    const isControl = opcode >= 8;
    if (rsv !== 0 || opcode > PONG || (opcode > BINARY && !isControl) || !masked) return "fail 1002";
    if (isControl) {
      if (!fin || payload.length > 125) return "fail 1002";
      if (opcode === close) return closing(payload);
      if (opcode === ping) hears.push(pong(payload));
      continue;
    }
    if ((opcode === continuation) !== (message !== null)) return "fail 1002";
    message ??= { opcode, parts: [], decoder: new TextDecoder("utf-8", { fatal: true }) };
    message.parts.push(payload);
    if (message.opcode === TEXT && !decodes(message.decoder, payload, fin)) return "fail 1007";
    if (!fin) continue;
    hears.push((message.opcode === TEXT ? text : binary)(Buffer.concat(message.parts)));
    message = null;
  }
  return null;
}

function decodes(decoder: TextDecoder, payload: Uint8Array, fin: boolean): boolean {
  try {
    decoder.decode(payload, { stream: !fin });
    return true;
  } catch {
    return false;
  }
}

function closing(payload: Uint8Array): string {
  if (payload.length === 0) return "close 1005";
  const code = payload.length === 1 ? 0 : payload[0] * 256 + payload[1];
  const known =
    (code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code)) || (code >= 3000 && code <= 4999);
  if (!known) return "fail 1002";
  return decodes(new TextDecoder("utf-8", { fatal: true }), payload.subarray(2), true)
    ? `close ${code}`
    : "fail 1007";
}

function conversation(all: readonly RandomFrame[]): Conversation {
  const hears: string[] = [];
  const end = model(all, hears) ?? "close 1000";
  const says = all.map(({ payload, ...options }) => frame(payload, options));
  return { name: "", says: [...says, closeFrame(1000)], hears: [...hears, end] };
}

const sequences = fc.array(frames, { maxLength: 12 });

describeEcho("any conversation", (kind) => {
  const holds = (all: fc.Arbitrary<RandomFrame[]>, numRuns: number) =>
    fc.assert(
      fc.asyncProperty(all, (each) => converse(kind, conversation(each))),
      { numRuns },
    );

  it("of any frames is answered as the model has it", () => holds(sequences, 30));

  it("of frames in right sequence is answered as the model has it", () => holds(sequences.map(mended), 80));
});
