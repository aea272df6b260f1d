import type { ListenOptions } from "../loop.ts";
import { familyOf } from "./address.ts";
import {
  AF_INET6,
  AF_UNIX,
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

const DEFAULT_BACKLOG = 511;

/** Makes a socket that is bound, and does not listen yet. Throws the system's error, with nothing left open. */
export function bindSocket(libc: Libc, address: Uint8Array, options: ListenOptions): number {
  const family = familyOf(address);
  const fd = libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) throw systemError(libc.errno(), "socket");
  const set = (level: number, name: number, value: number) =>
    closeUnless(libc, fd, libc.setOption(fd, level, name, value), "setsockopt");
  if (family !== AF_UNIX) {
    set(SOL_SOCKET, SO_REUSEADDR, 1);
    // Accepted sockets inherit it.
    set(IPPROTO_TCP, TCP_NODELAY, 1);
  }
  if (options.reusePort) set(SOL_SOCKET, SO_REUSEPORT, 1);
  if (family === AF_INET6) set(IPPROTO_IPV6, IPV6_V6ONLY, options.host ? 1 : 0);
  closeUnless(libc, fd, libc.bind(fd, address), "bind");
  return fd;
}

/** Has a bound socket listen; gives it back. Throws the system's error, and has closed it then. */
export function startListening(libc: Libc, fd: number, { backlog = DEFAULT_BACKLOG }: ListenOptions): number {
  closeUnless(libc, fd, libc.listen(fd, backlog), "listen");
  return fd;
}

function closeUnless(libc: Libc, fd: number, result: number, call: string): void {
  if (result >= 0) return;
  const error = systemError(libc.errno(), call);
  libc.close(fd);
  throw error;
}
