import { describe, expect, it } from "vitest";
import { FAULTS, HttpFault } from "../../lib/http/fault.ts";
import { RESPONSE_FAULTS, ResponseHead, readResponse } from "../../lib/http/response-head.ts";

function response(statusLine: string, ...lines: string[]): ResponseHead | HttpFault {
  return readResponse(`${[statusLine, ...lines].join("\r\n")}\r\n\r\n`);
}

function head(statusLine: string, ...lines: string[]): ResponseHead {
  const result = response(statusLine, ...lines);
  if (!(result instanceof ResponseHead)) throw new Error(result.message);
  return result;
}

const OK = "HTTP/1.1 200 OK";

describe("a response's head", () => {
  it("tells status, reason and version", () => {
    expect(head("HTTP/1.1 101 Switching Protocols")).toMatchObject({
      status: 101,
      reason: "Switching Protocols",
      httpMinor: 1,
      body: "none",
      contentLength: 0,
    });
    expect(head("HTTP/1.0 404 Not Found")).toMatchObject({ status: 404, httpMinor: 0 });
    expect(head("HTTP/1.7 200 OK").httpMinor).toBe(1);
  });

  it("has a reason that may be empty, or hold obs-text (RFC 9112 section 4)", () => {
    expect(head("HTTP/1.1 200 ").reason).toBe("");
    expect(head("HTTP/1.1 200 \xfcber\tall ").reason).toBe("\xfcber\tall ");
  });

  it("has a status from 100 on (RFC 9110 section 15)", () => {
    expect(response("HTTP/1.1 099 x")).toBe(RESPONSE_FAULTS.status);
    expect(response("HTTP/1.1 000 x")).toBe(RESPONSE_FAULTS.status);
    expect(head("HTTP/1.1 100 x").status).toBe(100);
    expect(head("HTTP/1.1 999 x").status).toBe(999);
  });

  it("joins repeated headers by commas and trims the blanks around values", () => {
    const lines = ["X-A: 1", "x-a:\t 2 \t", "Set-Cookie: a=b", "Set-Cookie: c=d", "X-Empty:"];
    expect({ ...head(OK, ...lines).headers }).toEqual({
      "x-a": "1, 2",
      "set-cookie": "a=b, c=d",
      "x-empty": "",
    });
  });

  it("gives single headers without the record, and counts them", () => {
    const read = head(OK, "X-A: 1", "X-AB: no", "x-a: 2");
    expect(read.get("x-a")).toBe("1, 2");
    expect(read.get("x")).toBeUndefined();
    expect(read.count("x-a")).toBe(2);
    expect(read.count("y")).toBe(0);
  });

  it("keeps the record once it is made", () => {
    const read = head(OK);
    expect(read.headers).toBe(read.headers);
  });

  it("row 15: has no prototype behind the headers", () => {
    const { headers } = head(OK, "__proto__: x", "constructor: y");
    expect(Object.getPrototypeOf(headers)).toBeNull();
    expect(Object.keys(headers)).toEqual(["__proto__", "constructor"]);
  });
});

describe("the body of a response", () => {
  it.each([
    ["HTTP/1.1 401 No", ["Content-Length: 5"], "length", 5],
    ["HTTP/1.1 401 No", ["Content-Length: 0"], "none", 0],
    ["HTTP/1.1 401 No", ["Transfer-Encoding: chunked"], "chunked", 0],
    ["HTTP/1.1 401 No", [], "close", 0],
    ["HTTP/1.0 401 No", ["Content-Length: 5"], "length", 5],
    ["HTTP/1.1 204 No Content", [], "none", 0],
    ["HTTP/1.1 101 x", ["Content-Length: 5", "Transfer-Encoding: chunked"], "none", 0],
  ])("of %s with %j is delimited by: %s", (statusLine, lines, body, contentLength) => {
    expect(head(statusLine, ...lines)).toMatchObject({ body, contentLength });
  });

  it("rows 51-53: is a fault where its length is doubtful", () => {
    expect(response(OK, "Content-Length: 5", "Transfer-Encoding: chunked")).toBe(FAULTS.bothLengths);
    expect(response(OK, "Content-Length: 5", "Content-Length: 5")).toBe(FAULTS.contentLength);
    expect(response(OK, "Content-Length: +5")).toBe(FAULTS.contentLength);
  });
});

describe("the faults of responses", () => {
  it("are frozen, and each is a sentence", () => {
    for (const fault of Object.values(RESPONSE_FAULTS)) {
      expect(fault).toBeInstanceOf(HttpFault);
      expect(Object.isFrozen(fault)).toBe(true);
      expect(fault.message).toMatch(/^[\w ,/-]+$/);
    }
  });
});
