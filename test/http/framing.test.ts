import { describe, expect, it } from "vitest";
import { FAULTS } from "../../lib/http/fault.ts";
import { CHUNKED, requestBodyLength } from "../../lib/http/framing.ts";

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
