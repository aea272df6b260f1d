import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Codec, DICTIONARY_SIZE } from "../../lib/base/codec.ts";
import type { History } from "../../lib/base/history.ts";
import { zlibCodec } from "../../lib/base/zlib-codec.ts";
import { FAILURES } from "../../lib/ws/codes.ts";
import { DeflateSession, type DeflateTerms } from "../../lib/ws/deflate.ts";
import { SharedPayload, share } from "../../lib/ws/frame.ts";
import { spelled } from "../support/outlet.ts";
import { hex } from "../support/raw.ts";

const TAIL = hex("00 00 ff ff");
const LIMIT = 1_048_576;

function open(terms: Partial<DeflateTerms> = {}, codec: Codec = zlibCodec): DeflateSession {
  return new DeflateSession(codec, {
    settings: { level: 6, memLevel: 8, windowBits: 15 },
    threshold: 0,
    sendWindow: DICTIONARY_SIZE,
    receiveWindow: 32_768,
    ...terms,
  });
}

/** A message as it is sent; null when it goes plain. Copied, since it is lent. */
function encode(
  session: DeflateSession,
  data: string | Uint8Array,
  first = true,
  final = true,
): Buffer | null {
  const encoded = session.encode(Buffer.from(data as string), first, final);
  return encoded && Buffer.from(encoded);
}

/** What an arriving message was, as text; the failure when it was none. It stands amid other bytes, as in a read. */
function decode(session: DeflateSession, payload: Uint8Array, maxLength = LIMIT) {
  const bytes = Buffer.concat([hex("ee ee ee"), payload, hex("ee")]);
  const result = session.decode(bytes, 3, 3 + payload.length, maxLength);
  return Buffer.isBuffer(result) ? result.toString() : result;
}

/** Undoes a message that refers to none before it. */
const inflated = (payload: Uint8Array) =>
  inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush: constants.Z_SYNC_FLUSH }).toString();

/** Notes the histories that a codec is called with. */
class NotingCodec implements Codec {
  readonly deflated: (History | null)[] = [];
  readonly inflated: (History | null)[] = [];

  deflate: Codec["deflate"] = (data, history, settings) => {
    this.deflated.push(history);
    return zlibCodec.deflate(data, history, settings);
  };

  inflate: Codec["inflate"] = (data, start, end, history, maxLength) => {
    this.inflated.push(history);
    return zlibCodec.inflate(data, start, end, history, maxLength);
  };
}

describe("the examples of RFC 7692 section 7.2.3 are decoded:", () => {
  it.each([
    ["7.2.3.1: one compressed block", "f2 48 cd c9 c9 07 00", "Hello"],
    ["7.2.3.3: a block without compression", "00 05 00 fa ff 48 65 6c 6c 6f 00", "Hello"],
    ["7.2.3.4: row 45: a final block", "f3 48 cd c9 c9 07 00 00", "Hello"],
    ["7.2.3.5: two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00", "Hello"],
    ["7.2.3.6: row 46: an empty block", "00", ""],
    ["row 46: nothing at all", "", ""],
  ])("%s", (_what, bytes, text) => {
    expect(decode(open(), hex(bytes))).toBe(text);
    expect(decode(open({ receiveWindow: 0 }), hex(bytes))).toBe(text);
  });

  it("7.2.3.2: messages that share the window, where it was agreed on", () => {
    const session = open();
    expect(decode(session, hex("f2 48 cd c9 c9 07 00"))).toBe("Hello");
    expect(decode(session, hex("f2 00 11 00 00"))).toBe("Hello");
    expect(decode(session, hex("f2 00 11 00 00"))).toBe("Hello");
  });

  it("row 45: messages behind a final block, which the window goes on over", () => {
    const session = open();
    expect(decode(session, hex("f3 48 cd c9 c9 07 00 00"))).toBe("Hello");
    expect(decode(session, hex("f2 00 11 00 00"))).toBe("Hello");
    expect(decode(session, hex("00"))).toBe("");
    expect(decode(session, hex(""))).toBe("");
    expect(decode(session, hex("f2 00 11 00 00"))).toBe("Hello");
  });
});

describe("a message that is sent", () => {
  it("is the example of RFC 7692 section 7.2.3.1, and refers to what went before by 7.2.3.2", () => {
    const session = open();
    expect(spelled(encode(session, "Hello")!)).toBe("f2 48 cd c9 c9 07 00");
    expect(spelled(encode(session, "Hello")!)).toBe("f2 00 11 00 00");
  });

  it("stands for itself without context takeover", () => {
    const session = open({ sendWindow: 0 });
    for (let i = 0; i < 3; i++) expect(spelled(encode(session, "Hello")!)).toBe("f2 48 cd c9 c9 07 00");
  });

  it("goes plain below the threshold, and is not referred to later", () => {
    const session = open({ threshold: 5 });
    expect(encode(session, "Hell")).toBeNull();
    expect(encode(session, "")).toBeNull();
    expect(spelled(encode(session, "Hello")!)).toBe("f2 48 cd c9 c9 07 00");
  });

  it("goes plain when the peer's window is too small for any compressor here", () => {
    const session = open({ settings: null });
    expect(encode(session, "Hello")).toBeNull();
    expect(encode(session, "Hello", true, false)).toBeNull();
  });

  it("that is empty is one byte, and no work for the codec (section 7.2.3.6)", () => {
    const codec = new NotingCodec();
    expect(spelled(encode(open({}, codec), "")!)).toBe("00");
    expect(codec.deflated).toEqual([]);
  });

  it.each([
    [["Hello"]],
    [["Hel", "lo"]],
    [["Hello", ""]],
    [["", "Hello"]],
    [["", ""]],
    [["H", "", "ell", "", "", "o", ""]],
  ])("in the fragments %j is one stream of DEFLATE, whatever the threshold", (fragments) => {
    const last = fragments.length - 1;
    for (const sendWindow of [0, DICTIONARY_SIZE]) {
      const session = open({ sendWindow, threshold: last === 0 ? 0 : 1000 });
      const parts = fragments.map((text, i) => encode(session, text, i === 0, i === last)!);
      expect(inflated(Buffer.concat(parts))).toBe(fragments.join(""));
      for (const part of parts.slice(0, -1)) {
        if (part.length > 0) expect(spelled(part.subarray(-4))).toBe("00 00 ff ff");
      }
    }
  });

  it("may be read by its fragments as they come", () => {
    const session = open();
    expect(inflated(encode(session, "Hel", true, false)!)).toBe("Hel");
  });
});

describe("a message that has arrived", () => {
  const random = Buffer.from(Array.from({ length: 700 }, (_, i) => (i * i * 31 + (i >> 3)) & 255));
  const raw = (data: Uint8Array, dictionary?: Uint8Array) =>
    deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH, ...(dictionary && { dictionary }) }).subarray(
      0,
      -4,
    );

  it.each([
    ["no block type", "07"],
    ["garbage", "ff ff ff ff ff"],
    ["a stored block whose lengths do not agree", "00 05 00 00 00 48 65 6c 6c 6f 00"],
    ["a cut stored block", "00 09 00 f6 ff 48"],
    ["a cut block", "f2 48 cd"],
  ])("row 43: with %s is corrupt", (_what, bytes) => {
    expect(decode(open(), hex(bytes))).toBe(FAILURES.compressed);
    expect(FAILURES.compressed.code).toBe(1007);
  });

  it("row 44: that refers to before the first message is corrupt", () => {
    expect(decode(open(), hex("f2 00 11 00 00"))).toBe(FAILURES.compressed);
  });

  it("row 44: that refers to the last one is corrupt without context takeover", () => {
    const session = open({ receiveWindow: 0 });
    expect(decode(session, hex("f2 48 cd c9 c9 07 00"))).toBe("Hello");
    expect(decode(session, hex("f2 00 11 00 00"))).toBe(FAILURES.compressed);
  });

  it("row 44: that refers to before the window that was agreed on is corrupt", () => {
    const before = Buffer.concat([Buffer.from("somewhat long ago"), random]);
    const message = raw(Buffer.from("somewhat long ago"), before);
    const narrow = open({ receiveWindow: 512 });
    decode(narrow, raw(before));
    expect(decode(narrow, message)).toBe(FAILURES.compressed);
    const wide = open({ receiveWindow: 1024 });
    decode(wide, raw(before));
    expect(decode(wide, message)).toBe("somewhat long ago");
  });

  it("row 42: of 64 MiB of zeros is too big, and one of just the limit is not", () => {
    const bomb = raw(Buffer.alloc(64 * LIMIT));
    expect(bomb.length).toBeLessThan(100_000);
    expect(decode(open(), bomb)).toBe(FAILURES.tooBig);
    expect(decode(open({ receiveWindow: 0 }), bomb)).toBe(FAILURES.tooBig);
    expect(FAILURES.tooBig.code).toBe(1009);
    const brink = raw(Buffer.alloc(LIMIT));
    expect(decode(open(), brink)).toHaveLength(LIMIT);
    expect(decode(open(), brink, LIMIT - 1)).toBe(FAILURES.tooBig);
  });

  it("row 43: of any bytes is one, or corrupt, and gets no longer than the limit", () => {
    const pieces = fc.array(
      fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(hex("f2 48 cd c9 c9 07 00"))),
    );
    fc.assert(
      fc.property(pieces, (parts) => {
        const payload = Buffer.concat(parts);
        const result = open().decode(payload, 0, payload.length, 50);
        if (Buffer.isBuffer(result)) expect(result.length).toBeLessThanOrEqual(50);
        else expect([FAILURES.compressed, FAILURES.tooBig]).toContain(result);
      }),
      { numRuns: 300 },
    );
  });

  it("that is empty is no work for the codec", () => {
    const codec = new NotingCodec();
    expect(decode(open({}, codec), hex(""))).toBe("");
    expect(codec.inflated).toEqual([]);
  });
});

describe("a session", () => {
  it("has histories of the sizes that were agreed on, from the first message on, one for each direction", () => {
    const codec = new NotingCodec();
    const session = open({ sendWindow: 1024, receiveWindow: 512 }, codec);
    for (let i = 0; i < 2; i++) {
      encode(session, "Hello");
      decode(session, hex("f2 48 cd c9 c9 07 00"));
    }
    expect(codec.deflated.map((history) => history?.size)).toEqual([1024, 1024]);
    expect(codec.inflated.map((history) => history?.size)).toEqual([512, 512]);
    expect(codec.deflated[0]).toBe(codec.deflated[1]);
    expect(codec.inflated[0]).toBe(codec.inflated[1]);
    expect(codec.deflated[0]).not.toBe(codec.inflated[0]);
  });

  it("has none without context takeover", () => {
    const codec = new NotingCodec();
    const session = open({ sendWindow: 0, receiveWindow: 0 }, codec);
    encode(session, "Hello");
    decode(session, hex("f2 48 cd c9 c9 07 00"));
    session.close();
    expect([codec.deflated, codec.inflated]).toEqual([[null], [null]]);
  });
});

describe("a payload that is shared", () => {
  const settings = { level: 6, memLevel: 8, windowBits: 15 };
  const text = "what all of them are told, and told again ".repeat(40);

  /** How often it is compressed for sessions with these terms, and what they send. */
  function round(all: Partial<DeflateTerms>[], final = true) {
    const codec = new NotingCodec();
    const payload = new SharedPayload(text);
    const sent: string[] = [];
    share(payload, () => {
      for (const terms of all) {
        const encoded = open({ settings, sendWindow: 0, ...terms }, codec).encode(payload.data, true, final);
        sent.push(encoded === null ? "plain" : inflated(encoded));
      }
    });
    return { compressed: codec.deflated.length, sent };
  }

  it("is compressed once for all sessions without context takeover", () => {
    expect(round([{}, {}, {}])).toEqual({ compressed: 1, sent: [text, text, text] });
  });

  it("is compressed anew for other settings, with context takeover, and not at all below the threshold", () => {
    const other = { ...settings, windowBits: 9 };
    const takeover = { sendWindow: DICTIONARY_SIZE };
    const all = [{}, { settings: other }, takeover, { threshold: 10_000 }, {}, { settings: other }, takeover];
    const sent = [text, text, text, "plain", text, text, text];
    expect(round(all)).toEqual({ compressed: 4, sent });
  });

  it("is compressed anew where it is a fragment", () => {
    expect(round([{}, {}], false).compressed).toBe(2);
  });

  it("stays what it was though the codec lends its output", () => {
    const codec = new NotingCodec();
    const payload = new SharedPayload(text);
    share(payload, () => {
      const [one, two] = [open({ settings, sendWindow: 0 }, codec), open({ settings, sendWindow: 0 }, codec)];
      const kept = one.encode(payload.data, true, true)!;
      two.encode(Buffer.from("another message"), true, true);
      expect(two.encode(payload.data, true, true)).toBe(kept);
      expect(inflated(kept)).toBe(text);
    });
  });
});
