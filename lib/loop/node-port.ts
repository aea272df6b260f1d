import net, { type AddressInfo } from "node:net";
import { getSystemErrorName } from "node:util";
import { codedError } from "../base/errors.ts";
import type { SharedPort } from "./loop.ts";

/** A socket of Node's, below its streams. */
interface Handle {
  readonly fd: number;
  close(): void;
  /** Of TCP only. Returns an error as a negative number: also that of `bind`, which libuv keeps for later. */
  getsockname?(address: object): number;
}

/** Binds without listening, as node:cluster does for its workers. An error is a negative number. */
type CreateHandle = (address: string, port: number, family: number) => Handle | number;

/**
 * The port of a server that has just been closed, bound again: Node cannot stop to accept without closing. Everybody
 * gets the same socket, which listens as soon as one of them does.
 */
export class NodePort implements SharedPort {
  readonly #handle: Handle;

  /** @param address - What `server.address()` has told. Throws the system's error when it cannot be bound again. */
  constructor(address: AddressInfo | string | null) {
    const handle = bind(address);
    const errno = typeof handle === "number" ? handle : (handle.getsockname?.({}) ?? 0);
    if (typeof handle === "number" || errno !== 0) {
      if (typeof handle !== "number") handle.close();
      const code = getSystemErrorName(errno);
      throw codedError(code, `bind failed: ${code}, for the children of forkServiceLoop`);
    }
    this.#handle = handle;
  }

  open(): number {
    const { fd } = this.#handle;
    if (fd >= 0) return fd;
    throw codedError("ENOTSUP", "a listening socket cannot be inherited by a child on this system");
  }

  close(): void {}

  release(): void {
    this.#handle.close();
  }
}

function bind(address: AddressInfo | string | null): Handle | number {
  const create = (net as unknown as { _createServerHandle: CreateHandle })._createServerHandle;
  if (typeof address === "string") return create(address, -1, -1);
  const { address: host, port, family } = address as AddressInfo;
  return create(host, port, family === "IPv6" ? 6 : 4);
}
