import { describe, expect, it } from "vitest";
import {
  closeFailure,
  FAILURES,
  isCloseCode,
  MAX_CLOSE_REASON,
  MAX_CONTROL_PAYLOAD,
} from "../../lib/ws/codes.ts";

describe("a close code", () => {
  // RFC 6455 section 7.4.1, and the IANA registry for 1012 to 1014.
  const standard = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];

  it("may be sent when it is a standard one, or from 3000 to 4999, and never else", () => {
    for (let code = 0; code < 65_536; code++) {
      const expected = standard.includes(code) || (code >= 3000 && code <= 4999);
      if (isCloseCode(code) !== expected) expect.fail(`isCloseCode(${code}) is not ${expected}`);
    }
  });

  it.each([1000.5, 3000.5, Number.NaN, Number.POSITIVE_INFINITY, -1, 65_536])("is never %d", (code) =>
    expect(isCloseCode(code)).toBe(false),
  );

  it.each([1005, 1006, 1015])("%i is for local use only (section 7.4.1)", (code) =>
    expect(isCloseCode(code)).toBe(false),
  );
});

describe("a failure", () => {
  it.each(Object.entries(FAILURES))("%s can be told to the peer in a Close frame", (_cause, failure) => {
    expect(isCloseCode(failure.code)).toBe(true);
    expect(Buffer.byteLength(failure.reason)).toBeLessThanOrEqual(MAX_CLOSE_REASON);
    expect(failure.reason).toMatch(/^[ -~]+$/);
    expect(Object.isFrozen(failure)).toBe(true);
  });

  it("has a sentence of its own", () => {
    const reasons = Object.values(FAILURES).map(({ reason }) => reason);
    expect(new Set(reasons).size).toBe(reasons.length);
  });

  it("leaves room for the code in a control frame", () => {
    expect(MAX_CLOSE_REASON).toBe(MAX_CONTROL_PAYLOAD - 2);
  });
});

describe("the payload of a Close frame (section 5.5.1)", () => {
  const close = (code: number, reason: Uint8Array | string = "") =>
    Buffer.concat([Buffer.of(code >> 8, code & 255), Buffer.from(reason as string)]);

  it.each([
    ["is empty", Buffer.alloc(0), null],
    ["is a code", close(1000), null],
    ["has a reason in UTF-8", close(4999, "Grüße"), null],
    ["is one byte", Buffer.of(3), FAILURES.closePayload],
    ["has a code that is never sent", close(1005), FAILURES.closeCode],
    ["has a reason that is cut", close(1000, Buffer.of(0xc3)), FAILURES.closeText],
  ])("%s", (_what, payload, failure) => {
    const framed = Buffer.concat([Buffer.of(0xff), payload, Buffer.of(0xff)]);
    expect(closeFailure(framed, 1, 1 + payload.length)).toBe(failure);
  });
});
