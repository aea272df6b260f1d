/**
 * What parent and child tell each other beside the bus, over the channel that Node gives them:
 *
 * ```
 *   child ── { sluice: "serving" } ──────────────► parent     it serves: forkServiceLoop was called
 *   child ── { sluice: "failed", reason } ───────► parent     it is about to end, and why
 *   child ◄─ { sluice: "drain", spread } ───────── parent     end your sessions, then yourself
 *   child ◄─ the channel is gone ───────────────── parent     as above
 * ```
 */
export type FromChild = { sluice: "serving" } | { sluice: "failed"; reason: string };

/** `spread`: milliseconds, of `destroy`. */
export type FromParent = { sluice: "drain"; spread: number };

/** Which of these a message is; undefined for one of somebody else's. */
export function kindOf(message: unknown): (FromChild | FromParent)["sluice"] | undefined {
  const kind = (message as { sluice?: unknown } | null | undefined)?.sluice;
  return kind === "serving" || kind === "failed" || kind === "drain" ? kind : undefined;
}
