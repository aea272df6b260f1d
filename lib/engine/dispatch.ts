import type { CallbackResult, Protocol } from "../api/protocol.ts";
import { CallbackReason, reasonName } from "../api/reasons.ts";
import type { Wsi } from "../api/wsi.ts";
import { describeError, type Logger } from "../base/log.ts";

/** How a callback ended. */
export const GO_ON = 0;
/** It returned a nonzero number, or a promise of one. */
export const REFUSED = 1;
/** It threw, or its promise was rejected. */
export const THREW = 2;
/** It returned a promise; `settled` tells how it ends. */
export const PENDING = 3;
export type Outcome = typeof GO_ON | typeof REFUSED | typeof THREW | typeof PENDING;

/** Who is told of the end of a callback that returned a promise. */
export interface Settled {
  settled(reason: number, outcome: Outcome): void;
  /**
   * What a callback threw, or its promise was rejected with: told right before the outcome `THREW`. True when it is an
   * answer rather than a failure, and not to be logged as one.
   */
  threw?(error: unknown): boolean;
}

let calls = 0;

/**
 * How many callbacks have run that may have changed the world: who remembers what it was like does so for as long as
 * this stays the same.
 */
export function callsMade(): number {
  return calls;
}

/** The arguments of a callback are tied together in its type; here, where all reasons pass, they are not. */
type LooseCallback = (wsi: Wsi, reason: number, user: unknown, input: unknown, len: number) => CallbackResult;

/**
 * Calls a protocol: the one place in the house from which a user's callback runs. It never throws.
 *
 * @param owner - Is told how a returned promise ends.
 */
export function dispatch(
  protocol: Protocol,
  wsi: Wsi,
  reason: number,
  user: unknown,
  input: unknown,
  len: number,
  owner: Settled,
  logger: Logger,
): Outcome {
  let result: CallbackResult;
  // It speaks of a reply that is decided; what else it does shows a turn later.
  if (reason !== CallbackReason.ADD_HEADERS) calls++;
  try {
    result = (protocol as unknown as { callback: LooseCallback }).callback(wsi, reason, user, input, len);
  } catch (error) {
    report(logger, protocol, reasonName(reason), error, owner);
    return THREW;
  }
  if (result === undefined || result === 0) return GO_ON;
  if (typeof result !== "object" || result === null) return result ? REFUSED : GO_ON;
  watch(result, protocol, reason, owner, logger);
  return PENDING;
}

function watch(
  result: Promise<number | void>,
  protocol: Protocol,
  reason: number,
  owner: Settled,
  logger: Logger,
): void {
  Promise.resolve(result).then(
    (value) => owner.settled(reason, value ? REFUSED : GO_ON),
    (error: unknown) => {
      report(logger, protocol, reasonName(reason), error, owner);
      owner.settled(reason, THREW);
    },
  );
}

function report(logger: Logger, protocol: Protocol, where: string, error: unknown, owner?: Settled): void {
  const level = owner?.threw?.(error) === true ? "debug" : "error";
  try {
    logger[level](`protocol "${protocol.name}" threw in ${where}: ${describeError(error)}`);
  } catch {
    // A logger that throws is the application's too, and ends no server.
  }
}

/** What `makeUser` gives when the user's function threw. */
export const NO_USER = Symbol("perSessionData threw");

/** Makes a session's own data: undefined when the protocol makes none, `NO_USER` when making it threw (logged). */
export function makeUser(protocol: Protocol, logger: Logger): unknown {
  if (protocol.perSessionData === undefined) return undefined;
  try {
    return protocol.perSessionData();
  } catch (error) {
    report(logger, protocol, "perSessionData", error);
    return NO_USER;
  }
}
