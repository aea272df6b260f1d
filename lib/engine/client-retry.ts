import type { ClientRetry } from "../api/client.ts";
import type { CloseInfo, ConnectionError } from "../api/protocol.ts";
import { parseHttpDate } from "../http/http-date.ts";
import { type Check, integer, MAX_TIMEOUT, withoutUndefined, wrong } from "./options.ts";

/** What a client may end with. */
export type ClientOutcome = ConnectionError | CloseInfo;

/** When to connect again: checked, and with every default in its place. */
export type RetryPolicy = Required<Omit<ClientRetry, "when">> & Pick<ClientRetry, "when">;

/** The defaults of `retry`. */
export const RETRY_DEFAULTS = Object.freeze({
  minDelay: 1000,
  maxDelay: 30_000,
  factor: 2,
  jitter: 0.5,
  maxAttempts: 20,
  resetAfter: 10_000,
  maxRetryAfter: 300_000,
});

const CHECKS: Record<keyof ClientRetry, Check> = {
  minDelay: integer(1, MAX_TIMEOUT),
  maxDelay: integer(1, MAX_TIMEOUT),
  factor: between(1, Number.MAX_VALUE, "a number from 1"),
  jitter: between(0, 1, "a number, 0 to 1"),
  maxAttempts: (value, name) => value === Number.POSITIVE_INFINITY || integer(1)(value, name),
  resetAfter: integer(0, MAX_TIMEOUT),
  maxRetryAfter: integer(0, MAX_TIMEOUT),
  when(value, name) {
    if (typeof value !== "function") throw wrong(name, "a function", value);
  },
};

function between(least: number, most: number, wanted: string): Check {
  return (value, name) => {
    if (typeof value !== "number" || !(value >= least && value <= most)) throw wrong(name, wanted, value);
  };
}

/** @throws TypeError that names the field. */
export function checkRetry(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, "an object", value);
  for (const [field, given] of Object.entries(value)) {
    if (!Object.hasOwn(CHECKS, field)) throw new TypeError(`${name}.${field}: there is no such option`);
    if (given !== undefined) CHECKS[field as keyof ClientRetry](given, `${name}.${field}`);
  }
  const { minDelay = RETRY_DEFAULTS.minDelay, maxDelay = minDelay } = value as ClientRetry;
  if (maxDelay < minDelay)
    throw new TypeError(`${name}.maxDelay: ${maxDelay} is below minDelay, ${minDelay}`);
}

export function resolveRetry(options: ClientRetry): RetryPolicy {
  const all = { ...RETRY_DEFAULTS, ...withoutUndefined(options) };
  return { ...all, maxDelay: Math.max(all.maxDelay, all.minDelay) };
}

/**
 * Milliseconds to wait behind the attempt with this number before the next one: truncated exponential back-off, spread so
 * that those who lost a server together do not come back together (RFC 6455 section 7.2.3).
 *
 * @param random - From 0 to 1.
 */
export function backOff(policy: RetryPolicy, attempt: number, random = Math.random()): number {
  const { minDelay, maxDelay, factor, jitter } = policy;
  const longest = Math.min(minDelay * factor ** Math.max(attempt - 1, 0), maxDelay);
  return Math.ceil(longest * (1 - jitter * random));
}

/** Milliseconds that a server has asked to be left alone for (RFC 9110 section 10.2.3), 0 when it has not. */
export function retryAfter(outcome: ClientOutcome, now = Date.now()): number {
  const text = "headers" in outcome ? outcome.headers?.["retry-after"] : undefined;
  if (text === undefined) return 0;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  return Math.max((parseHttpDate(text, now) ?? now) - now, 0);
}

/** What may be different at the next attempt. Whatever is wrong with certificates, the handshake or callbacks, is not. */
const TEMPORARY_ERRORS: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EPIPE", "ETIMEDOUT"],
  ...["EHOSTUNREACH", "EHOSTDOWN", "ENETUNREACH", "ENETDOWN", "ENETRESET"],
  // A machine without a network resolves no names, and a server that is starting has no Unix socket yet.
  ...["ENOTFOUND", "EAI_AGAIN", "ENOENT"],
  // Ours, or the peer's queue: out of ports, descriptors or memory.
  ...["EADDRNOTAVAIL", "EAGAIN", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"],
]);

/** Close codes of a server that may be back soon: it goes away, has failed, restarts, is busy, cannot reach another. */
const TEMPORARY_CODES: readonly number[] = [1001, 1011, 1012, 1013, 1014];

/** Whether to connect again behind this outcome, unless `when` says otherwise. */
export function isTemporary(outcome: ClientOutcome): boolean {
  if (outcome instanceof Error) {
    const { code, status } = outcome as ConnectionError;
    return status === undefined ? TEMPORARY_ERRORS.has(code) : isTemporaryStatus(status);
  }
  const { code, wasClean } = outcome as CloseInfo;
  // A code that was not the peer's is what this side has failed the connection with.
  return code === 1006 || (wasClean && TEMPORARY_CODES.includes(code));
}

/** 501 and 505 speak of the request: they would come again. */
function isTemporaryStatus(status: number): boolean {
  if (status >= 500) return status !== 501 && status !== 505;
  return status === 408 || status === 425 || status === 429;
}
