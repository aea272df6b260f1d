import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FAILURES } from "../../lib/ws/codes.ts";
import type { FrameLimits } from "../../lib/ws/parser.ts";
import { CLIENT, Events, joined, parse, SERVER, told } from "../support/frame-events.ts";
import {
  binaryFrame,
  closeFrame,
  frame,
  moreFrame,
  pingFrame,
  pongFrame,
  textFrame,
} from "../support/frames.ts";
import { spelled } from "../support/outlet.ts";
import { hex } from "../support/raw.ts";

/*
 * RFC 6455 section 5, and where it is tested here:
 *
 *   5.1   frames of a client are masked, those of a server are not      "a role"
 *   5.2   FIN, RSV, opcode, the three lengths, extension data           "a header", "a length", "a failure"
 *   5.3   masking                                                       "a role"; test/ws/mask.test.ts
 *   5.4   fragments, control frames between them                        "a message in fragments"
 *   5.5   control frames: 125 bytes, never in fragments                 "a control frame", "a failure"
 *   5.6   data frames: text is UTF-8                                    test/ws/session.test.ts
 *   5.7   examples                                                      "the examples of section 5.7"
 *   5.8   extensions: RSV1                                              "RSV1 with an extension"
 */

describe("the examples of section 5.7", () => {
  it.each([
    [
      "an unmasked text message",
      CLIENT,
      "81 05 48 65 6c 6c 6f",
      ["frame 1 fin 5", "payload [48 65 6c 6c 6f] 0"],
    ],
    [
      "a masked text message",
      SERVER,
      "81 85 37 fa 21 3d 7f 9f 4d 51 58",
      ["frame 1 fin 5", "payload [48 65 6c 6c 6f] 0"],
    ],
    [
      "an unmasked text message in fragments",
      CLIENT,
      "01 03 48 65 6c 80 02 6c 6f",
      ["frame 1 3", "payload [48 65 6c] 0", "frame 0 fin 2", "payload [6c 6f] 0"],
    ],
    ["an unmasked ping", CLIENT, "89 05 48 65 6c 6c 6f", ["control 9 [48 65 6c 6c 6f]"]],
    ["a masked pong", SERVER, "8a 85 37 fa 21 3d 7f 9f 4d 51 58", ["control 10 [48 65 6c 6c 6f]"]],
  ])("%s", (_what, limits, bytes, lines) => expect(told(hex(bytes), limits)).toEqual(lines));

  it("256 bytes of binary, with a length of 16 bits", () => {
    const payload = Buffer.alloc(256, 7);
    const lines = told(Buffer.concat([hex("82 7e 01 00"), payload]), CLIENT);
    expect(lines).toEqual(["frame 2 fin 256", `payload [${spelled(payload)}] 0`]);
  });

  it("64 KiB of binary, with a length of 64 bits", () => {
    const payload = Buffer.alloc(65_536, 7);
    const events = parse(Buffer.concat([hex("82 7f 00 00 00 00 00 01 00 00"), payload]), CLIENT);
    expect(events.lines[0]).toBe("frame 2 fin 65536");
    expect(events.lines).toHaveLength(2);
    expect(events.lines[1]).toHaveLength("payload [] 0".length + 65_536 * 3 - 1);
  });
});

describe("a role", () => {
  it("of a server unmasks with any key, in place", () => {
    const events = new Events(SERVER);
    const bytes = hex("82 83 80 ff 01 7f 81 fd 02");
    events.parser.feed(bytes, 0, bytes.length);
    expect(spelled(bytes)).toBe("82 83 80 ff 01 7f 01 02 03");
  });

  it("of a client leaves the bytes as they are", () => {
    const bytes = hex("82 03 01 02 03");
    parse(bytes, CLIENT);
    expect(told(bytes, CLIENT)).toEqual(["frame 2 fin 3", "payload [01 02 03] 0"]);
  });
});

describe("a data frame", () => {
  it("that is empty is told once, and so is its payload", () => {
    expect(told(hex("81 80 00 00 00 00"))).toEqual(["frame 1 fin 0", "payload [] 0"]);
    expect(told(hex("82 00"), CLIENT)).toEqual(["frame 2 fin 0", "payload [] 0"]);
  });

  it("comes in pieces of at most pieceSize, each with what is still to come", () => {
    const limits = { ...CLIENT, pieceSize: 2 };
    expect(told(hex("82 05 01 02 03 04 05"), limits)).toEqual([
      "frame 2 fin 5",
      "payload [01 02] 3",
      "payload [03 04] 1",
      "payload [05] 0",
    ]);
  });

  it("comes as its payload arrives", () => {
    const { lines } = parse(hex("82 05 01 02 03 04 05"), CLIENT, [2, 3, 6]);
    expect(lines).toEqual(["frame 2 fin 5", "payload [01] 4", "payload [02 03 04] 1", "payload [05] 0"]);
  });

  it("never brings bytes of the next one along", () => {
    expect(told(hex("82 01 01 82 01 02"), CLIENT)).toEqual([
      "frame 2 fin 1",
      "payload [01] 0",
      "frame 2 fin 1",
      "payload [02] 0",
    ]);
  });

  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 65_537])("may have %i bytes", (length) => {
    const { lines, failures } = parse(binaryFrame(Buffer.alloc(length, 1)), { ...SERVER, pieceSize: 1e9 });
    expect(failures).toEqual([]);
    expect(lines[0]).toBe(`frame 2 fin ${length}`);
    expect(lines).toHaveLength(2);
  });
});

describe("a message in fragments", () => {
  it("is told frame by frame", () => {
    expect(told(hex("01 01 61 00 00 00 01 62 80 01 63"), CLIENT)).toEqual([
      ...["frame 1 1", "payload [61] 0", "frame 0 0", "payload [] 0"],
      ...["frame 0 1", "payload [62] 0", "frame 0 fin 1", "payload [63] 0"],
    ]);
  });

  it("may have control frames between its fragments (section 5.4)", () => {
    expect(told(hex("01 01 61 89 01 70 8a 00 80 01 62"), CLIENT)).toEqual([
      ...["frame 1 1", "payload [61] 0", "control 9 [70]", "control 10 []"],
      ...["frame 0 fin 1", "payload [62] 0"],
    ]);
  });

  it("is not idle until it has ended", () => {
    const events = new Events(CLIENT);
    const bytes = hex("01 01 61 89 00 80 01 62");
    const idle: boolean[] = [events.parser.idle];
    for (let at = 0; at < bytes.length; at++) {
      events.parser.feed(bytes, at, at + 1);
      idle.push(events.parser.idle);
    }
    expect(idle).toEqual([true, ...Array(7).fill(false), true]);
  });
});

describe("a control frame", () => {
  it("may have 125 bytes and none", () => {
    expect(told(pingFrame(""))).toEqual(["control 9 []"]);
    expect(told(pingFrame(Buffer.alloc(125, 0x61)))).toEqual([`control 9 [${"61 ".repeat(125).trim()}]`]);
  });

  it("is told whole, however it is cut", () => {
    const bytes = closeFrame(1000, "bye");
    for (let cut = 0; cut < bytes.length; cut++)
      expect(parse(bytes, SERVER, [cut]).lines).toEqual(["control 8 [03 e8 62 79 65]"]);
  });

  it("leaves what is told of the data frame around it as it was", () => {
    const events = new Events(CLIENT);
    const bytes = hex("01 01 61 89 01 70");
    events.parser.feed(bytes, 0, bytes.length);
    expect(events.parser).toMatchObject({ opcode: 1, fin: false, rsv: 0 });
  });
});

describe("RSV1 with an extension (section 5.8)", () => {
  const limits = { ...CLIENT, rsv: 0x40 };

  it("is told of the first frame of a message", () => {
    expect(told(hex("c1 00 82 00"), limits)).toEqual([
      ...["frame 1 fin rsv 40 0", "payload [] 0"],
      ...["frame 2 fin 0", "payload [] 0"],
    ]);
  });

  it.each(["41 00 c0", "c9", "a1", "91"])("is wrong where it has no meaning: %s", (bytes) => {
    expect(parse(hex(bytes), limits).failures).toEqual([FAILURES.reservedBits]);
  });
});

/** The bytes before the one that breaks the rule, that byte, and the rule. */
const broken: [string, string, string, keyof typeof FAILURES, FrameLimits?][] = [
  ["row 21: no mask from a client", "81", "05", "unmasked"],
  ["row 21: no mask on a control frame", "89", "00", "unmasked"],
  ["a mask from a server", "81", "85", "masked", CLIENT],
  ["row 22: RSV1 without an extension", "", "c1", "reservedBits"],
  ["row 22: RSV2", "", "a1", "reservedBits"],
  ["row 22: RSV3", "", "91", "reservedBits"],
  ["row 22: RSV1 on a continuation", "01 80 00000000", "c0", "reservedBits", { ...SERVER, rsv: 0x40 }],
  ["row 22: RSV1 on a control frame", "", "c9", "reservedBits", { ...SERVER, rsv: 0x40 }],
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map(
    (opcode) =>
      [`row 23: opcode ${opcode}`, "", spelled(Buffer.of(0x80 | opcode)), "opcode"] as [
        string,
        string,
        string,
        "opcode",
      ],
  ),
  ["row 24: a ping of 126 bytes", "89", "fe", "longControl"],
  ["row 24: a close with a length of 64 bits", "88", "ff", "longControl"],
  ["row 24: a ping without FIN", "", "09", "fragmentedControl"],
  ["row 24: a close without FIN", "", "08", "fragmentedControl"],
  ["row 24: a pong without FIN", "", "0a", "fragmentedControl"],
  ["row 25: a continuation with nothing open", "", "80", "strayContinuation"],
  ["row 25: a continuation behind a whole message", "82 80 00000000", "80", "strayContinuation"],
  ["row 25: a continuation behind a message in fragments", "01 00 80 00", "80", "strayContinuation", CLIENT],
  ["row 25: a new text amid fragments", "01 80 00000000", "81", "missingContinuation"],
  ["row 25: a new fragment amid fragments", "01 00 89 00", "02", "missingContinuation", CLIENT],
  ["row 26: 5 in 16 bits", "82 fe 00", "05", "lengthForm"],
  ["row 26: 125 in 16 bits", "82 fe 00", "7d", "lengthForm"],
  ["row 26: 5 in 64 bits, once it must be less than 64 KiB", "82 ff 00 00 00 00 00", "00", "lengthForm"],
  ["row 27: the top bit of 64", "82 ff", "80", "lengthRange"],
  ["row 27: 2^53", "82 ff 00", "20", "tooBig"],
  ["row 27: 2^62", "82 ff", "40", "tooBig"],
  ["row 28: 1 GiB under a limit of 1 MB", "82 ff 00 00 00 00", "40", "tooBig"],
  ["row 29: one byte over the limit, in 64 bits", "82 ff 00 00 00 00 00 0f 42", "41", "tooBig"],
  ["row 29: one over a limit of 200", "82 fe 00", "c9", "tooBig", { ...SERVER, maxMessageSize: 200 }],
  ["row 29: one over a limit of 10", "82", "8b", "tooBig", { ...SERVER, maxMessageSize: 10 }],
  [
    "row 29: fragments of 6 and 5 over 10",
    "02 06 010203040506 80",
    "05",
    "tooBig",
    { ...CLIENT, maxMessageSize: 10 },
  ],
  ["row 36: the fourth empty fragment of three", "01 00 00 00 00 00 00", "00", "emptyFragments", CLIENT],
];

describe("a failure", () => {
  it.each(broken)(
    "%s (%s|%s) fails at that byte, not before",
    (_what, before, last, cause, limits = SERVER) => {
      const bytes = Buffer.concat([hex(before), hex(last)]);
      const events = new Events(limits);
      for (let at = 0; at < bytes.length; at++) {
        expect(events.failures, `before byte ${at}`).toEqual([]);
        events.parser.feed(bytes, at, at + 1);
      }
      expect(events.failures).toEqual([FAILURES[cause]]);
    },
  );

  it.each(broken)(
    "%s (%s|%s) fails in one read too, with more behind it",
    (_what, before, last, cause, limits) => {
      const bytes = Buffer.concat([hex(before), hex(last), Buffer.alloc(20)]);
      const events = parse(bytes, limits);
      expect(events.failures).toEqual([FAILURES[cause]]);
      expect(events.lines.at(-1)).toBe(`failure ${FAILURES[cause].reason}`);
    },
  );

  it("covers every cause that is the parser's to find", () => {
    const ofTheSession = [
      "compressed",
      "closePayload",
      "closeCode",
      "closeText",
      "text",
      "unreadPongs",
      "unread",
      "callback",
    ];
    const found = new Set([...broken.map(([, , , cause]) => cause), ...ofTheSession]);
    expect(found).toEqual(new Set(Object.keys(FAILURES)));
  });

  it("is the last thing that is told: what follows is taken and ignored", () => {
    const events = parse(hex("83 00"), CLIENT);
    const more = hex("81 01 61");
    expect(events.parser.feed(more, 0, 3)).toBe(3);
    expect(events.lines).toEqual(["failure unknown opcode"]);
  });
});

describe("a limit", () => {
  const small = { ...CLIENT, maxMessageSize: 10 };

  it("row 29: is kept by exactly its size, in one frame and in several", () => {
    expect(parse(hex(`82 0a ${"01".repeat(10)}`), small).failures).toEqual([]);
    expect(parse(hex(`02 04 01020304 00 06 ${"01".repeat(6)} 80 00`), small).failures).toEqual([]);
    expect(parse(binaryFrame(Buffer.alloc(1_000_000)), SERVER).failures).toEqual([]);
  });

  it("counts each message anew, and control frames not at all", () => {
    const message = `82 08 ${"01".repeat(8)}`;
    expect(parse(hex(`02 08 ${"01".repeat(8)} 89 08 ${"02".repeat(8)} 80 02 0101`), small).failures).toEqual(
      [],
    );
    expect(parse(hex(message.repeat(3)), small).failures).toEqual([]);
  });

  it("row 36: of empty fragments counts those in a row within one message", () => {
    const empties = (count: number) => `01 00 ${"00 00".repeat(count - 1)}`;
    expect(parse(hex(`${empties(3)} 80 00`.repeat(3)), CLIENT).failures).toEqual([]);
    expect(parse(hex(`${empties(3)} 00 01 61 ${"00 00".repeat(3)} 80 00`), CLIENT).failures).toEqual([]);
    expect(parse(hex(empties(4)), CLIENT).failures).toEqual([FAILURES.emptyFragments]);
  });

  it("that is swapped counts from the next frame on, as for a protocol that is chosen late", () => {
    const events = new Events(CLIENT);
    events.parser.limits = small;
    events.parser.feed(hex("82 0b"), 0, 2);
    expect(events.failures).toEqual([FAILURES.tooBig]);
  });
});

describe("hold", () => {
  const bytes = hex("82 03 01 02 03 89 01 70 82 00 82 01 04");
  const limits = { ...CLIENT, pieceSize: 2 };

  it("stops behind what is being told, and the rest is told when it is fed again", () => {
    const events = new Events(limits);
    events.after = () => events.parser.hold(true);
    const stops: number[] = [];
    for (let at = 0; at < bytes.length; ) {
      events.parser.hold(false);
      at = events.parser.feed(bytes, at, bytes.length);
      stops.push(at);
    }
    expect(stops).toEqual([2, 4, 5, 8, 10, 12, 13]);
    expect(events.lines).toEqual(told(bytes, limits));
  });

  it("takes nothing while it lasts", () => {
    const events = new Events(limits);
    events.parser.hold(true);
    expect(events.parser.feed(bytes, 3, 9)).toBe(3);
    expect(events.lines).toEqual([]);
  });

  it("that is undone in the same call stops nothing", () => {
    const events = new Events(limits);
    events.after = () => {
      events.parser.hold(true);
      events.parser.hold(false);
    };
    expect(events.parser.feed(bytes, 0, bytes.length)).toBe(bytes.length);
    expect(events.lines).toEqual(told(bytes, limits));
  });
});

describe("stop", () => {
  const bytes = hex("82 03 01 02 03 89 01 70 82 00");

  it.each(told(bytes, CLIENT))("from within %j is the end: the rest is taken and ignored", (line) => {
    const events = new Events(CLIENT);
    events.after = (each) => {
      if (each === line) events.parser.stop();
    };
    expect(events.parser.feed(bytes, 0, bytes.length)).toBe(bytes.length);
    expect(events.lines.at(-1)).toBe(line);
  });
});

describe("row 35: any stream", () => {
  const stream = Buffer.concat([
    textFrame("he", { fin: false }),
    pingFrame("x"),
    moreFrame("llo"),
    binaryFrame(Buffer.alloc(200, 3)),
    binaryFrame(""),
    textFrame("", { fin: false }),
    pongFrame(),
    moreFrame(""),
    closeFrame(1000, "bye"),
  ]);

  it("tells the same however it is cut in two, and a byte at a time", () => {
    const whole = joined(parse(stream));
    expect(whole.at(-1)).toBe("control 8 [03 e8 62 79 65]");
    for (let cut = 0; cut <= stream.length; cut++)
      expect(joined(parse(stream, SERVER, [cut]))).toEqual(whole);
    const every = Array.from({ length: stream.length }, (_, at) => at);
    expect(joined(parse(stream, SERVER, every))).toEqual(whole);
  });

  it("tells the same with a large frame that is cut within its header", () => {
    const large = binaryFrame(Buffer.alloc(70_000, 5));
    const whole = joined(parse(large, { ...SERVER, pieceSize: 1e6 }));
    for (let cut = 1; cut <= 20; cut++)
      expect(joined(parse(large, { ...SERVER, pieceSize: 1e6 }, [cut]))).toEqual(whole);
  });

  const anyFrame = fc
    .record({
      opcode: fc.constantFrom(0, 0, 1, 1, 2, 2, 8, 9, 10, 3),
      fin: fc.boolean(),
      rsv: fc.constantFrom(0, 0, 0, 0, 0, 0, 4, 1),
      masked: fc.constantFrom(true, true, true, true, false),
      payload: fc.uint8Array({ maxLength: 140 }),
      mask: fc.uint8Array({ minLength: 4, maxLength: 4 }),
    })
    .map(({ payload, ...options }) => frame(payload, options));
  const cuts = fc.array(fc.nat(600), { maxLength: 8 }).map((all) => all.sort((a, b) => a - b));

  it("of frames right and wrong tells the same in any pieces, and nothing behind a failure", () => {
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 8 }),
        cuts,
        fc.constantFrom(1, 7, 1e6),
        (all, at, pieceSize) => {
          const bytes = Buffer.concat(all);
          const limits = { ...SERVER, pieceSize };
          const events = parse(
            bytes,
            limits,
            at.map((cut) => Math.min(cut, bytes.length)),
          );
          expect(joined(events)).toEqual(joined(parse(bytes, limits)));
          expect(events.failures.length).toBeLessThanOrEqual(1);
          if (events.failures.length > 0) expect(events.lines.at(-1)).toMatch(/^failure /);
        },
      ),
      { numRuns: 500 },
    );
  });

  it("of random bytes causes only documented failures, and never a throw", () => {
    const documented = Object.values(FAILURES);
    const bytes = fc.uint8Array({ maxLength: 400 }).map((each) => Buffer.from(each));
    fc.assert(
      fc.property(bytes, fc.constantFrom(SERVER, CLIENT), (each, limits) => {
        for (const failure of parse(each, limits).failures) expect(documented).toContain(failure);
      }),
      { numRuns: 1000 },
    );
  });
});

it("begins anew wherever it stopped", () => {
  const wire = Buffer.concat([textFrame("abc", { fin: false }), pingFrame("x"), hex("83 80")]);
  for (let at = 0; at <= wire.length; at++) {
    const events = new Events(SERVER);
    const cut = Buffer.from(wire.subarray(0, at));
    events.parser.feed(cut, 0, cut.length);
    events.parser.reset();
    expect(events.parser.idle).toBe(true);
    events.lines.length = 0;
    const whole = binaryFrame("y");
    events.parser.feed(whole, 0, whole.length);
    expect(events.lines).toEqual(["frame 2 fin 1", "payload [79] 0"]);
  }
});
