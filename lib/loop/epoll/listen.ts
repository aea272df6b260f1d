import { lookup } from "node:dns/promises";
import { unlinkSync } from "node:fs";
import { isIP } from "node:net";
import { monotonicMs } from "../../base/clock.ts";
import { errorCode } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Timed, TimerQueue } from "../../base/timers.ts";
import type { Listener, ListenOptions, OnLink } from "../loop.ts";
import { ADDRESS_SIZE, encodeInternet, encodePath, familyOf, hostOf, portOf } from "./address.ts";
import {
  AF_INET6,
  AF_UNIX,
  EAGAIN,
  EBADF,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  ENOTSOCK,
  EPOLLIN,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  type Libc,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  systemError,
  TCP_NODELAY,
} from "./libc.ts";
import type { Pollset, Source } from "./pollset.ts";

/** What a listener needs of its loop. */
export interface ListenHost {
  readonly libc: Libc;
  readonly pollset: Pollset;
  readonly timers: TimerQueue;
  readonly logger: Logger;
  /** Makes a link of an open socket and offers it to `onLink`. */
  openLink(fd: number, host: string, port: number, onLink: OnLink): void;
}

const DEFAULT_BACKLOG = 511;
/** Connections that one listener accepts in one turn. */
const ACCEPTS_PER_TURN = 128;
/** Milliseconds without accepting when not even the spare descriptor helps. */
const REST = 100;

/** Resolves the options to the addresses to try, in order: all interfaces are `::` for both families, or `0.0.0.0`. */
export async function addressesToBind(options: ListenOptions): Promise<Uint8Array[]> {
  if (options.path !== undefined) return [encodePath(options.path)];
  const port = options.port ?? 0;
  if (!options.host) return [encodeInternet("::", port), encodeInternet("0.0.0.0", port)];
  const host = isIP(options.host) ? options.host : (await lookup(options.host)).address;
  return [encodeInternet(host, port)];
}

/** Binds the first address whose family the machine has, and listens. Throws with nothing left open. */
export function openListener(
  host: ListenHost,
  addresses: Uint8Array[],
  options: ListenOptions,
  onLink: OnLink,
): Acceptor {
  let failure: unknown;
  for (const address of addresses) {
    try {
      return new Acceptor(host, bindSocket(host.libc, address, options), options.path, onLink);
    } catch (error) {
      failure = error;
      if (!["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(errorCode(error))) break;
    }
  }
  throw failure;
}

function bindSocket(libc: Libc, address: Uint8Array, options: ListenOptions): number {
  const family = familyOf(address);
  const fd = libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) throw systemError(libc.errno(), "socket");
  const check = (result: number, call: string) => {
    if (result >= 0) return;
    const error = systemError(libc.errno(), call);
    libc.close(fd);
    throw error;
  };
  if (family !== AF_UNIX) {
    check(libc.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1), "setsockopt");
    // Accepted sockets inherit it.
    check(libc.setOption(fd, IPPROTO_TCP, TCP_NODELAY, 1), "setsockopt");
  }
  if (options.reusePort) check(libc.setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1), "setsockopt");
  if (family === AF_INET6)
    check(libc.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, options.host ? 1 : 0), "setsockopt");
  check(libc.bind(fd, address), "bind");
  check(libc.listen(fd, options.backlog ?? DEFAULT_BACKLOG), "listen");
  return fd;
}

/** A listening socket in the set. */
export class Acceptor implements Listener, Source, Timed {
  fd: number;
  generation = 0;
  deadline = 0;
  timerSlot = -1;
  readonly port: number;
  readonly #host: ListenHost;
  readonly #onLink: OnLink;
  readonly #path: string | undefined;
  readonly #address = new Uint8Array(ADDRESS_SIZE);
  #spare: number;
  #full = false;
  /** Text of the last peer's address: connections of one peer share it. */
  #lastHost = "";

  constructor(host: ListenHost, fd: number, path: string | undefined, onLink: OnLink) {
    this.#host = host;
    this.#onLink = onLink;
    this.#path = path;
    this.fd = fd;
    this.#spare = host.libc.spare();
    this.port = host.libc.socketName(fd, this.#address) < 0 ? 0 : portOf(this.#address);
    try {
      host.pollset.add(this, EPOLLIN, true);
    } catch (error) {
      this.release();
      throw error;
    }
  }

  onEvent(): void {
    const libc = this.#host.libc;
    for (let i = 0; i < ACCEPTS_PER_TURN && this.fd >= 0; i++) {
      const fd = libc.accept(this.fd, this.#address);
      if (fd >= 0) this.#accepted(fd);
      else if (!this.#goesOn(libc.errno())) return;
    }
  }

  #accepted(fd: number): void {
    this.#full = false;
    const host = hostOf(this.#address);
    if (host !== this.#lastHost) this.#lastHost = host;
    this.#host.openLink(fd, this.#lastHost, portOf(this.#address), this.#onLink);
  }

  /** Whether it makes sense to accept again at once. */
  #goesOn(errno: number): boolean {
    if (errno === EAGAIN) return false;
    if (errno === EMFILE || errno === ENFILE) return this.#turnAway(errno);
    if ([ENOBUFS, ENOMEM, EBADF, EINVAL, ENOTSOCK].includes(errno)) {
      this.#rest();
      return false;
    }
    // EINTR, ECONNABORTED and whatever else befell a connection that nobody has seen yet (accept(2)).
    return true;
  }

  /** No descriptor is left: the spare one is given up for long enough to close the connection that waits. */
  #turnAway(errno: number): boolean {
    const libc = this.#host.libc;
    if (!this.#full)
      this.#host.logger.warn(`${systemError(errno, "accept").message}: connections are turned away`);
    this.#full = true;
    if (this.#spare >= 0) libc.close(this.#spare);
    const fd = libc.accept(this.fd, this.#address);
    if (fd >= 0) libc.close(fd);
    this.#spare = libc.spare();
    if (fd < 0) this.#rest();
    return fd >= 0;
  }

  #rest(): void {
    this.#host.pollset.park(this);
    this.#host.timers.set(this, monotonicMs() + REST);
  }

  onDeadline(): void {
    if (this.#spare < 0) this.#spare = this.#host.libc.spare();
    this.#host.pollset.unpark(this, EPOLLIN);
  }

  close(): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  /** Closes every descriptor, and removes the socket's path as Node does. */
  release(): void {
    if (this.fd < 0) return;
    this.#host.pollset.close(this);
    this.#host.timers.clear(this);
    if (this.#spare >= 0) this.#host.libc.close(this.#spare);
    this.#spare = -1;
    if (this.#path === undefined || this.#path.startsWith("\0")) return;
    try {
      unlinkSync(this.#path);
    } catch {
      // Somebody removed it already.
    }
  }
}
