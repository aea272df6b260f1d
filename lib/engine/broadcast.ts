import type { BroadcastOptions } from "../api/context.ts";
import { CallbackReason } from "../api/reasons.ts";
import { checkKnown } from "../base/known-options.ts";
import { describeError, type Logger } from "../base/log.ts";
import { type SharedPayload, share } from "../ws/frame.ts";
import { atOnce, flag, wrong } from "./checks.ts";
import type { Connection } from "./connection.ts";
import type { BoundProtocol, Member } from "./protocols.ts";

const NO_OPTIONS: BroadcastOptions = Object.freeze({});

/** Says of a session whether it is told. */
export type Filter = BroadcastOptions["filter"];

/**
 * The options of a broadcast, checked.
 *
 * @throws TypeError for what cannot be broadcast, and for an option that is not what it has to be.
 */
export function checkBroadcast(data: unknown, options: unknown): BroadcastOptions {
  if (typeof data !== "string" && !(data instanceof Uint8Array)) {
    throw new TypeError(`broadcast takes a string or bytes, not ${data === null ? "null" : typeof data}`);
  }
  if (options === undefined) return NO_OPTIONS;
  checkKnown("broadcast", options, ["filter", "local"]);
  const { filter, local } = options as BroadcastOptions;
  if (filter !== undefined && typeof filter !== "function") throw wrong("filter", "a function", filter);
  if (local !== undefined) flag(local, "local");
  return options as BroadcastOptions;
}

/** BROADCAST for each session of a protocol, or for those that the filter takes. Within a turn. */
export function tellSessions(
  { sessions, protocol }: BoundProtocol,
  payload: SharedPayload,
  filter: Filter,
  logger: Logger,
): void {
  const { data } = payload;
  const asked = filter === undefined ? null : new AskedFilter(filter);
  share(payload, () => {
    for (const session of sessions) {
      if (asked !== null && !asked.takes(session)) continue;
      // The filter may have ended it.
      if (sessions.has(session)) session.call(CallbackReason.BROADCAST, data, data.length);
    }
  });
  asked?.report(protocol.name, logger);
}

/** A filter in one round. What it threw is told in one line for all sessions. */
class AskedFilter {
  readonly #filter: NonNullable<Filter>;
  #failures = 0;
  #error: unknown;

  constructor(filter: NonNullable<Filter>) {
    this.#filter = filter;
  }

  takes(session: Member): boolean {
    const wsi = session as Connection;
    try {
      return atOnce(this.#filter(wsi, wsi.user)) === true;
    } catch (error) {
      if (this.#failures++ === 0) this.#error = error;
      return false;
    }
  }

  report(protocol: string, logger: Logger): void {
    if (this.#failures === 0) return;
    const where = `the filter of a broadcast to protocol "${protocol}"`;
    logger.error(`${where} threw for ${this.#failures} sessions, first: ${describeError(this.#error)}`);
  }
}
