import { describe, expect, it } from "vitest";
import { FAULTS } from "../../lib/http/fault.ts";
import { CHUNKED, requestBodyLength, responseBodyLength, UNTIL_CLOSE } from "../../lib/http/framing.ts";
import { ourTranscript } from "../support/transcript.ts";

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

describe("a request that is hidden in another's body", () => {
  const HIDDEN = "GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
  const CHUNKS = `0\r\n\r\n${HIDDEN}`;
  const transcript = (fields: string, body: string) =>
    ourTranscript(Buffer.from(`POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`, "latin1")).map(
      ({ what }) => what,
    );

  it.each([
    ["CL.TE", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"],
    ["TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"],
    ["CL.CL", `Content-Length: 0\r\nContent-Length: ${HIDDEN.length}\r\n`],
    ["TE.TE", "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"],
    ["TE.TE, the other way round", "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"],
    ["a coding that is nearly chunked", "Transfer-Encoding: xchunked\r\n"],
    ["a coding in quotes", 'Transfer-Encoding: "chunked"\r\n'],
    ["a vertical tab before the coding", "Transfer-Encoding: \x0bchunked\r\n"],
    ["a NUL behind the coding", "Transfer-Encoding: chunked\0\r\n"],
    ["a blank before the colon", "Transfer-Encoding : chunked\r\n"],
    ["a tab before the name", "\tTransfer-Encoding: chunked\r\n"],
    ["a folded coding", "Transfer-Encoding:\r\n chunked\r\n"],
    ["a header behind LF alone", "X: y\nTransfer-Encoding: chunked\r\n"],
    ["a header behind CR alone", "X: y\rTransfer-Encoding: chunked\r\n"],
    ["an empty length", "Content-Length:\r\n"],
    ["a length with a sign", "Content-Length: +0\r\n"],
    ["a length with a blank before the colon", "Content-Length : 0\r\n"],
  ])("is never read: %s", (_what, fields) => {
    for (const body of [CHUNKS, HIDDEN]) {
      expect(transcript(fields, body)).toEqual([expect.stringMatching(/^refused (400|501)$/)]);
    }
  });

  it.each([
    ["LF alone behind a size", "5\nhello\r\n"],
    ["LF alone behind an extension", `5;\nhello\r\n`],
    ["LF alone behind the last size", "0\n\r\n"],
    ["CR alone in place of the blank line", "0\r\n\r"],
    ["a size that wraps at 32 bits", "100000000\r\n"],
    ["a size that wraps at 64 bits", "10000000000000000\r\n"],
    ["a sign before a size", "+0\r\n\r\n"],
    ["a size in the notation of C", "0x0\r\n\r\n"],
    ["two bytes in place of CRLF", "5\r\nhelloXX0\r\n\r\n"],
    ["more data than the size says", "1\r\nhello\r\n0\r\n\r\n"],
  ])("is never read behind chunks: %s", (_what, chunks) => {
    const steps = transcript("Transfer-Encoding: chunked\r\n", chunks + HIDDEN);
    expect(steps).toHaveLength(2);
    expect(steps[1]).toMatch(/^(refused 400|open)$/);
  });

  it("is payload when it lies within the length or the chunks, and trailers change nothing", () => {
    const body = [expect.stringMatching(/^head POST/), `body ${JSON.stringify(HIDDEN)}`, "open"];
    expect(transcript(`Content-Length: ${HIDDEN.length}\r\n`, HIDDEN)).toEqual(body);
    const chunk = `${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n`;
    const trailers = "Content-Length: 99\r\nTransfer-Encoding: identity\r\nHost: b\r\n";
    expect(transcript("Transfer-Encoding: chunked\r\n", `${chunk}0\r\n${trailers}\r\n`)).toEqual(body);
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
