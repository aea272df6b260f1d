import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { codedError } from "../../lib/base/errors.ts";
import { refusal } from "../../lib/engine/client-error.ts";
import {
  backOff,
  checkRetry,
  isTemporary,
  RETRY_DEFAULTS,
  resolveRetry,
  retryAfter,
} from "../../lib/engine/client-retry.ts";
import type { ClientRetry } from "../../lib/index.ts";

const check = (value: unknown) => checkRetry(value, "retry");
const status = (code: number, headers = {}) => refusal("ERR_HANDSHAKE", "no", code, headers);
const closed = (code: number, wasClean = true) => ({ code, reason: "", wasClean });

describe("the delay", () => {
  const policy = resolveRetry({});
  const delays = (random: number) => [0, 1, 2, 3, 4, 5, 6, 7, 1000].map((n) => backOff(policy, n, random));

  it("doubles up to the longest, behind a session that has lasted it is the first", () => {
    expect(delays(0)).toEqual([1000, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
    expect(delays(1)).toEqual([500, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  });

  it("is a whole number between what is left of it by chance and itself, whatever the numbers are", () => {
    const number = fc.integer({ min: 1, max: 2 ** 31 - 1 });
    const numbers = fc.tuple(number, number, fc.double({ min: 1, max: 1e9, noNaN: true }));
    fc.assert(
      fc.property(numbers, fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (three, attempt, random) => {
        const [minDelay, maxDelay, factor] = three;
        const all = resolveRetry({ minDelay, maxDelay: Math.max(minDelay, maxDelay), factor, jitter: 1 });
        const delay = backOff(all, attempt, random);
        expect(Number.isInteger(delay) && delay >= 0 && delay <= all.maxDelay).toBe(true);
        expect(backOff({ ...all, jitter: 0 }, attempt, random)).toBeGreaterThanOrEqual(minDelay);
      }),
    );
  });

  it("is spread by chance", () => {
    const some = new Set(Array.from({ length: 50 }, () => backOff(policy, 20)));
    expect(some.size).toBeGreaterThan(10);
  });
});

test("what was not said is the default, and the longest delay is no shorter than the first", () => {
  expect(resolveRetry({})).toEqual(RETRY_DEFAULTS);
  expect(resolveRetry({ factor: undefined as never, jitter: 0 })).toEqual({ ...RETRY_DEFAULTS, jitter: 0 });
  expect(resolveRetry({ minDelay: 60_000 })).toMatchObject({ minDelay: 60_000, maxDelay: 60_000 });
});

describe("Retry-After", () => {
  const now = Date.UTC(2026, 0, 1);

  it.each([
    ["120", 120_000],
    ["0", 0],
    ["Thu, 01 Jan 2026 00:00:05 GMT", 5000],
    ["Wed, 31 Dec 2025 00:00:00 GMT", 0],
    ["soon", 0],
    ["-5", 0],
    ["1.5", 0],
    ["", 0],
  ])("%j is %d ms", (text, ms) => {
    expect(retryAfter(status(503, { "retry-after": text }), now)).toBe(ms);
  });

  it("is 0 where there is none", () => {
    expect(retryAfter(status(503), now)).toBe(0);
    expect(retryAfter(codedError("ECONNREFUSED", "no"), now)).toBe(0);
    expect(retryAfter(closed(1013), now)).toBe(0);
  });
});

describe("what is tried again", () => {
  it.each([
    "ECONNREFUSED",
    "ECONNRESET",
    "ETIMEDOUT",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "EAI_AGAIN",
  ])("%s", (code) => expect(isTemporary(codedError(code, "no"))).toBe(true));
  it.each([408, 425, 429, 500, 502, 503, 504, 511, 599, 999])("status %d", (code) => {
    expect(isTemporary(status(code))).toBe(true);
    expect(isTemporary(refusal("ERR_PROXY", "no", code, {}))).toBe(true);
  });
  it.each([1001, 1006, 1011, 1012, 1013, 1014])("close code %d", (code) => {
    expect(isTemporary(closed(code, code !== 1006))).toBe(true);
  });
});

describe("what is not", () => {
  it.each([
    "ECANCELED",
    "ERR_CALLBACK",
    "ERR_HANDSHAKE",
    "ERR_PROXY",
    "ERR_SOCKET_BAD_PORT",
    "EACCES",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "CERT_HAS_EXPIRED",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "ERR_SSL_WRONG_VERSION_NUMBER",
  ])("%s", (code) => expect(isTemporary(codedError(code, "no"))).toBe(false));
  it.each([101, 200, 301, 302, 400, 401, 403, 404, 407, 426, 501, 505])("status %d", (code) => {
    expect(isTemporary(status(code))).toBe(false);
  });
  it.each([1000, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 3000, 4000, 4999])("close code %d", (code) => {
    expect(isTemporary(closed(code))).toBe(false);
  });
  it("1011 that this side has failed the connection with", () => {
    expect(isTemporary(closed(1011, false))).toBe(false);
  });
});

describe("the check", () => {
  it.each<ClientRetry>([
    {},
    { minDelay: 1, maxDelay: 1, factor: 1, jitter: 0, maxAttempts: 1, resetAfter: 0, maxRetryAfter: 0 },
    { maxAttempts: Number.POSITIVE_INFINITY, jitter: 1, factor: 1.5, when: () => true },
    { minDelay: 90_000 },
  ])("takes %j", (retry) => expect(() => check(retry)).not.toThrow());

  it.each<[string, unknown]>([
    ["retry", true],
    ["retry", null],
    ["retry", []],
    ["retry.minDelay", { minDelay: 0 }],
    ["retry.minDelay", { minDelay: "1" }],
    ["retry.maxDelay", { maxDelay: 2 ** 31 }],
    ["retry.maxDelay", { minDelay: 10, maxDelay: 9 }],
    ["retry.factor", { factor: 0.5 }],
    ["retry.factor", { factor: Number.NaN }],
    ["retry.factor", { factor: Number.POSITIVE_INFINITY }],
    ["retry.jitter", { jitter: 1.1 }],
    ["retry.jitter", { jitter: -0.1 }],
    ["retry.maxAttempts", { maxAttempts: 0 }],
    ["retry.maxAttempts", { maxAttempts: 1.5 }],
    ["retry.resetAfter", { resetAfter: -1 }],
    ["retry.maxRetryAfter", { maxRetryAfter: -1 }],
    ["retry.when", { when: true }],
    ["retry.delay", { delay: 5 }],
  ])("names %s in the TypeError for %j", (name, retry) => {
    expect(() => check(retry)).toThrow(TypeError);
    expect(() => check(retry)).toThrow(new RegExp(`^${name.replace(".", "\\.")}: `));
  });
});
