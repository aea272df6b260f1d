import { lookup } from "node:dns";
import { isIP } from "node:net";
import { monotonicMs } from "../../base/clock.ts";
import { codedError } from "../../base/errors.ts";
import type { Timed } from "../../base/timers.ts";
import type { ConnectOptions, OnLink, Task } from "../loop.ts";
import { encodeInternet, encodePath, familyOf, hostOf, portOf } from "./address.ts";
import {
  AF_UNIX,
  EINPROGRESS,
  EPOLLOUT,
  IPPROTO_TCP,
  SO_ERROR,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  systemError,
  TCP_NODELAY,
} from "./libc.ts";
import type { ListenHost } from "./listen.ts";
import type { Source } from "./pollset.ts";

/** What an attempt to connect needs of its loop. */
export interface ConnectHost extends ListenHost {
  /** Those that are on their way. */
  readonly connectors: Set<Connector>;
  soon(task: Task): void;
}

/** Milliseconds after which the next address is tried beside those that have not answered (RFC 8305 section 5). */
const STAGGER = 250;

/**
 * One call of `connect`: resolves the name, tries the addresses one after the other, and keeps the first that answers.
 *
 * ```
 *   resolve ─► attempt 1 ──250 ms or failure──► attempt 2 ─► …     first open one: onLink, the others are closed
 *                                                                 none left, or the time is up: onError
 * ```
 */
export class Connector implements Task {
  readonly #host: ConnectHost;
  readonly #options: ConnectOptions;
  readonly #onLink: OnLink;
  readonly #onError: (error: Error) => void;
  readonly #attempts = new Set<Attempt>();
  readonly #timeout: Alarm;
  readonly #stagger: Alarm;
  #addresses: Uint8Array[] = [];
  #failure: Error | undefined;
  #done = false;

  constructor(host: ConnectHost, options: ConnectOptions, onLink: OnLink, onError: (error: Error) => void) {
    this.#host = host;
    this.#options = options;
    this.#onLink = onLink;
    this.#onError = onError;
    this.#timeout = new Alarm(() => this.#timedOut());
    this.#stagger = new Alarm(() => this.#next());
    host.connectors.add(this);
    host.timers.set(this.#timeout, monotonicMs() + options.timeout);
    this.#resolve();
  }

  #resolve(): void {
    const { path, host = "localhost", port = 0 } = this.#options;
    try {
      if (path !== undefined) this.#resolved([encodePath(path)]);
      else if (isIP(host)) this.#resolved([encodeInternet(host, port)]);
      else
        lookup(host, { all: true }, (error, found) => {
          if (error) this.#unresolved(error);
          else this.#resolved(found.map((entry) => encodeInternet(entry.address, port)));
        });
    } catch (error) {
      this.#unresolved(error as Error);
    }
  }

  #unresolved(error: Error): void {
    this.#failure = error;
    this.#resolved([]);
  }

  /** The rest happens within a turn. */
  #resolved(addresses: Uint8Array[]): void {
    if (this.#done) return;
    this.#addresses = addresses;
    this.#host.soon(this);
  }

  runSoon(): void {
    this.#next();
  }

  /** Tries the next address; when there is none and nobody is on the way, that is the end. */
  #next(): void {
    while (!this.#done && this.#addresses.length > 0) {
      const attempt = new Attempt(this.#host, this);
      const failure = attempt.start(this.#addresses.shift()!);
      if (failure !== undefined) {
        this.#failure = failure;
        continue;
      }
      this.#attempts.add(attempt);
      if (this.#addresses.length > 0) this.#host.timers.set(this.#stagger, monotonicMs() + STAGGER);
      return;
    }
    if (!this.#done && this.#attempts.size === 0) this.fail(this.#failure!);
  }

  /** Called by an attempt that has its answer. */
  answered(attempt: Attempt, errno: number): void {
    this.#attempts.delete(attempt);
    if (errno !== 0) {
      this.#failure = systemError(errno, "connect");
      attempt.close();
      this.#next();
      return;
    }
    const fd = attempt.detach();
    this.cancel();
    const address = attempt.address;
    this.#host.openLink(fd, hostOf(address), portOf(address), this.#onLink);
  }

  #timedOut(): void {
    this.fail(codedError("ETIMEDOUT", `connect failed: no answer within ${this.#options.timeout} ms`));
  }

  /** The end without a link. Called within a turn. */
  fail(error: Error): void {
    if (this.#done) return;
    this.cancel();
    this.#onError(error);
  }

  /** Gives up, without a word. */
  cancel(): void {
    if (this.#done) return;
    this.#done = true;
    this.#host.connectors.delete(this);
    this.#host.timers.clear(this.#timeout);
    this.#host.timers.clear(this.#stagger);
    for (const attempt of this.#attempts) attempt.close();
    this.#attempts.clear();
  }
}

/** A socket on its way to one address. */
class Attempt implements Source {
  fd = -1;
  generation = 0;
  address: Uint8Array = new Uint8Array();
  readonly #host: ConnectHost;
  readonly #connector: Connector;

  constructor(host: ConnectHost, connector: Connector) {
    this.#host = host;
    this.#connector = connector;
  }

  /** Returns the error when it fails at once. */
  start(address: Uint8Array): Error | undefined {
    const libc = this.#host.libc;
    this.address = address;
    this.fd = libc.socket(familyOf(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (this.fd < 0) return systemError(libc.errno(), "socket");
    if (familyOf(address) !== AF_UNIX) libc.setOption(this.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    // A connection that is there at once is writable at once: one way for both.
    const errno = libc.connect(this.fd, address) < 0 ? libc.errno() : EINPROGRESS;
    if (errno !== EINPROGRESS) {
      this.close();
      return systemError(errno, "connect");
    }
    try {
      this.#host.pollset.add(this, EPOLLOUT, true);
      return undefined;
    } catch (error) {
      this.close();
      return error as Error;
    }
  }

  onEvent(): void {
    const errno = this.#host.libc.getOption(this.fd, SOL_SOCKET, SO_ERROR);
    this.#connector.answered(this, Math.max(errno, 0));
  }

  /** Leaves the set with the socket open, and hands its descriptor over. */
  detach(): number {
    return this.#host.pollset.detach(this);
  }

  close(): void {
    this.#host.pollset.close(this);
  }
}

/** A timer entry of its own, because a connector has two. */
class Alarm implements Timed {
  deadline = 0;
  timerSlot = -1;
  readonly onDeadline: () => void;

  constructor(onDeadline: () => void) {
    this.onDeadline = onDeadline;
  }
}
