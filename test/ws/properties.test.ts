import { isUtf8 } from "node:buffer";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { checkUtf8, UTF8_BOUNDARY, UTF8_INVALID } from "../../lib/base/utf8.ts";
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FAILURES,
  isCloseCode,
  MAX_CLOSE_REASON,
  PING,
  PONG,
  TEXT,
} from "../../lib/ws/codes.ts";
import { sendFrame, sendMaskedFrame } from "../../lib/ws/frame.ts";
import { closePayload } from "../../lib/ws/session.ts";
import { CLIENT, joined, parse, SERVER } from "../support/frame-events.ts";
import { frame } from "../support/frames.ts";
import { MemoryOutlet, spelled } from "../support/outlet.ts";
import { TestSession } from "../support/session.ts";

// What holds of the protocol as a whole, of either role, over parser, receiver, session and frames.

const ROLES: [role: string, server: boolean][] = [
  ["a server", true],
  ["a client", false],
];
const key = fc.uint8Array({ minLength: 4, maxLength: 4 });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((each) => Buffer.from(each));

describe.each(ROLES)("a stream of valid frames to %s", (_role, server) => {
  const control = fc.record({ opcode: fc.constantFrom(PING, PONG), payload: bytes(8) });
  const message = fc.record({
    text: fc.boolean(),
    parts: fc.array(fc.string({ unit: "grapheme", maxLength: 6 }), { minLength: 1, maxLength: 3 }),
    between: fc.option(control, { nil: null }),
    mask: key,
  });
  type Message = typeof message extends fc.Arbitrary<infer T> ? T : never;

  function wire({ text, parts, between, mask }: Message): Buffer[] {
    const frames = parts.map((part, i) => {
      const opcode = i > 0 ? CONTINUATION : text ? TEXT : BINARY;
      return frame(part, { masked: server, mask, opcode, fin: i === parts.length - 1 });
    });
    // A control frame may stand between fragments (section 5.4).
    if (between !== null) frames.splice(1, 0, frame(between.payload, { ...between, masked: server, mask }));
    return frames;
  }

  /** What is told and answered, the same however it was cut. */
  function story(stream: Buffer, cut: number, wholeMessages: boolean) {
    const session = new TestSession({ server, wholeMessages, pieceSize: wholeMessages ? 1e9 : 65_536 });
    session.feed(stream.subarray(0, cut));
    session.feed(stream.subarray(cut));
    const pongs = session.told.filter((line) => line.startsWith("pong"));
    const answers = joined(parse(session.outlet.takeBytes(), server ? CLIENT : SERVER));
    return { messages: session.messages, pongs, closes: session.peerCloses, over: session.over, answers };
  }

  it.each([true, false])("is told the same cut at every offset (wholeMessages: %s)", (wholeMessages) => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 4 }), key, (all, mask) => {
        const closing = frame(closePayload(1001, "going"), { masked: server, mask, opcode: CLOSE });
        const stream = Buffer.concat([...all.flatMap(wire), closing]);
        const whole = story(stream, 0, wholeMessages);
        expect(whole.over).toEqual({ code: 1001, reason: "going", wasClean: true });
        expect(whole.messages).toHaveLength(all.length);
        for (let cut = 1; cut < stream.length; cut++)
          expect(story(stream, cut, wholeMessages)).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });
});

describe.each(ROLES)("random bytes to %s", (_role, server) => {
  const documented = new Map(
    Object.values(FAILURES).map(({ code, reason }) => [reason as string, code as number]),
  );
  // Headers that are nearly right get further than bytes that are none.
  const headed = fc
    .tuple(fc.constantFrom(0x01, 0x02, 0x80, 0x81, 0x82, 0x88, 0x89, 0x8a), fc.nat(0x7f), bytes(140))
    .map(([first, length, rest]) => Buffer.concat([Buffer.of(first, server ? 0x80 | length : length), rest]));

  it("end it with a documented close, if at all, which is also what is sent", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(bytes(40), headed), { maxLength: 6 }),
        fc.boolean(),
        (parts, wholeMessages) => {
          const session = new TestSession({ server, wholeMessages });
          for (const part of parts) session.feed(part);
          const { over } = session;
          expect(session.overs.length).toBeLessThanOrEqual(1);
          const sent = parse(session.outlet.takeBytes(), server ? CLIENT : SERVER);
          expect(sent.failures).toEqual([]);
          const closes = sent.lines.filter((line) => line.startsWith("control 8"));
          if (over === null) {
            expect(closes).toEqual([]);
            return;
          }
          if (!over.wasClean) expect(over.code).toBe(documented.get(over.reason));
          else expect(over.code === 1005 || isCloseCode(over.code)).toBe(true);
          const payload = over.code === 1005 ? "" : closePayload(over.code, over.wasClean ? "" : over.reason);
          expect(closes).toEqual([`control 8 [${spelled(Buffer.from(payload))}]`]);
          expect(sent.lines.at(-1)).toBe(closes[0]);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe.each([
  ["a server", sendFrame, CLIENT],
  ["a client", sendMaskedFrame, SERVER],
] as const)("what %s encodes", (_role, send, limits) => {
  const data = fc.record({
    opcode: fc.constantFrom(TEXT, BINARY),
    fin: fc.boolean(),
    // Up to the brinks of the three lengths, and of the ways to send.
    size: fc.oneof(
      fc.nat(200),
      fc.constantFrom(124, 125, 126, 127, 4095, 4096, 16_384, 16_385, 65_535, 65_536, 65_540),
    ),
    seed: fc.nat(255),
  });
  const control = fc.record({
    opcode: fc.constantFrom(CLOSE, PING, PONG),
    fin: fc.constant(true),
    size: fc.oneof(fc.nat(125), fc.constantFrom(0, 125)),
    seed: fc.nat(255),
  });

  it("is what the other side parses: opcode, FIN and payload, of any size, cut anywhere", () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(data, control), { maxLength: 4 }),
        fc.array(fc.nat(200), { maxLength: 3 }),
        (all, at) => {
          const outlet = new MemoryOutlet();
          let open = false;
          const expected = all.flatMap(({ opcode, fin, size, seed }) => {
            const payload = Buffer.from(Array.from({ length: size }, (_, i) => seed + i));
            const first = opcode >= CLOSE || !open ? opcode : CONTINUATION;
            if (opcode < CLOSE) open = !fin;
            expect(send(outlet, (fin ? 0x80 : 0) | first, payload)).toBe(size);
            if (opcode >= CLOSE) return [`control ${opcode} [${spelled(payload)}]`];
            return [`frame ${first}${fin ? " fin" : ""} ${size}`, `payload ${spelled(payload)}`.trimEnd()];
          });
          const sent = outlet.takeBytes();
          const cuts = at.map((cut) => Math.min(cut, sent.length)).sort((a, b) => a - b);
          expect(joined(parse(sent, limits, cuts))).toEqual(expected);
        },
      ),
    );
  });
});

describe.each(ROLES)("a Close that %s sends", (_role, server) => {
  const code = fc.nat(5000).filter(isCloseCode);
  const reason = fc
    .string({ unit: "binary", maxLength: 60 })
    .filter((text) => Buffer.byteLength(text) <= MAX_CLOSE_REASON && Buffer.from(text).toString() === text);

  it("is told to the other side with its code and reason, and answered, clean on both", () => {
    fc.assert(
      fc.property(code, reason, (code, reason) => {
        const one = new TestSession({ server });
        const other = new TestSession({ server: !server });
        one.close(code, reason);
        other.feed(one.outlet.takeBytes());
        expect(other.peerCloses).toEqual([`${code} ${reason}`]);
        expect(other.over).toEqual({ code, reason, wasClean: true });
        one.feed(other.outlet.takeBytes());
        expect(one.over).toEqual({ code, reason: "", wasClean: true });
      }),
      { numRuns: 300 },
    );
  });
});

describe("the check of UTF-8", () => {
  it("agrees with Node cut at every offset, right or with a byte that is wrong, on the native path and off it", () => {
    const text = fc.string({ unit: "binary", minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(text, fc.nat(), fc.option(fc.nat(255), { nil: null }), (text, where, wrong) => {
        const all = Buffer.from(text);
        if (wrong !== null) all[where % all.length] = wrong;
        const right = isUtf8(all);
        for (let cut = 0; cut <= all.length; cut++) {
          const half = checkUtf8(UTF8_BOUNDARY, all, 0, cut);
          const end = half === UTF8_INVALID ? half : checkUtf8(half, all, cut, all.length);
          if ((end === UTF8_BOUNDARY) !== right) expect.fail(`disagrees on ${spelled(all)} cut at ${cut}`);
          // Between two characters, and nowhere else, what came so far is a text itself.
          expect(half === UTF8_BOUNDARY).toBe(isUtf8(all.subarray(0, cut)));
        }
      }),
      { numRuns: 200 },
    );
  });
});
