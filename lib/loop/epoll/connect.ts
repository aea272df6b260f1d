import { isIP } from "node:net";
import { monotonicMs } from "../../base/clock.ts";
import { codedError } from "../../base/errors.ts";
import type { Timed } from "../../base/timers.ts";
import { resolveName } from "../addresses.ts";
import { Race, type Runner } from "../connect-race.ts";
import type { ConnectOptions, OnLink, Task } from "../loop.ts";
import { encodeInternet, encodePath, familyOf, hostOf, portOf } from "./address.ts";
import type { Handshake } from "./handshake.ts";
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
import type { Openssl } from "./openssl.ts";
import type { Source } from "./pollset.ts";
import { SecureClient, type SecureHost, type SecureOutcome } from "./tls-connect.ts";

/** What an attempt to connect needs of its loop. */
export interface ConnectHost extends ListenHost, SecureHost {
  /** Those that are on their way. */
  readonly connectors: Set<Connector>;
  soon(task: Task): void;
  /** Makes a link of an open socket and offers it to `onLink`. */
  openLink(fd: number, host: string, port: number, onLink: OnLink): void;
}

/**
 * One call of `connect`: resolves the name, and has its addresses race.
 *
 * ```
 *   resolve ─► race ─► TLS ─┬─► onLink                    TLS only where it is asked for
 *                           └─► onError, as from everywhere and when the time is up
 * ```
 */
export class Connector implements Task, Timed, SecureOutcome {
  deadline = 0;
  timerSlot = -1;
  readonly #host: ConnectHost;
  readonly #options: ConnectOptions;
  readonly #onLink: OnLink;
  readonly #onError: (error: Error) => void;
  readonly #race: Race<Attempt>;
  readonly #secure: SecureClient | undefined;
  /** Gives up to resolve the name. */
  #forget: () => void = () => {};
  #addresses: readonly string[] = [];
  #failure: Error | undefined;
  #done = false;

  /** @param openssl - For `options.tls`. */
  constructor(
    host: ConnectHost,
    options: ConnectOptions,
    openssl: Openssl | undefined,
    onLink: OnLink,
    onError: (error: Error) => void,
  ) {
    this.#host = host;
    this.#options = options;
    this.#onLink = onLink;
    this.#onError = onError;
    this.#race = new Race(
      host.timers,
      (address) => new Attempt(host, this, address, this.#encode(address)),
      (error) => this.fail(error),
    );
    host.connectors.add(this);
    host.timers.set(this, monotonicMs() + options.timeout);
    this.#secure = openssl && new SecureClient(host, openssl, options, this);
    if (this.#secure === undefined) this.#resolve();
    else this.#secure.load((error) => (error === null ? this.#resolve() : this.#resolved(error, [])));
  }

  #resolve(): void {
    if (this.#done) return;
    const { path, host = "localhost" } = this.#options;
    if (path !== undefined || isIP(host)) return this.#resolved(null, [path ?? host]);
    this.#forget = resolveName(host, (error, found) => this.#resolved(error, found));
  }

  /** The rest happens within a turn. */
  #resolved(error: Error | null, addresses: readonly string[]): void {
    if (error !== null) this.#failure = error;
    this.#addresses = addresses;
    this.#host.soon(this);
  }

  runSoon(): void {
    if (this.#done) return;
    if (this.#failure !== undefined) this.fail(this.#failure);
    else this.#race.run(this.#addresses);
  }

  #encode(address: string): Uint8Array {
    const { path, port = 0 } = this.#options;
    return path === undefined ? encodeInternet(address, port) : encodePath(path);
  }

  /** Called by an attempt that has its answer, which may be an error number. */
  answered(attempt: Attempt, errno: number): void {
    if (errno !== 0) return this.#race.failed(attempt, this.refusal(errno, attempt.where));
    const fd = attempt.detach();
    this.#race.won(attempt);
    const { address } = attempt;
    if (this.#secure !== undefined) return this.#secure.begin(fd, hostOf(address), portOf(address));
    this.cancel();
    this.#host.openLink(fd, hostOf(address), portOf(address), this.#onLink);
  }

  secured(handshake: Handshake): void {
    this.cancel();
    handshake.hand((secured) => this.#host.openSecureLink(secured, this.#onLink));
  }

  /** What came of a connect to an address, in the words of Node. */
  refusal(errno: number, where: string): Error {
    const { code } = systemError(errno, "connect");
    const { path, port = 0 } = this.#options;
    return codedError(code, `connect ${code} ${path === undefined ? `${where}:${port}` : where}`);
  }

  onDeadline(): void {
    this.fail(codedError("ETIMEDOUT", `no connection within ${this.#options.timeout} ms`));
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
    this.#forget();
    this.#host.connectors.delete(this);
    this.#host.timers.clear(this);
    this.#race.stop();
    this.#secure?.drop();
  }
}

/** A socket on its way to one address. */
class Attempt implements Source, Runner {
  fd: number;
  generation = 0;
  readonly address: Uint8Array;
  /** The address as text. */
  readonly where: string;
  readonly #host: ConnectHost;
  readonly #connector: Connector;

  /** Throws when it fails at once. */
  constructor(host: ConnectHost, connector: Connector, where: string, address: Uint8Array) {
    const { libc, pollset } = host;
    this.#host = host;
    this.#connector = connector;
    this.where = where;
    this.address = address;
    this.fd = libc.socket(familyOf(address), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (this.fd < 0) throw connector.refusal(libc.errno(), where);
    if (familyOf(address) !== AF_UNIX) libc.setOption(this.fd, IPPROTO_TCP, TCP_NODELAY, 1);
    // A connection that is there at once is writable at once: one way for both.
    const errno = libc.connect(this.fd, address) < 0 ? libc.errno() : EINPROGRESS;
    try {
      if (errno !== EINPROGRESS) throw connector.refusal(errno, where);
      pollset.add(this, EPOLLOUT, true);
    } catch (error) {
      this.destroy();
      throw error;
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

  destroy(): void {
    this.#host.pollset.close(this);
  }
}
