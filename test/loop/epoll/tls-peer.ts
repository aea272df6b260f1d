import { encodeInternet, encodePath, familyOf } from "../../../lib/loop/epoll/address.ts";
import {
  AF_UNIX,
  bindLibrary,
  EINPROGRESS,
  IPPROTO_TCP,
  loadLibc,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  TCP_NODELAY,
} from "../../../lib/loop/epoll/libc.ts";
import { loadOpenssl, SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE } from "../../../lib/loop/epoll/openssl.ts";
import { clientContext, type TlsContext } from "../../../lib/loop/epoll/tls-context.ts";
import type { Loop } from "../../../lib/loop/loop.ts";

const openssl = loadOpenssl();
const libc = loadLibc();
const KEY_UPDATE_NOT_REQUESTED = 0;
const KEY_UPDATE_REQUESTED = 1;
const updateKeys = bindLibrary("OpenSSL", ({ call }) => call("int SSL_key_update(uintptr_t, int)"));

/** A TLS client that does each step when it is told to, and nothing else: nobody reads for it. */
export class TlsPeer {
  readonly #context: TlsContext;
  readonly #fd: number;
  readonly #session: number;
  readonly #landing = Buffer.allocUnsafeSlow(65_536);

  /** @param where - A port of this machine, or a path. */
  constructor(where: number | string) {
    const address = typeof where === "string" ? encodePath(where) : encodeInternet("127.0.0.1", where);
    this.#context = clientContext(openssl, { rejectUnauthorized: false });
    this.#fd = libc.socket(familyOf(address), SOCK_STREAM | SOCK_NONBLOCK);
    if (familyOf(address) !== AF_UNIX) libc.setOption(this.#fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (libc.connect(this.#fd, address) < 0 && libc.errno() !== EINPROGRESS) throw new Error("no connection");
    this.#session = openssl.newSession(this.#context.address, this.#fd, "client");
  }

  static async open(loop: Loop, where: number | string): Promise<TlsPeer> {
    const peer = new TlsPeer(where);
    while (!peer.#isDone(openssl.proceed(peer.#session, undefined))) await loop.service(2);
    return peer;
  }

  /** Whether a call has done something; throws when it never will. */
  #isDone(result: number): boolean {
    if (result > 0) return true;
    const kind = openssl.getError(this.#session, result);
    openssl.clearErrors();
    if (kind === SSL_ERROR_WANT_READ || kind === SSL_ERROR_WANT_WRITE) return false;
    throw new Error(`SSL_get_error says ${kind}`);
  }

  /** One record, if the kernel takes it now. */
  write(bytes: Uint8Array): boolean {
    return this.#isDone(openssl.write(this.#session, bytes, bytes.length));
  }

  /** Some of what has come, which may be nothing. */
  read(): Buffer {
    const got = openssl.read(this.#session, libc.address(this.#landing), this.#landing.length);
    return Buffer.from(this.#landing.subarray(0, this.#isDone(got) ? got : 0));
  }

  /** Has new keys in this direction, and asks for new ones in the other, with the next record. */
  updateKeys(): void {
    if (updateKeys(this.#session, KEY_UPDATE_REQUESTED) !== 1) throw new Error("no key update");
  }

  /** Has new keys in this direction alone, and says so at once. */
  renewKeys(): void {
    if (updateKeys(this.#session, KEY_UPDATE_NOT_REQUESTED) !== 1) throw new Error("no key update");
    if (!this.#isDone(openssl.proceed(this.#session, undefined))) throw new Error("no room for a key update");
  }

  /** Puts bytes on the wire that are not of the session. */
  writeRaw(bytes: Uint8Array): void {
    if (libc.send(this.#fd, bytes, bytes.length, 0) !== bytes.length) throw new Error("no room");
  }

  /** Sends close_notify, and no FIN. */
  closeNotify(): void {
    openssl.shutdown(this.#session);
  }

  close(): void {
    openssl.freeSession(this.#session);
    libc.close(this.#fd);
    this.#context.release();
  }
}
