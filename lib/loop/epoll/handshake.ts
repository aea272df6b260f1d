import { monotonicMs } from "../../base/clock.ts";
import { codedError } from "../../base/errors.ts";
import type { Timed, TimerQueue } from "../../base/timers.ts";
import { EPOLLIN, EPOLLOUT, type Libc } from "./libc.ts";
import { type Openssl, SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE } from "./openssl.ts";
import type { Pollset, Source } from "./pollset.ts";
import type { TlsContext } from "./tls-context.ts";
import { judge, lostConnection } from "./tls-error.ts";
import type { Secured } from "./tls-link.ts";

/** What a handshake needs of its loop. */
export interface HandshakeHost {
  readonly libc: Libc;
  readonly pollset: Pollset;
  readonly timers: TimerQueue;
  /** Where bytes land that nobody wants. */
  readonly landing: Buffer;
}

/** Whose handshake it is. Exactly one of `secured` and `failed` is called, unless the handshake is dropped before. */
export interface HandshakeOwner {
  /** Whether the handshake may go on now. If not, it comes again in the next turn, or has been dropped. */
  mayProceed(handshake: Handshake): boolean;
  /** It is done: the session is there to be taken over, with `hand`. */
  secured(handshake: Handshake): void;
  /** It has failed: the owner drops it. */
  failed(handshake: Handshake, error: Error): void;
}

/** A connected socket, what is known of its peer, and what it is to speak TLS with. */
export interface Opening {
  readonly fd: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly context: TlsContext;
  readonly side: "server" | "client";
  /** The peer is asked for a certificate. */
  readonly asksPeer: boolean;
  /** Milliseconds for the handshake, where nobody else counts them. */
  readonly timeout?: number;
}

/**
 * A socket in the set that becomes a link when its peer and we have agreed on keys. Nothing of OpenSSL's is there
 * before the peer's first byte, as most of those that never finish never begin.
 */
export class Handshake implements Source, Timed, Secured {
  fd: number;
  generation = 0;
  deadline = 0;
  timerSlot = -1;
  session = 0;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly asksPeer: boolean;
  readonly began = monotonicMs();
  readonly #host: HandshakeHost;
  readonly #context: TlsContext;
  readonly #side: "server" | "client";
  readonly #owner: HandshakeOwner;
  #mask = EPOLLIN;

  /** Takes the descriptor over. Throws, and has closed it, when the kernel does not watch it. */
  constructor(host: HandshakeHost, opening: Opening, owner: HandshakeOwner) {
    this.#host = host;
    this.#owner = owner;
    this.fd = opening.fd;
    this.remoteAddress = opening.remoteAddress;
    this.remotePort = opening.remotePort;
    this.asksPeer = opening.asksPeer;
    this.#side = opening.side;
    this.#context = opening.context.hold();
    try {
      host.pollset.add(this, this.#mask, true);
    } catch (error) {
      this.drop();
      throw error;
    }
    if (opening.timeout !== undefined) host.timers.set(this, this.began + opening.timeout);
  }

  get openssl(): Openssl {
    return this.#context.openssl;
  }

  onEvent(): void {
    if (this.#owner.mayProceed(this)) this.proceed();
  }

  onDeadline(): void {
    this.#owner.failed(this, codedError("ETIMEDOUT", "it took too long"));
  }

  /** Makes the session. `prepare` says what else has to be known of it; false is a failure. */
  open(prepare?: (session: number) => boolean): boolean {
    const { openssl } = this;
    openssl.clearErrors();
    this.session = openssl.newSession(this.#context.address, this.fd, this.#side);
    return this.session !== 0 && (prepare === undefined || prepare(this.session));
  }

  /** One step: as far as what has arrived leads. */
  proceed(): void {
    const { openssl } = this;
    if (this.session === 0 && !this.open())
      return this.#owner.failed(this, codedError("ENOMEM", "no session can be made"));
    openssl.clearErrors();
    const result = openssl.proceed(this.session, this.#side === "server" ? this.#context : undefined);
    const errno = this.#host.libc.errno();
    if (result === 1) return this.#owner.secured(this);
    const { kind, reason } = judge(openssl, this.session, result);
    // With a reason it is over, and only the alert about it has not gone yet.
    if (kind === SSL_ERROR_WANT_READ && reason === "") this.#await(EPOLLIN);
    else if (kind === SSL_ERROR_WANT_WRITE && reason === "") this.#await(EPOLLOUT);
    else this.#owner.failed(this, lostConnection(kind, errno, reason));
  }

  #await(mask: number): void {
    if (mask === this.#mask) return;
    this.#mask = mask;
    this.#host.pollset.modify(this, mask);
  }

  /** Gives socket and session to whoever `take` makes of them; it has to take its place in the set. */
  hand<T>(take: (secured: Secured & Source) => T): T {
    this.#settle();
    const taken = take(this);
    this.session = 0;
    return taken;
  }

  /** Leaves the set and hands over the socket, which has not been read from. */
  detach(): number {
    this.#settle();
    return this.#host.pollset.detach(this);
  }

  /** Closes the socket. What was sent, an alert mostly, reaches a peer none of whose bytes are left unread. */
  drop(): void {
    if (this.fd < 0) return;
    this.#settle();
    const { libc, landing, pollset } = this.#host;
    if (this.session !== 0) {
      this.openssl.freeSession(this.session);
      libc.recv(this.fd, landing, landing.length);
    }
    this.session = 0;
    pollset.close(this);
  }

  #settle(): void {
    this.#host.timers.clear(this);
    this.#context.release();
  }
}
