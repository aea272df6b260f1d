import { STATUS_CODES } from "node:http";
import { describe, expect, it } from "vitest";
import { FAULTS } from "../../lib/http/fault.ts";
import { DefaultHeaders } from "../../lib/http/outgoing.ts";
import {
  CHUNK_END,
  checkHeader,
  checkHeaders,
  chunkHead,
  dateText,
  encodeFault,
  encodeHead,
  errorBody,
  LAST_CHUNK,
  statusHasBody,
  statusText,
} from "../../lib/http/response.ts";

const DATE = "Sun, 06 Nov 1994 08:49:37 GMT";

describe("encoding a head", () => {
  it("writes status line, headers, its own fields and the blank line", () => {
    const headers = { "content-type": "text/plain", "X-N": 7, "Set-Cookie": ["a=1", "b=2"] };
    expect(encodeHead({ status: 200, headers, date: DATE, connection: "close", contentLength: 5 })).toBe(
      `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nX-N: 7\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n` +
        `Date: ${DATE}\r\nConnection: close\r\nContent-Length: 5\r\n\r\n`,
    );
  });

  it("says chunked, and drops a Content-Length of the application's then", () => {
    expect(encodeHead({ status: 200, headers: { "Content-Length": 3 }, chunked: true })).toBe(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
  });

  it("puts its own fields in place of the application's, and leaves those alone otherwise", () => {
    const headers = { date: "x", Connection: "y", "content-length": "3" };
    expect(encodeHead({ status: 200, headers, date: DATE, connection: "close", contentLength: 4 })).toBe(
      `HTTP/1.1 200 OK\r\nDate: ${DATE}\r\nConnection: close\r\nContent-Length: 4\r\n\r\n`,
    );
    expect(encodeHead({ status: 200, headers })).toBe(
      "HTTP/1.1 200 OK\r\ndate: x\r\nConnection: y\r\ncontent-length: 3\r\n\r\n",
    );
  });

  it("never sends a Content-Length with 1xx and 204 (RFC 9110 section 8.6)", () => {
    for (const status of [101, 204]) {
      expect(encodeHead({ status, headers: { "content-length": 5 }, contentLength: 0 })).not.toMatch(
        /length/i,
      );
    }
    expect(encodeHead({ status: 304, contentLength: 5 })).toContain("Content-Length: 5");
  });

  it("has no reason phrase for a status that has none, and takes another one", () => {
    expect(encodeHead({ status: 299 })).toBe("HTTP/1.1 299 \r\n\r\n");
    expect(encodeHead({ status: 200, reason: "Fine" })).toBe("HTTP/1.1 200 Fine\r\n\r\n");
  });

  it("throws for what is no status", () => {
    for (const status of [99, 600, 200.5, Number.NaN])
      expect(() => encodeHead({ status })).toThrow(RangeError);
  });

  it("row 17: throws for CR, LF and NUL in a header or the reason, and returns nothing", () => {
    expect(() => encodeHead({ status: 200, headers: { "X-A": "a\r\nSet-Cookie: b" } })).toThrow(TypeError);
    expect(() => encodeHead({ status: 200, headers: { "X-A": ["fine", "a\nb"] } })).toThrow(TypeError);
    expect(() => encodeHead({ status: 200, headers: { "X\r\nY": "a" } })).toThrow(TypeError);
    expect(() => encodeHead({ status: 200, reason: "a\r\nb" })).toThrow(TypeError);
  });

  it("row 17: throws even for a header that it would leave out", () => {
    expect(() => encodeHead({ status: 200, headers: { date: "\n" }, date: DATE })).toThrow(TypeError);
  });
});

describe("checking a header", () => {
  it("row 17: names the header and refuses what cannot be sent", () => {
    for (const bad of ["a\rb", "a\nb", "a\0b", "\x7f", "\u20ac", Number.NaN]) {
      expect(() => checkHeader("X-A", bad)).toThrow(/X-A/);
    }
    for (const name of ["", "a b", "a:", "a\r\n", "\xe4"])
      expect(() => checkHeader(name, "x")).toThrow(TypeError);
    expect(() => checkHeader("X-A", undefined as unknown as string)).toThrow(TypeError);
    expect(() => checkHeaders({ "X-A": "fine", "X-B": "\n" })).toThrow(/X-B/);
  });

  it("lets what is fine pass", () => {
    expect(() =>
      checkHeaders({ "X-A": "", "x-b": "\xe4 \t", "content-length": "10", c: ["1", "2"] }),
    ).not.toThrow();
  });

  it("keeps the framing out of the application's hands", () => {
    expect(() => checkHeader("Transfer-Encoding", "chunked")).toThrow(TypeError);
    for (const bad of ["x", "1, 2", "", -1, ["1", "2"]]) {
      expect(() => checkHeader("Content-Length", bad)).toThrow(TypeError);
    }
  });
});

describe("statuses", () => {
  it("have the names that Node gives them, apart from newer words of RFC 9110", () => {
    const newer = new Set([413, 418, 422]);
    for (let status = 100; status < 600; status++) {
      const text = statusText(status);
      if (text !== "" && !newer.has(status)) expect(text).toBe(STATUS_CODES[status]);
    }
    expect(statusText(413)).toBe("Content Too Large");
    expect(statusText(599)).toBe("");
  });

  it("have a name for every fault", () => {
    for (const fault of Object.values(FAULTS)) expect(statusText(fault.status)).not.toBe("");
  });

  it("1xx, 204, 205 and 304 have no body", () => {
    expect([100, 101, 199, 204, 205, 304].some(statusHasBody)).toBe(false);
    expect([200, 206, 301, 404, 500].every(statusHasBody)).toBe(true);
  });
});

describe("the date", () => {
  it("is an IMF-fixdate of the second", () => {
    expect(dateText(784_111_777_000)).toBe(DATE);
    expect(dateText(784_111_777_999)).toBe(DATE);
    expect(dateText(784_111_778_000)).toBe("Sun, 06 Nov 1994 08:49:38 GMT");
  });
});

describe("faults on the wire", () => {
  it("have a head that ends the connection", () => {
    expect(encodeFault(FAULTS.host, DATE, "text/html", 5)).toBe(
      `HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nDate: ${DATE}\r\nConnection: close\r\n` +
        "Content-Length: 5\r\n\r\n",
    );
    expect(encodeFault(FAULTS.connect, DATE, "text/html", 5)).toMatch(
      /^HTTP\/1.1 405 Method Not Allowed\r\nallow: GET/,
    );
  });

  it("have the headers that every reply has", () => {
    const defaults = new DefaultHeaders({ "X-A": "1" });
    expect(encodeFault(FAULTS.host, DATE, "text/html", 5, defaults)).toContain("\r\nX-A: 1\r\n");
  });

  it("say no more than the status", () => {
    expect(errorBody(404)).toContain("<h1>404 Not Found</h1>");
    expect(errorBody(499)).toContain("<h1>499</h1>");
    expect(errorBody(431)).toMatch(/^[ -~]*\n$/);
  });
});

describe("chunks", () => {
  it("have their size in hexadecimal before them", () => {
    const chunk = (text: string) => chunkHead(text.length) + text + CHUNK_END;
    expect(chunk("hello, wide world") + LAST_CHUNK).toBe("11\r\nhello, wide world\r\n0\r\n\r\n");
  });
});
