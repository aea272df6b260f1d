import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type BodyFraming, BodyReader } from "../../lib/http/body.ts";
import type { HttpLimits } from "../../lib/http/limits.ts";

const LIMITS: HttpLimits = Object.freeze({ maxHeaderBytes: 1024, maxHeaderCount: 3, maxBodyBytes: 65_536 });
const CHUNKS: BodyFraming = { body: "chunked", contentLength: 0 };
const length = (contentLength: number): BodyFraming => ({ body: "length", contentLength });

/** Collects a body; with `stopping` it stops the reader behind every piece. */
class Collector {
  payload = "";
  pieces = 0;
  ends = 0;
  readonly stopping: boolean;

  constructor(stopping = false) {
    this.stopping = stopping;
  }

  onBody(buffer: Buffer, start: number, end: number): boolean {
    expect(end).toBeGreaterThan(start);
    this.payload += buffer.toString("latin1", start, end);
    this.pieces++;
    return !this.stopping;
  }

  onBodyEnd(): void {
    this.ends++;
  }
}

function read(framing: BodyFraming, text: string, limits = LIMITS) {
  const sink = new Collector();
  const reader = new BodyReader(framing, sink, limits);
  const bytes = Buffer.from(text, "latin1");
  const taken = reader.feed(bytes, 0, bytes.length);
  return { sink, reader, taken, rest: text.slice(taken) };
}

const status = (text: string, limits = LIMITS) => read(CHUNKS, text, limits).reader.fault?.status;

describe("a body with Content-Length", () => {
  it("ends with its last byte and leaves the rest", () => {
    const { sink, reader, rest } = read(length(5), "helloGET /");
    expect(sink).toMatchObject({ payload: "hello", ends: 1, pieces: 1 });
    expect(reader.done).toBe(true);
    expect(rest).toBe("GET /");
  });

  it("is not over before", () => {
    const { sink, reader } = read(length(5), "hell");
    expect(sink).toMatchObject({ payload: "hell", ends: 0 });
    expect(reader.done).toBe(false);
  });

  it("is refused with 413 from the start when it is over the limit", () => {
    const { sink, reader, taken } = read(length(65_537), "x");
    expect(reader.fault?.status).toBe(413);
    expect(taken).toBe(0);
    expect(sink.pieces).toBe(0);
    expect(read(length(65_536), "x").reader.fault).toBeUndefined();
  });
});

describe("a body in chunks", () => {
  it("gives the payload of each, and leaves what is behind the last", () => {
    const { sink, rest } = read(CHUNKS, "5\r\nhello\r\n00C\r\n, wide world\r\n0\r\n\r\nGET /");
    expect(sink).toMatchObject({ payload: "hello, wide world", pieces: 2, ends: 1 });
    expect(rest).toBe("GET /");
  });

  it("may be empty", () => {
    expect(read(CHUNKS, "0\r\n\r\n").sink).toMatchObject({ payload: "", pieces: 0, ends: 1 });
  });

  it.each([
    "0x5\r\n",
    "+5\r\n",
    "5 \r\n",
    " 5\r\n",
    "\r\n",
    ";a\r\n",
    "g\r\n",
    "-5\r\n",
    "5 \t\r\n",
    "5 6\r\n",
    "5 x;a\r\n",
    " ;a\r\n",
    "5\n",
    "5\rX",
  ])("row 59: is refused when a size line is %j", (line) => expect(status(line)).toBe(400));

  it("row 59: is refused when a size overflows, before the line is over", () => {
    expect(status("FFFFFFFFFFFFFFFFF")).toBe(400);
    expect(status("20000000000000")).toBe(400);
    expect(status("00000000000000005")).toBe(400);
  });

  it("row 59: is refused when a chunk does not end where its size says", () => {
    expect(status("5\r\nhelloworld\r\n")).toBe(400);
    expect(status("5\r\nhello\n")).toBe(400);
    expect(status("5\r\nhello\rX")).toBe(400);
    expect(status("5\r\nhello5\r\n")).toBe(400);
  });

  it("row 60: may have extensions, up to 16 KiB of them altogether, else 413", () => {
    expect(read(CHUNKS, '5;a="b c";d\r\nhello\r\n0;x\r\n\r\n').sink).toMatchObject({
      payload: "hello",
      ends: 1,
    });
    expect(status(`5;${"x".repeat(20_480)}\r\n`)).toBe(413);
    const small = `1;${"x".repeat(1000)}\r\na\r\n`;
    expect(status(small.repeat(16))).toBeUndefined();
    expect(status(small.repeat(17))).toBe(413);
    expect(status("5;a\0b\r\n")).toBe(400);
    expect(status("5;a\nb\r\n")).toBe(400);
  });

  it("may have blanks around the signs of an extension (RFC 9112 section 7.1.1), bounded with it", () => {
    const body = "5 \t;a = b ; c\r\nhello\r\n0 ;x\r\n\r\n";
    expect(read(CHUNKS, body).sink).toMatchObject({ payload: "hello", ends: 1 });
    expect(status(`5${" ".repeat(16_386)}`)).toBe(413);
    expect(status(`5${" ".repeat(10_001)};${"x".repeat(6384)}\r\n`)).toBeUndefined();
    expect(status(`5${" ".repeat(10_001)};${"x".repeat(6385)}\r\n`)).toBe(413);
  });

  it("row 61: may have trailers, which are checked and dropped", () => {
    const { sink, rest } = read(CHUNKS, "1\r\na\r\n0\r\nContent-Length: 99\r\nX: y\r\n\r\nrest");
    expect(sink).toMatchObject({ payload: "a", ends: 1 });
    expect(rest).toBe("rest");
    expect(status("0\r\n X: y\r\n\r\n")).toBe(400);
    expect(status("0\r\nX\r\n\r\n")).toBe(400);
    expect(status("0\r\nX: y\n\r\n")).toBe(400);
  });

  it("bounds the trailers as it does a head", () => {
    expect(status("0\r\na:\r\nb:\r\nc:\r\nd:\r\n\r\n")).toBe(431);
    expect(status(`0\r\na:${"x".repeat(2000)}`)).toBe(431);
  });

  it("is refused with 413 as soon as a size takes it over the limit", () => {
    expect(status("10001\r")).toBe(413);
    expect(status(`8000\r\n${"x".repeat(0x8000)}\r\n8001\r`)).toBe(413);
    expect(status(`8000\r\n${"x".repeat(0x8000)}\r\n8000\r\n`)).toBeUndefined();
  });

  it("takes nothing more after a fault", () => {
    const { reader, sink } = read(CHUNKS, "x");
    expect(reader.feed(Buffer.from("1\r\na\r\n"), 0, 6)).toBe(0);
    expect(sink).toMatchObject({ payload: "", ends: 0 });
  });
});

describe("in any cuts", () => {
  const wire = "5;e=1\r\nhello\r\n1\r\n!\r\n0\r\nT: x\r\n\r\n";

  it("gives the same payload when cut in two at every offset", () => {
    const bytes = Buffer.from(`${wire}tail`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const sink = new Collector();
      const reader = new BodyReader(CHUNKS, sink, LIMITS);
      const first = reader.feed(bytes, 0, cut);
      const second = reader.feed(bytes, first, bytes.length);
      expect(sink).toMatchObject({ payload: "hello!", ends: 1 });
      expect(second).toBe(wire.length);
    }
  });

  it("gives any payload in any chunks, fed in any cuts, stopped or not", () => {
    const data = fc
      .uint8Array({ minLength: 1, maxLength: 60 })
      .map((bytes) => Buffer.from(bytes).toString("latin1"));
    const cuts = fc.array(fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(fc.array(data, { maxLength: 6 }), cuts, fc.boolean(), (chunks, cuts, stopping) => {
        const lines = chunks.map((chunk) => `${chunk.length.toString(16)};x\r\n${chunk}\r\n`);
        const bytes = Buffer.from(`${lines.join("")}0\r\n\r\n`, "latin1");
        const sink = new Collector(stopping);
        const reader = new BodyReader(CHUNKS, sink, LIMITS);
        for (let at = 0, turn = 0; at < bytes.length; turn++) {
          at = reader.feed(bytes, at, Math.min(bytes.length, at + (cuts[turn] ?? bytes.length)));
        }
        expect(sink).toMatchObject({ payload: chunks.join(""), ends: 1 });
      }),
    );
  });

  it("gives the same payload in any chunks, with extensions and trailers, cut in two at every offset", () => {
    const chunk = fc.record({
      data: fc.string({ minLength: 1, maxLength: 20, unit: "binary-ascii" }),
      size: fc.constantFrom("", "0", "000"),
      extension: fc.constantFrom("", ";a", ';a="b;c"', " ;a = b", ";x=1;y=2"),
      upper: fc.boolean(),
    });
    const trailers = fc.constantFrom("", "X: y\r\n", "Content-Length: 99\r\nTransfer-Encoding: gzip\r\n");
    fc.assert(
      fc.property(fc.array(chunk, { maxLength: 4 }), trailers, (chunks, trailers) => {
        const lines = chunks.map(({ data, size, extension, upper }) => {
          const digits = size + data.length.toString(16);
          return `${upper ? digits.toUpperCase() : digits}${extension}\r\n${data}\r\n`;
        });
        const wire = `${lines.join("")}0\r\n${trailers}\r\n`;
        const payload = chunks.map(({ data }) => data).join("");
        const bytes = Buffer.from(`${wire}GET /next`, "latin1");
        for (let cut = 0; cut <= bytes.length; cut++) {
          const sink = new Collector();
          const reader = new BodyReader(CHUNKS, sink, LIMITS);
          const first = reader.feed(bytes, 0, cut);
          expect(reader.feed(bytes, first, bytes.length)).toBe(wire.length);
          expect(sink).toMatchObject({ payload, ends: 1 });
        }
      }),
      { numRuns: 50 },
    );
  });

  it("comes to the same end whole and byte by byte, whatever the bytes", () => {
    const parts = fc.array(
      fc.constantFrom(..."5 0 1a \r\n \r \n ; ;a=b hello F : \0 X:y".split(" "), " ", "\t"),
    );
    fc.assert(
      fc.property(parts, (parts) => {
        const bytes = Buffer.from(parts.join(""), "latin1");
        const whole = read(CHUNKS, parts.join(""));
        const sink = new Collector();
        const reader = new BodyReader(CHUNKS, sink, LIMITS);
        for (let at = 0; at < bytes.length && reader.fault === undefined && !reader.done; at++)
          reader.feed(bytes, at, at + 1);
        expect(reader.fault).toBe(whole.reader.fault);
        expect(sink.payload).toBe(whole.sink.payload);
        expect(sink.ends).toBe(whole.sink.ends);
      }),
    );
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("5", "0", "\r\n", "\r", "\n", ";", "hello", "F", ":", "\0")),
        (parts) => {
          const { reader, sink } = read(CHUNKS, parts.join(""));
          expect(sink.ends).toBe(reader.done ? 1 : 0);
        },
      ),
    );
  });
});

describe("a sink that stops the reader", () => {
  it("gets the rest when the rest is fed again", () => {
    const sink = new Collector(true);
    const reader = new BodyReader(CHUNKS, sink, LIMITS);
    const bytes = Buffer.from("1\r\na\r\n1\r\nb\r\n0\r\n\r\n");
    const first = reader.feed(bytes, 0, bytes.length);
    expect(first).toBe(4);
    expect(sink.payload).toBe("a");
    const second = reader.feed(bytes, first, bytes.length);
    expect(sink.payload).toBe("ab");
    expect(reader.feed(bytes, second, bytes.length)).toBe(bytes.length);
    expect(sink.ends).toBe(1);
  });

  it("hears of the end of a body with a length when it goes on, though no byte is left", () => {
    const sink = new Collector(true);
    const reader = new BodyReader(length(2), sink, LIMITS);
    const bytes = Buffer.from("ab");
    expect(reader.feed(bytes, 0, 2)).toBe(2);
    expect(sink.ends).toBe(0);
    expect(reader.feed(bytes, 2, 2)).toBe(2);
    expect(sink.ends).toBe(1);
  });
});
