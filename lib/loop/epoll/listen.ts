import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { monotonicMs } from "../../base/clock.ts";
import { codedError, errorCode } from "../../base/errors.ts";
import type { Logger } from "../../base/log.ts";
import type { Timed, TimerQueue } from "../../base/timers.ts";
import type { Listener, ListenOptions, ServerTls, SharedPort } from "../loop.ts";
import { ADDRESS_SIZE, encodeInternet, encodePath, hostOf, portOf } from "./address.ts";
import {
  EAGAIN,
  EBADF,
  EINVAL,
  EMFILE,
  ENFILE,
  ENOBUFS,
  ENOMEM,
  ENOTSOCK,
  EPOLLIN,
  type Libc,
  systemError,
} from "./libc.ts";
import { bindSocket, startListening } from "./listening-socket.ts";
import type { Pollset, Source } from "./pollset.ts";
import { EpollPort, removePath } from "./shared-port.ts";

/** What a listener needs of its loop. */
export interface ListenHost {
  readonly libc: Libc;
  readonly pollset: Pollset;
  readonly timers: TimerQueue;
  readonly logger: Logger;
}

/** Where accepted connections go in. */
export interface Door {
  /** Takes an open socket over, and the address of its peer. */
  take(fd: number, host: string, port: number): void;
  /** As `Listener.setTls`, where TLS is spoken. */
  set?(tls: ServerTls): void;
  /** Lets nobody in any more. */
  close(): void;
}

/** Connections that one listener accepts in one turn. */
const ACCEPTS_PER_TURN = 128;
/** Milliseconds without accepting when not even the spare descriptor helps. */
const REST = 100;

/** Resolves the options to the addresses to try, in order: all interfaces are `::` for both families, or `0.0.0.0`. */
export async function addressesToBind(options: ListenOptions): Promise<Uint8Array[]> {
  if (options.fd !== undefined) return [];
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
  door: Door,
): Acceptor {
  const listen = (fd: number) => new Acceptor(host, startListening(host.libc, fd, options), options, door);
  try {
    if (options.fd !== undefined) return listen(options.fd);
    return listen(bindFirst(host.libc, addresses, options));
  } catch (error) {
    door.close();
    throw error;
  }
}

function bindFirst(libc: Libc, addresses: Uint8Array[], options: ListenOptions): number {
  let failure: unknown;
  for (const address of addresses) {
    try {
      return bindSocket(libc, address, options);
    } catch (error) {
      failure = error;
      if (!["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(errorCode(error))) break;
    }
  }
  throw failure;
}

/** A listening socket in the set. */
export class Acceptor implements Listener, Source, Timed {
  fd: number;
  generation = 0;
  deadline = 0;
  timerSlot = -1;
  readonly port: number;
  readonly #host: ListenHost;
  readonly #door: Door;
  readonly #options: ListenOptions;
  readonly #address = new Uint8Array(ADDRESS_SIZE);
  #spare: number;
  #full = false;
  /** Text of the last peer's address: connections of one peer share it. */
  #lastHost = "";

  constructor(host: ListenHost, fd: number, options: ListenOptions, door: Door) {
    this.#host = host;
    this.#door = door;
    this.#options = options;
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
    this.#door.take(fd, this.#lastHost, portOf(this.#address));
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

  setTls(tls: ServerTls): void {
    if (this.#door.set === undefined) throw codedError("ENOTSUP", "this listener does not speak TLS");
    this.#door.set(tls);
  }

  close(): Promise<void> {
    this.release();
    return Promise.resolve();
  }

  cede(): SharedPort {
    this.#letGo();
    return new EpollPort(this.#host.libc, this.#host.pollset.detach(this), this.#options);
  }

  /** Closes every descriptor, and removes the socket's path unless somebody else has bound it. */
  release(): void {
    if (this.fd < 0) return;
    this.#letGo();
    this.#host.pollset.close(this);
    if (this.#options.fd === undefined) removePath(this.#options.path);
  }

  #letGo(): void {
    this.#door.close();
    this.#host.timers.clear(this);
    if (this.#spare >= 0) this.#host.libc.close(this.#spare);
    this.#spare = -1;
  }
}
