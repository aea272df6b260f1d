import { EAGAIN, IPPROTO_TCP, TCP_CORK } from "./libc.ts";
import { EpollLink } from "./link.ts";
import type { LinkHost } from "./link-host.ts";
import { type Openssl, SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE, SSL_ERROR_ZERO_RETURN } from "./openssl.ts";
import { errnoOf, judge, lostConnection } from "./tls-error.ts";

/** The most that a record holds (RFC 8446 section 5.1). */
const RECORD = 16_384;
/** Records that one link reads before the others get their turn. */
const RECORDS_AT_ONCE = 256;

/** A connection whose handshake is done. */
export interface Secured {
  readonly openssl: Openssl;
  /** The SSL, the link's from now on. It reads and writes `fd`. */
  readonly session: number;
  readonly fd: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** The peer was asked for a certificate. */
  readonly asksPeer: boolean;
}

/**
 * A socket that speaks TLS. What was received is decrypted to where a plain link has the kernel put it, several records
 * together, and what is sent is encrypted from the cork: nothing is allocated here either.
 */
export class TlsLink extends EpollLink {
  readonly peerCertificate: Uint8Array | undefined;
  readonly peerAuthorized: boolean;
  readonly #openssl: Openssl;
  #session: number;
  /** OpenSSL holds what no event of the kernel's tells of. */
  #holds = false;
  /** `feed` is about to be called. */
  #noted = false;
  #corked = false;
  /** How reading has ended, behind bytes that had to be delivered first. */
  #ending: Error | "end" | undefined;

  constructor(host: LinkHost, secured: Secured) {
    super(host, secured.fd, secured.remoteAddress, secured.remotePort);
    const { openssl, session } = secured;
    this.#openssl = openssl;
    this.#session = session;
    this.peerCertificate = secured.asksPeer ? openssl.peerCertificate(session) : undefined;
    this.peerAuthorized = this.peerCertificate !== undefined && openssl.verifyResult(session) === 0;
  }

  override get secure(): boolean {
    return true;
  }

  /** A record of its own, and a packet, cost more than to copy what one holds. */
  protected override get copied(): number {
    return RECORD;
  }

  /** To be called once the link is in the set: the handshake may have brought bytes along. */
  begin(): void {
    if (this.#openssl.hasPending(this.#session)) this.#hold();
  }

  #hold(): void {
    this.#holds = true;
    this.#note();
  }

  /** Once, or who pauses and resumes would be fed twice as often in each turn as in the one before. */
  #note(): void {
    if (this.#noted) return;
    this.#noted = true;
    this.host.feedSoon(this);
  }

  override feed(): void {
    this.#noted = false;
    super.feed();
  }

  protected override receive(landing: Buffer): number {
    const openssl = this.#openssl;
    this.#holds = false;
    if (this.#ending !== undefined) return this.#end(this.#ending);
    // Nobody gets to detach the buffer while this loop lasts.
    const address = this.host.landingAddress;
    let used = 0;
    for (let records = 0; records < RECORDS_AT_ONCE && landing.length - used >= RECORD; records++) {
      const got = openssl.read(this.#session, address + used, landing.length - used);
      if (got <= 0) return this.#stopped(got, used);
      used += got;
      // Behind a full record there mostly is another one, and what it belongs to is best handed over in one piece.
      if (got < RECORD && !openssl.hasPending(this.#session)) return used;
    }
    this.#hold();
    return used;
  }

  /** Nothing more came of a read, behind `used` bytes that did. */
  #stopped(result: number, used: number): number {
    const errno = this.host.libc.errno();
    const { kind, reason } = judge(this.#openssl, this.#session, result);
    if (kind === SSL_ERROR_WANT_READ) return used > 0 ? used : -EAGAIN;
    // With a reason it is the alert about it that the kernel does not take, and to wait for that leads nowhere.
    if (kind === SSL_ERROR_WANT_WRITE && reason === "") {
      this.#holds = true;
      this.waitForRoom(true);
      return used > 0 ? used : -EAGAIN;
    }
    const ending = kind === SSL_ERROR_ZERO_RETURN ? "end" : lostConnection(kind, errno, reason);
    if (used === 0) return this.#end(ending);
    this.#ending = ending;
    this.#hold();
    return used;
  }

  #end(ending: Error | "end"): number {
    if (ending === "end") return 0;
    this.destroy(ending);
    return -EAGAIN;
  }

  protected override write(from: Uint8Array, length: number, flags: number): number {
    // Each record is a call of its own to the kernel, which is to make as few packets of them as it would of one send.
    if (length > RECORD || flags !== 0) this.#holdPackets(true);
    const sent = this.#writeRecords(from, length);
    if (flags === 0) this.#holdPackets(false);
    return sent;
  }

  #holdPackets(hold: boolean): void {
    if (hold === this.#corked) return;
    this.#corked = hold;
    this.host.libc.setOption(this.fd, IPPROTO_TCP, TCP_CORK, hold ? 1 : 0);
  }

  /** Until the kernel takes no more: OpenSSL goes on with the same bytes then. */
  #writeRecords(from: Uint8Array, length: number): number {
    const openssl = this.#openssl;
    for (let sent = 0; ; ) {
      const rest = sent === 0 ? from : from.subarray(sent, length);
      const took = openssl.write(this.#session, rest, length - sent);
      if (took > 0) sent += took;
      if (sent === length) return sent;
      if (took > 0) continue;
      const errno = this.host.libc.errno();
      const { kind } = judge(openssl, this.#session, took);
      if (kind === SSL_ERROR_WANT_WRITE || kind === SSL_ERROR_WANT_READ) return sent;
      return -errnoOf(kind, errno);
    }
  }

  /** The kernel cannot encrypt. */
  override sendFile(): number {
    return -1;
  }

  protected override farewell(): boolean {
    const result = this.#openssl.shutdown(this.#session);
    if (result >= 0 || judge(this.#openssl, this.#session, result).kind !== SSL_ERROR_WANT_WRITE) return true;
    this.waitForRoom(false);
    return false;
  }

  override resume(): void {
    super.resume();
    if (this.#holds && this.fd >= 0) this.#note();
  }

  override destroy(error?: Error): void {
    super.destroy(error);
    if (this.#session !== 0) this.#openssl.freeSession(this.#session);
    this.#session = 0;
  }
}
