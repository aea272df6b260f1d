import type { ClientConnectOptions } from "../api/client.ts";
import { monotonicMs } from "../base/clock.ts";
import { describeError } from "../base/log.ts";
import type { Timed } from "../base/timers.ts";
import { atOnce } from "./checks.ts";
import { type Chain, ClientConnection } from "./client-connection.ts";
import { type ClientAsk, resolveClient } from "./client-options.ts";
import {
  backOff,
  type ClientOutcome,
  isTemporary,
  type RetryPolicy,
  resolveRetry,
  retryAfter,
} from "./client-retry.ts";
import { MAX_TIMEOUT } from "./options.ts";
import type { BoundProtocol, ProtocolTable } from "./protocols.ts";
import type { Host } from "./role.ts";
import { RoleClient } from "./role-client.ts";

/** Begins to connect, and gives the connection at once. Throws a TypeError that names the option which is wrong. */
export function openClient(host: Host, options: ClientConnectOptions): ClientConnection {
  const attempts = new Attempts(host, options);
  attempts.begin();
  attempts.heed();
  return attempts.current;
}

/**
 * The attempts of one `clientConnect`, one after the other; each is a connection with an outcome of its own.
 *
 * ```
 *   begin ─► connection ─► its outcome: decide ─┬─► told, with retryIn ─► goOn: a timer ─► begin
 *                                               └─► told, the last one
 *   stop, at any time: no further attempt
 * ```
 */
class Attempts implements Chain, Timed {
  deadline = 0;
  timerSlot = -1;
  current!: ClientConnection;
  readonly #host: Host;
  readonly #options: ClientConnectOptions;
  readonly #ask: ClientAsk;
  readonly #local: BoundProtocol | undefined;
  readonly #policy: RetryPolicy | null;
  /** The number of the attempt, counted from the last session that has lasted. */
  #attempt = 0;
  #stopped = false;

  constructor(host: Host, options: ClientConnectOptions) {
    this.#host = host;
    this.#ask = resolveClient(options);
    this.#options = { ...options };
    this.#local = localProtocol(host.table, options.localProtocol);
    this.#policy = options.retry === undefined ? null : resolveRetry(options.retry);
  }

  /** Begins an attempt; what redirects and the callback had changed in the last one is forgotten. */
  begin(): void {
    const { table } = this.#host;
    const { target, protocols } = this.#ask;
    const role = (made: unknown) => new RoleClient(made as ClientConnection, this.#ask, this.#options);
    this.#attempt++;
    const connection = new ClientConnection(this.#host, this, this.#attempt, target.path, protocols, role);
    connection.bound = this.#local ?? table.choose(protocols) ?? table.first;
    this.current = connection;
    this.#host.came(connection);
    (connection.role as RoleClient).start(this.#local === undefined);
  }

  /** Listens to the signal. */
  heed(): void {
    const { signal } = this.#options;
    if (signal?.aborted) this.#abort();
    else if (!this.#stopped) signal?.addEventListener("abort", this.#abort);
  }

  readonly #abort = (): void => {
    this.stop();
    this.current.role.close(undefined, "");
  };

  decide(outcome: ClientOutcome): number | undefined {
    const delay = this.#delay(outcome);
    if (delay === undefined) this.stop();
    return delay;
  }

  get #isOver(): boolean {
    return this.#stopped || this.#host.draining;
  }

  #delay(outcome: ClientOutcome): number | undefined {
    const policy = this.#policy;
    if (policy === null || this.#isOver) return undefined;
    if (this.current.lasted >= policy.resetAfter) this.#attempt = 0;
    if (this.#attempt >= policy.maxAttempts || !this.#wants(policy, outcome)) return undefined;
    // `when` may close and destroy like any callback.
    if (this.#isOver) return undefined;
    const asked = Math.min(retryAfter(outcome), policy.maxRetryAfter);
    return Math.min(asked + backOff(policy, this.#attempt), MAX_TIMEOUT);
  }

  #wants({ when }: RetryPolicy, outcome: ClientOutcome): boolean {
    const usual = isTemporary(outcome);
    try {
      return when === undefined ? usual : Boolean(atOnce(when(outcome, usual, this.current)));
    } catch (error) {
      this.#host.logger.error(`retry.when threw: ${describeError(error)}`);
      return false;
    }
  }

  goOn(delay: number): void {
    // The callback that was told may have destroyed the context, which knows only of those that wait already.
    if (this.#isOver) return this.stop();
    this.#host.retries.add(this);
    this.#host.loop.timers.set(this, monotonicMs() + delay);
  }

  onDeadline(): void {
    this.#host.retries.delete(this);
    this.begin();
  }

  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#host.retries.delete(this);
    this.#host.loop.timers.clear(this);
    this.#options.signal?.removeEventListener("abort", this.#abort);
  }
}

function localProtocol(
  table: ProtocolTable,
  choice: ClientConnectOptions["localProtocol"],
): BoundProtocol | undefined {
  try {
    return choice === undefined ? undefined : table.find(choice);
  } catch (error) {
    throw new TypeError(`localProtocol: ${(error as Error).message}`);
  }
}
