import type { SslOptions } from "../api/tls.ts";

/**
 * What parent and child tell each other beside the bus, over the channel that Node gives them:
 *
 * ```
 *   child ◄─ { sluice: "start", ssl } ──────────── parent     at once: the options of TLS that the context has
 *   child ── { sluice: "serving" } ──────────────► parent     it serves: forkServiceLoop was called
 *   child ── { sluice: "failed", reason } ───────► parent     it is about to end, and why
 *   child ◄─ { sluice: "load", number, ssl } ───── parent     read these certificates, but go on with those you have
 *   child ◄─ { sluice: "use", number } ─────────── parent     serve with what you have read
 *   child ── { sluice: "answer", number, refusal } parent     to each of these two: done, or why not
 *   child ◄─ { sluice: "drain", spread } ───────── parent     end your sessions, then yourself
 *   child ◄─ the channel is gone ───────────────── parent     as above
 * ```
 *
 * Secrets go this way, and not by arguments or the environment, which other users and other programs can see.
 */
export type FromChild =
  | { sluice: "serving" }
  | { sluice: "failed"; reason: string }
  | { sluice: "answer"; number: number; refusal?: Refusal };

/** `spread`: milliseconds, of `destroy`. `ssl`: all of them; null for a context without TLS. */
export type FromParent =
  | { sluice: "start"; ssl: SslOptions | null }
  | { sluice: "load"; number: number; ssl: SslOptions }
  | { sluice: "use"; number: number }
  | { sluice: "drain"; spread: number };

/** What is left of an error on the way to another process. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
}

const FROM_CHILD = ["serving", "failed", "answer"];
const FROM_PARENT = ["start", "load", "use", "drain"];

/** Undefined for a message of somebody else's. */
export function fromChild(message: unknown): FromChild | undefined {
  return isOneOf(FROM_CHILD, message) ? (message as FromChild) : undefined;
}

/** Undefined for a message of somebody else's. */
export function fromParent(message: unknown): FromParent | undefined {
  return isOneOf(FROM_PARENT, message) ? (message as FromParent) : undefined;
}

function isOneOf(kinds: string[], message: unknown): boolean {
  return kinds.includes((message as { sluice?: string } | null | undefined)?.sluice ?? "");
}
