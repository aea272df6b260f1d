import { unlinkSync } from "node:fs";
import type { ListenOptions, SharedPort } from "../loop.ts";
import { ADDRESS_SIZE, familyOf } from "./address.ts";
import { AF_UNIX, type Libc, SO_REUSEADDR, SO_REUSEPORT, SOL_SOCKET } from "./libc.ts";
import { bindSocket, startListening } from "./listening-socket.ts";

/**
 * The port of a listening socket that others accept from.
 *
 * ```
 *   ceded ──► the first to open gets it, with what waits in its queue
 *   holder    bound, not listening: nobody else can take the port while no child lives
 *   others    bound beside them, each with a queue of its own
 * ```
 *
 * Where that cannot be (a Unix socket; a port below 1024 or another user's, once privileges are dropped), everybody gets
 * the ceded socket.
 */
export class EpollPort implements SharedPort {
  readonly #libc: Libc;
  readonly #options: ListenOptions;
  readonly #address: Uint8Array;
  #ceded: number;
  readonly #holder: number;

  /** @param fd - Listening. It belongs to the port from now on. */
  constructor(libc: Libc, fd: number, options: ListenOptions) {
    this.#libc = libc;
    this.#options = { ...options, reusePort: true };
    this.#ceded = fd;
    const address = new Uint8Array(ADDRESS_SIZE);
    this.#address = address.subarray(0, Math.max(libc.socketName(fd, address), 0));
    this.#holder = familyOf(this.#address) === AF_UNIX ? -1 : this.#hold();
  }

  #hold(): number {
    try {
      // The kernel asks every socket of the port, and lets one that is bound already join.
      this.#libc.setOption(this.#ceded, SOL_SOCKET, SO_REUSEPORT, 1);
      const holder = bindSocket(this.#libc, this.#address, this.#options);
      // With it, any other program could bind and listen beside one that does not listen.
      this.#libc.setOption(holder, SOL_SOCKET, SO_REUSEADDR, 0);
      return holder;
    } catch {
      return -1;
    }
  }

  open(): number {
    const fd = this.#ceded;
    if (this.#holder < 0) return fd;
    this.#ceded = -1;
    if (fd >= 0) return fd;
    return startListening(this.#libc, bindSocket(this.#libc, this.#address, this.#options), this.#options);
  }

  close(fd: number): void {
    if (fd !== this.#ceded) this.#libc.close(fd);
  }

  release(): void {
    for (const fd of [this.#ceded, this.#holder]) if (fd >= 0) this.#libc.close(fd);
    removePath(this.#options.path);
  }
}

/** Removes the path of a Unix socket, as Node does. */
export function removePath(path: string | undefined): void {
  if (path === undefined || path.startsWith("\0")) return;
  try {
    unlinkSync(path);
  } catch {
    // Somebody removed it already.
  }
}
