import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FAULTS, HttpFault } from "../../lib/http/fault.ts";
import type { HttpLimits } from "../../lib/http/limits.ts";
import { RESPONSE_FAULTS, ResponseHead } from "../../lib/http/response-head.ts";
import { ResponseReader } from "../../lib/http/response-reader.ts";

const LIMITS: HttpLimits = Object.freeze({
  maxHeaderBytes: 16_384,
  maxHeaderCount: 100,
  maxBodyBytes: 1_048_576,
});

/** The response of RFC 6455 section 1.3, as bytes on the wire. */
const SWITCHING =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\r\n";
/** A text frame "Hello" that comes right behind it. */
const FRAME = "\x81\x05Hello";
const OK = "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n";

/** Feeds the pieces amid other bytes until there is a result; returns how many bytes of them were taken. */
function feedAll(reader: ResponseReader, pieces: Iterable<Buffer>): number {
  let taken = 0;
  for (const piece of pieces) {
    const wrapped = Buffer.concat([Buffer.from("HT"), piece, Buffer.from("\r\n\r\n")]);
    taken += reader.feed(wrapped, 2, 2 + piece.length) - 2;
    if (reader.result !== undefined) break;
  }
  return taken;
}

const bytesOf = (text: string) => Buffer.from(text, "latin1");
const singly = (text: string) => Array.from(bytesOf(text), (byte) => Buffer.of(byte));

function read(text: string, limits = LIMITS) {
  const reader = new ResponseReader(limits);
  feedAll(reader, [bytesOf(text)]);
  return reader.result;
}

const statusOf = (result: ResponseReader["result"]) =>
  result instanceof ResponseHead ? result.status : result?.message;

describe("reading a response's head", () => {
  it("stops behind the blank line and leaves the frames behind it", () => {
    const reader = new ResponseReader(LIMITS);
    const bytes = bytesOf(SWITCHING + FRAME);
    expect(reader.feed(bytes, 0, bytes.length)).toBe(SWITCHING.length);
    expect(reader.result).toMatchObject({ status: 101, raw: SWITCHING });
    expect((reader.result as ResponseHead).get("sec-websocket-protocol")).toBe("chat");
    expect(reader.feed(bytes, SWITCHING.length, bytes.length)).toBe(SWITCHING.length);
  });

  it("reads a 101 byte by byte, and knows it at its last byte only", () => {
    const reader = new ResponseReader(LIMITS);
    for (const piece of singly(SWITCHING)) {
      expect(reader.result).toBeUndefined();
      expect(reader.feed(piece, 0, 1)).toBe(1);
    }
    expect(reader.result).toMatchObject({ status: 101, raw: SWITCHING });
    expect(reader.feed(bytesOf(FRAME), 0, 1)).toBe(0);
  });

  it("reads the same when it is cut in two at every offset", () => {
    const bytes = bytesOf(SWITCHING + FRAME);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new ResponseReader(LIMITS);
      expect(feedAll(reader, [bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(SWITCHING.length);
      expect((reader.result as ResponseHead).raw).toBe(SWITCHING);
    }
  });

  it("reads any valid head the same in any cuts", () => {
    const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/).map((text) => `X-${text}`);
    const value = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,40}[!-~\x80-\xff])?$/);
    const reason = fc.stringMatching(/^[\t -~\x80-\xff]{0,40}$/);
    const status = fc.integer({ min: 200, max: 999 });
    const fields = fc.array(fc.tuple(name, value), { maxLength: 12 });
    const cuts = fc.array(fc.nat(800), { maxLength: 6 });
    fc.assert(
      fc.property(status, reason, fields, cuts, (status, reason, fields, cuts) => {
        const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const bytes = bytesOf(`HTTP/1.1 ${status} ${reason}\r\n${lines}\r\n`);
        const offsets = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const reader = new ResponseReader(LIMITS);
        feedAll(
          reader,
          offsets.slice(1).map((end, index) => bytes.subarray(offsets[index], end)),
        );
        const head = reader.result as ResponseHead;
        expect(head).toMatchObject({ status, reason, raw: bytes.toString("latin1") });
        for (const [name, value] of fields) expect(head.get(name.toLowerCase())).toContain(value);
      }),
    );
  });

  it("never throws, and comes to the same end whole and byte by byte, whatever the bytes", () => {
    const words = ["HTTP/1.1 ", "101 ", "100 x\r\n", "x", "\r\n", "\n", ":", "A: b\r\n", " ", "\0", "\xff"];
    const word = fc.constantFrom(...words, OK, SWITCHING, "Content-Length: 1\r\n");
    const noise = fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
    const soup = fc.array(fc.oneof({ weight: 4, arbitrary: word }, noise), { maxLength: 12 });
    fc.assert(
      fc.property(soup, (parts) => {
        const text = parts.join("");
        const whole = new ResponseReader(LIMITS);
        const taken = feedAll(whole, [bytesOf(text)]);
        const cut = new ResponseReader(LIMITS);
        const takenSingly = feedAll(cut, singly(text));
        if (whole.result instanceof ResponseHead) {
          expect(cut.result).toMatchObject({ raw: whole.result.raw });
          expect(takenSingly).toBe(taken);
        } else {
          expect(cut.result).toBe(whole.result);
        }
      }),
    );
  });

  it("trusts nothing behind a fault", () => {
    const reader = new ResponseReader(LIMITS);
    expect(reader.feed(bytesOf(`x${OK}`), 0, OK.length + 1)).toBe(OK.length + 1);
    expect(reader.result).toBe(RESPONSE_FAULTS.notHttp);
    reader.feed(bytesOf(OK), 0, OK.length);
    expect(reader.result).toBe(RESPONSE_FAULTS.notHttp);
  });
});

describe("the status line (RFC 9112 section 4)", () => {
  it.each([
    "HTTP/1.1 200 ",
    "HTTP/1.0 200 OK",
    "HTTP/1.9 200 OK",
    "HTTP/1.1 200 \xe4\t!",
    "HTTP/1.1 200  OK",
  ])("may be %j", (line) => expect(statusOf(read(`${line}\r\n\r\n`))).toBe(200));

  it.each([
    "HTTP/2.0 200 OK",
    "HTTP/0.9 200 OK",
    "http/1.1 200 OK",
    "HTTP/1 200 OK",
    "HTTP/11.1 200 OK",
    "HTTP/1.10 200 OK",
    "HTTP/1.x 200 OK",
    "ICY 200 OK",
    " HTTP/1.1 200 OK",
    "\r\nHTTP/1.1 200 OK",
    "SSH-2.0-OpenSSH",
    "\x15\x03\x01\x00\x02\x02",
    "\x81\x05Hello",
    "<html>",
  ])("row 62: of no HTTP/1 response fails: %j", (line) => {
    expect(read(`${line}\r\n\r\n`)).toBe(RESPONSE_FAULTS.notHttp);
  });

  it.each([
    "HTTP/1.1 20 OK",
    "HTTP/1.1 2000 OK",
    "HTTP/1.1 2x0 OK",
    "HTTP/1.1 -20 OK",
    "HTTP/1.1 020 OK",
    "HTTP/1.1  200 OK",
    "HTTP/1.1 200\tOK",
    "HTTP/1.1 200",
    "HTTP/1.1 ",
  ])("with no status of three digits between two blanks fails: %j", (line) => {
    expect(read(`${line}\r\n\r\n`)).toBe(RESPONSE_FAULTS.status);
  });

  it("row 58: has no control in its reason, and ends in CRLF", () => {
    expect(read("HTTP/1.1 200 O\0K\r\n\r\n")).toBe(RESPONSE_FAULTS.reason);
    expect(read("HTTP/1.1 200 O\x7fK\r\n\r\n")).toBe(RESPONSE_FAULTS.reason);
    expect(read("HTTP/1.1 200 OK\n\n")).toBe(FAULTS.lineEnd);
    expect(read("HTTP/1.1 200 OK\rX")).toBe(FAULTS.lineEnd);
    expect(read("HTTP/1.1 200 OK\r\r\n")).toBe(FAULTS.lineEnd);
  });
});

describe("the headers of a response (RFC 9112 section 5)", () => {
  const withLine = (line: string) => read(`HTTP/1.1 200 OK\r\nA: 1\r\n${line}\r\n\r\n`);

  it.each(["B : 1", " B: 1", "\tfolded", ": 1", "B", "B\xe4: 1"])("row 54: have no line %j", (line) => {
    expect(withLine(line)).toBe(FAULTS.fieldName);
  });

  it("row 58: have no control, no bare LF and no bare CR", () => {
    expect(withLine("B: \0")).toBe(FAULTS.fieldValue);
    expect(withLine("B: 1\nC: 2")).toBe(FAULTS.lineEnd);
    expect(withLine("B: 1\rC: 2")).toBe(FAULTS.lineEnd);
  });
});

describe("limits", () => {
  it("hold to the byte, whole and cut", () => {
    for (const pieces of [[bytesOf(OK + FRAME)], singly(OK + FRAME)]) {
      const brink = new ResponseReader({ ...LIMITS, maxHeaderBytes: OK.length });
      expect(feedAll(brink, pieces)).toBe(OK.length);
      expect(statusOf(brink.result)).toBe(200);
      const over = new ResponseReader({ ...LIMITS, maxHeaderBytes: OK.length - 1 });
      feedAll(over, pieces);
      expect(over.result).toBe(FAULTS.headTooLarge);
    }
  });

  it("row 14: end a head that never does, at the byte that is too many", () => {
    const reader = new ResponseReader({ ...LIMITS, maxHeaderBytes: 1000 });
    const piece = bytesOf("HTTP/1.1 200 OK\r\nA: 1");
    reader.feed(piece, 0, piece.length);
    for (let i = piece.length + 1; i < 1000; i++) reader.feed(bytesOf("x"), 0, 1);
    expect(reader.result).toBeUndefined();
    reader.feed(bytesOf("x"), 0, 1);
    expect(reader.result).toBe(FAULTS.headTooLarge);
  });

  it("row 13: hold for the number of headers", () => {
    const lines = (count: number) => `HTTP/1.1 200 OK\r\n${"A: 1\r\n".repeat(count)}\r\n`;
    expect(statusOf(read(lines(3), { ...LIMITS, maxHeaderCount: 3 }))).toBe(200);
    expect(read(lines(4), { ...LIMITS, maxHeaderCount: 3 })).toBe(FAULTS.tooManyFields);
  });
});

describe("interim responses (RFC 9110 section 15.2)", () => {
  const CONTINUE = "HTTP/1.1 100 Continue\r\n\r\n";
  const HINTS = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";

  it("are skipped, in any cuts, and their headers are not those of the final one", () => {
    const text = CONTINUE + HINTS + SWITCHING + FRAME;
    for (const pieces of [[bytesOf(text)], singly(text)]) {
      const reader = new ResponseReader(LIMITS);
      expect(feedAll(reader, pieces)).toBe(text.length - FRAME.length);
      expect(reader.result).toMatchObject({ status: 101, raw: SWITCHING });
    }
  });

  it("of any status from 100 to 199 but 101 are such", () => {
    for (const status of [100, 102, 103, 104, 199]) {
      expect(statusOf(read(`HTTP/1.1 ${status} x\r\n\r\n${OK}`)), `${status}`).toBe(200);
    }
  });

  it("leave the result open until the final one comes", () => {
    expect(read(CONTINUE)).toBeUndefined();
  });

  it("may be eight, and each as large as a head", () => {
    const limits = { ...LIMITS, maxHeaderBytes: HINTS.length };
    expect(statusOf(read(HINTS.repeat(8) + OK, limits))).toBe(200);
    expect(read(HINTS.repeat(9) + OK)).toBe(RESPONSE_FAULTS.tooManyInterim);
  });

  it("are checked like any response", () => {
    expect(read(`HTTP/1.1 100 x\nA: 1\r\n\r\n${OK}`)).toBeInstanceOf(HttpFault);
  });
});
