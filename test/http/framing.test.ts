import { describe, expect, it } from "vitest";
import { FAULTS } from "../../lib/http/fault.ts";
import { CHUNKED, requestBodyLength, responseBodyLength, UNTIL_CLOSE } from "../../lib/http/framing.ts";

describe("how long a request's body is", () => {
  it("is what Content-Length says, nothing without it", () => {
    expect(requestBodyLength(undefined, undefined, 1)).toBe(0);
    expect(requestBodyLength("007", undefined, 1)).toBe(7);
  });

  it("is told by its chunks when the one transfer coding is chunked", () => {
    expect(requestBodyLength(undefined, "chunked", 1)).toBe(CHUNKED);
  });

  it("row 51: is not told twice", () => {
    expect(requestBodyLength("5", "chunked", 1)).toBe(FAULTS.bothLengths);
  });

  it("rows 52, 53: is one number", () => {
    for (const bad of ["5, 5", "+5", "-1", "1 2", "", "0x5", "18446744073709551617", "5.0", "\u0665"]) {
      expect(requestBodyLength(bad, undefined, 1), bad).toBe(FAULTS.contentLength);
    }
  });

  it("rows 55-57: knows chunked alone, last, once and in HTTP/1.1", () => {
    for (const bad of ["xchunked", "chunked, identity", "chunked, chunked", ",chunked", "chunked,"]) {
      expect(requestBodyLength(undefined, bad, 1), bad).toBe(FAULTS.transferEncoding);
    }
    expect(requestBodyLength(undefined, "gzip, chunked", 1)).toBe(FAULTS.transferCoding);
    expect(requestBodyLength(undefined, "chunked", 0)).toBe(FAULTS.transferEncoding);
  });
});

describe("how long a response's body is (RFC 9112 section 6.3)", () => {
  it("is nothing with a status that has no body, whatever the headers say", () => {
    for (const status of [100, 101, 204, 304]) {
      expect(responseBodyLength(status, "5", undefined, 1)).toBe(0);
      expect(responseBodyLength(status, "x", "chunked", 1)).toBe(0);
    }
  });

  it("is told by Content-Length or chunks as that of a request is", () => {
    expect(responseBodyLength(401, "5", undefined, 1)).toBe(5);
    expect(responseBodyLength(401, "0", undefined, 0)).toBe(0);
    expect(responseBodyLength(200, undefined, "Chunked", 1)).toBe(CHUNKED);
  });

  it("is told by the end of the connection when by nothing else", () => {
    expect(responseBodyLength(200, undefined, undefined, 1)).toBe(UNTIL_CLOSE);
    expect(responseBodyLength(799, undefined, undefined, 0)).toBe(UNTIL_CLOSE);
  });

  it("rows 51-57: is refused where two readers could understand it in two ways", () => {
    expect(responseBodyLength(200, "5", "chunked", 1)).toBe(FAULTS.bothLengths);
    expect(responseBodyLength(200, "5, 5", undefined, 1)).toBe(FAULTS.contentLength);
    expect(responseBodyLength(200, undefined, "gzip", 1)).toBe(FAULTS.transferEncoding);
    expect(responseBodyLength(200, undefined, "gzip, chunked", 1)).toBe(FAULTS.transferCoding);
    expect(responseBodyLength(200, undefined, "chunked", 0)).toBe(FAULTS.transferEncoding);
  });
});
