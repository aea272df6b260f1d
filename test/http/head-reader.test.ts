import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HttpFault } from "../../lib/http/fault.ts";
import { HeadReader } from "../../lib/http/head-reader.ts";
import type { HttpLimits } from "../../lib/http/limits.ts";
import { RequestHead } from "../../lib/http/request-head.ts";

const LIMITS: HttpLimits = Object.freeze({
  maxHeaderBytes: 16_384,
  maxHeaderCount: 100,
  maxBodyBytes: 1_048_576,
});

const HS =
  "GET /chat?a=b HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

function feedAll(reader: HeadReader, pieces: Iterable<Buffer>): number {
  let taken = 0;
  for (const piece of pieces) {
    const wrapped = Buffer.concat([Buffer.from("\r\n"), piece, Buffer.from("\r\n\r\n")]);
    const behind = reader.feed(wrapped, 2, 2 + piece.length);
    taken += behind - 2;
    if (behind < 2 + piece.length) break;
  }
  return taken;
}

function read(text: string, limits = LIMITS): RequestHead | HttpFault | undefined {
  const reader = new HeadReader(limits);
  feedAll(reader, [Buffer.from(text, "latin1")]);
  return reader.result;
}

function status(text: string, limits = LIMITS): number | undefined {
  const result = read(text, limits);
  return result instanceof RequestHead ? 200 : result?.status;
}

/** Feeds byte by byte and tells after how many bytes there was a result. */
function bytesUntilResult(text: string, limits = LIMITS): number {
  const reader = new HeadReader(limits);
  const bytes = Buffer.from(text, "latin1");
  for (let at = 0; at < bytes.length; at++) {
    reader.feed(bytes, at, at + 1);
    if (reader.result !== undefined) return at + 1;
  }
  return -1;
}

describe("reading heads", () => {
  it("stops behind the blank line and leaves the rest", () => {
    const reader = new HeadReader(LIMITS);
    const bytes = Buffer.from(`${HS}GET /smuggled`, "latin1");
    expect(reader.feed(bytes, 0, bytes.length)).toBe(HS.length);
    expect(reader.result).toBeInstanceOf(RequestHead);
    expect((reader.result as RequestHead).raw).toBe(HS);
    expect(reader.feed(bytes, HS.length, bytes.length)).toBe(HS.length);
  });

  it("reads one request after the other", () => {
    const reader = new HeadReader(LIMITS);
    const bytes = Buffer.from("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    const behind = reader.feed(bytes, 0, bytes.length);
    expect(reader.result).toMatchObject({ path: "/1" });
    reader.reset();
    expect(reader.started).toBe(false);
    expect(reader.feed(bytes, behind, bytes.length)).toBe(bytes.length);
    expect(reader.result).toMatchObject({ path: "/2" });
  });

  it("reads the same when it is cut in two at every offset, or byte by byte", () => {
    const bytes = Buffer.from(`\r\n${HS}tail`, "latin1");
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new HeadReader(LIMITS);
      expect(feedAll(reader, [bytes.subarray(0, cut), bytes.subarray(cut)])).toBe(HS.length + 2);
      expect((reader.result as RequestHead).raw).toBe(HS);
    }
    const reader = new HeadReader(LIMITS);
    const single = Array.from(bytes, (byte) => Buffer.from([byte]));
    for (const piece of single.slice(0, HS.length + 2)) reader.feed(piece, 0, 1);
    expect((reader.result as RequestHead).raw).toBe(HS);
  });

  it("reads any valid head the same in any cuts", () => {
    const name = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/).map((text) => `X-${text}`);
    const value = fc.stringMatching(/^[!-~\x80-\xff]([\t -~\x80-\xff]{0,40}[!-~\x80-\xff])?$/);
    const target = fc.stringMatching(/^\/[!"$-~]{0,60}$/);
    const fields = fc.array(fc.tuple(name, value), { maxLength: 12 });
    const cuts = fc.array(fc.nat(800), { maxLength: 6 });
    fc.assert(
      fc.property(target, fields, cuts, (target, fields, cuts) => {
        const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join("");
        const bytes = Buffer.from(`GET ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`, "latin1");
        const offsets = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        const reader = new HeadReader(LIMITS);
        feedAll(
          reader,
          offsets.slice(1).map((end, index) => bytes.subarray(offsets[index], end)),
        );
        const head = reader.result as RequestHead;
        expect(head.raw).toBe(bytes.toString("latin1"));
        expect(head.target).toBe(target);
        for (const [name, value] of fields) expect(head.get(name.toLowerCase())).toContain(value);
        for (const name of Object.keys(head.headers)) expect(head.headers[name]).toBe(head.get(name));
      }),
    );
  });

  it("never throws, and comes to the same end whole and byte by byte, whatever the bytes", () => {
    const soup = fc.array(
      fc.constantFrom(
        "GET ",
        "/",
        "*",
        " HTTP/1.1\r\n",
        "Host: a\r\n",
        "\r\n",
        "\n",
        ":",
        " ",
        "x",
        "\0",
        "\xff",
        "Expect:",
      ),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(soup, (parts) => {
        const text = parts.join("");
        const whole = read(text);
        const reader = new HeadReader(LIMITS);
        for (const byte of Buffer.from(text, "latin1")) reader.feed(Buffer.from([byte]), 0, 1);
        if (whole instanceof RequestHead) expect(reader.result).toMatchObject({ raw: whole.raw });
        else expect(reader.result).toBe(whole);
      }),
    );
  });

  it("tells that a head has begun, but not for blank lines", () => {
    const reader = new HeadReader(LIMITS);
    reader.feed(Buffer.from("\r\n"), 0, 2);
    expect(reader.started).toBe(false);
    reader.feed(Buffer.from("G"), 0, 1);
    expect(reader.started).toBe(true);
  });
});

describe("blank lines before a request", () => {
  it("are skipped, up to four", () => {
    expect(status(`${"\r\n".repeat(4)}${HS}`)).toBe(200);
    expect(status(`${"\r\n".repeat(5)}${HS}`)).toBe(400);
  });

  it("row 58: are CRLF", () => {
    expect(status(`\n${HS}`)).toBe(400);
    expect(status(`\r${HS}`)).toBe(400);
    expect(status(`\r\r\n${HS}`)).toBe(400);
  });
});

describe("the request line", () => {
  it("row 62: is of HTTP/1, else 505", () => {
    expect(status("GET / HTTP/2.0\r\n\r\n")).toBe(505);
    expect(status("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")).toBe(505);
    expect(status("GET / HTTP/0.9\r\n\r\n")).toBe(505);
  });

  it.each([
    "GET /\r\n",
    "GET / \r\n",
    "GET / http/1.1\r\n",
    "GET / HTTP/1.1 \r\n",
    "GET / HTTP/1\r\n",
    "GET / HTTP/11.1\r\n",
    "GET / HTTP/1.10\r\n",
    "GET / HTTP/1.x\r\n",
    "GET / HTTP/1.1\n",
    "GET / HTTP/1.1\r\r",
    "GET /\n",
    "GET\r\n",
    "\x00",
  ])("row 63: is refused when it is %j", (line) => expect(status(line)).toBe(400));

  it("row 65: has single blanks", () => {
    expect(status(`GET  / HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe(400);
    expect(status(`GET /  HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe(400);
    expect(status(` GET / HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe(400);
    expect(status(`GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe(400);
  });

  it("row 68: is no TLS record, and the first byte tells", () => {
    expect(status("\x16\x03\x01")).toBe(400);
    expect(bytesUntilResult("\x16\x03\x01")).toBe(1);
  });

  it("refuses controls, bytes above ASCII and fragments in the target", () => {
    for (const bad of ["/\x00", "/\x7f", "/\xe4", "/a#b"])
      expect(status(`GET ${bad} HTTP/1.1\r\n`)).toBe(400);
  });

  it("has a target of at most 8192 bytes, else 414 at once", () => {
    const target = `/${"a".repeat(8191)}`;
    expect(status(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)).toBe(200);
    expect(status(`GET ${target}a`)).toBe(414);
    expect(bytesUntilResult(`GET ${target}abc`)).toBe(4 + 8193);
  });
});

describe("header lines", () => {
  const withLines = (lines: string) => status(`GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n\r\n`);

  it.each([
    "Content-Length : 5",
    " X: 1",
    "X: 1\r\n folded",
    "X: 1\r\n\tfolded",
    "X 1",
    ": 1",
    "X",
    "(x): 1",
    "X\0: 1",
  ])("rows 54, 58: are refused when there is %j", (line) => expect(withLines(line)).toBe(400));

  it("row 54: do not begin with a blank, the first one neither", () => {
    expect(status("GET / HTTP/1.1\r\n Host: a\r\n\r\n")).toBe(400);
  });

  it.each(["X: a\nY: b", "X: a\rb", "X: a\r\n\rX", "X: a\0b", "X: \x0bchunked", "X: a\x7f"])(
    "rows 55, 58: are refused when there is %j",
    (line) => expect(withLines(line)).toBe(400),
  );

  it("fail at the wrong byte, not at the end of the head", () => {
    expect(bytesUntilResult("GET / HTTP/1.1\r\nX: a\nHost: a\r\n\r\n")).toBe(
      "GET / HTTP/1.1\r\nX: a\n".length,
    );
    expect(bytesUntilResult("GET / HTTP/1.1\r\nX y: a\r\n\r\n")).toBe("GET / HTTP/1.1\r\nX ".length);
  });

  it("take a value of 12000 blanks", () => {
    expect(withLines(`X:${" ".repeat(12_000)}`)).toBe(200);
    expect(withLines(`X: b${" ".repeat(12_000)}x`)).toBe(200);
  });
});

describe("limits", () => {
  it("row 13: 2000 short headers get 431 at the one that is too many", () => {
    const lines = "a:b\r\n".repeat(2000);
    expect(status(`GET / HTTP/1.1\r\n${lines}Host: a\r\n\r\n`)).toBe(431);
    expect(status(`GET / HTTP/1.1\r\nHost: a\r\n${"a:b\r\n".repeat(99)}\r\n`)).toBe(200);
    expect(status(`GET / HTTP/1.1\r\nHost: a\r\n${"a:b\r\n".repeat(100)}\r\n`)).toBe(431);
  });

  it("row 14: a header of 20 KB gets 431 as soon as the head is over its limit", () => {
    const text = `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}\r\n\r\n`;
    expect(status(text)).toBe(431);
    expect(bytesUntilResult(text)).toBe(LIMITS.maxHeaderBytes);
  });

  it("takes a head of exactly the limit, whole and cut", () => {
    const limits = { ...LIMITS, maxHeaderBytes: HS.length };
    expect(status(HS, limits)).toBe(200);
    expect(bytesUntilResult(HS, limits)).toBe(HS.length);
    expect(status(HS, { ...LIMITS, maxHeaderBytes: HS.length - 1 })).toBe(431);
  });

  it("takes nothing more after a fault", () => {
    const reader = new HeadReader(LIMITS);
    const bytes = Buffer.from("GET * HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n");
    reader.feed(bytes, 0, bytes.length);
    expect(reader.result).toBeInstanceOf(HttpFault);
    expect(reader.feed(bytes, 5, bytes.length)).toBe(5);
  });
});
