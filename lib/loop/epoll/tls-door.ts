import { monotonicMs } from "../../base/clock.ts";
import type { Logger } from "../../base/log.ts";
import type { ListenOptions, OnLink, ServerTls } from "../loop.ts";
import { HANDSHAKE_RECORD, HANDSHAKE_TIMEOUT, MAX_HANDSHAKES, PATIENCE_MS } from "../tls-door.ts";
import { Handshake, type HandshakeHost, type HandshakeOwner } from "./handshake.ts";
import type { Door } from "./listen.ts";
import { loadOpenssl, type Openssl } from "./openssl.ts";
import type { Source } from "./pollset.ts";
import { serverContext, type TlsContext } from "./tls-context.ts";
import type { Secured } from "./tls-link.ts";

/** Steps of handshakes in one turn. A step takes up to a millisecond, and the links that are there want their turn. */
const STEPS_PER_TURN = 32;

/** What a door needs of its loop. */
export interface DoorHost extends HandshakeHost {
  readonly turn: number;
  readonly logger: Logger;
  openLink(fd: number, host: string, port: number, onLink: OnLink): void;
  /** Makes a link in the place of a handshake, and offers it to `onLink`. */
  openSecureLink(secured: Secured & Source, onLink: OnLink): void;
}

/** Undefined, and a line in the log, where OpenSSL cannot be called. */
export function findOpenssl(logger: Logger): Openssl | undefined {
  try {
    return loadOpenssl();
  } catch (error) {
    logger.info(`TLS uses node:tls: ${(error as Error).message}`);
    return undefined;
  }
}

/** Where the connections of a listener go in. Throws for certificates that do not load. */
export function openDoor(
  host: DoorHost,
  openssl: Openssl | undefined,
  options: ListenOptions,
  onLink: OnLink,
): Door {
  const { tls } = options;
  if (tls !== undefined && openssl !== undefined) return new EpollDoor(host, openssl, tls, options, onLink);
  return { take: (fd, address, port) => host.openLink(fd, address, port, onLink), close() {} };
}

/**
 * Where the connections of a listener begin to speak TLS.
 *
 * ```
 *   take ─► first byte ─► handshake ─► onLink          the first byte is looked at only where plain peers are let in
 *                └─► plain ─────────────► onLink
 * ```
 */
class EpollDoor implements Door, HandshakeOwner {
  readonly #host: DoorHost;
  readonly #openssl: Openssl;
  readonly #timeout: number;
  readonly #onLink: OnLink;
  /** Those under way, the oldest first. */
  readonly #handshakes = new Set<Handshake>();
  readonly #first = Buffer.allocUnsafeSlow(64);
  /** For those who come; undefined when nobody is let in any more. */
  #context: TlsContext | undefined;
  #tls: ServerTls;
  #turn = -1;
  #steps = 0;

  /** Throws for certificates that do not load. */
  constructor(host: DoorHost, openssl: Openssl, tls: ServerTls, options: ListenOptions, onLink: OnLink) {
    this.#host = host;
    this.#openssl = openssl;
    this.#tls = tls;
    this.#timeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT;
    this.#onLink = onLink;
    this.#context = serverContext(openssl, tls);
  }

  /** Others get to see these certificates from now on. Throws, and keeps the old ones, where they do not load. */
  set(tls: ServerTls): void {
    const context = serverContext(this.#openssl, tls);
    (this.#context ?? context).release();
    if (this.#context === undefined) return;
    this.#context = context;
    this.#tls = tls;
  }

  take(fd: number, remoteAddress: string, remotePort: number): void {
    if (this.#context === undefined || !this.#makeRoom()) return void this.#host.libc.close(fd);
    const opening = {
      fd,
      remoteAddress,
      remotePort,
      context: this.#context,
      side: "server" as const,
      asksPeer: this.#tls.requestCert === true,
      timeout: this.#timeout,
    };
    try {
      this.#handshakes.add(new Handshake(this.#host, opening, this));
    } catch (error) {
      this.#host.logger.warn(`cannot accept: ${(error as Error).message}`);
    }
  }

  #makeRoom(): boolean {
    if (this.#handshakes.size < MAX_HANDSHAKES) return true;
    const [oldest] = this.#handshakes;
    if (monotonicMs() - oldest.began < PATIENCE_MS) return false;
    this.#drop(oldest);
    return true;
  }

  mayProceed(handshake: Handshake): boolean {
    if (this.#turn !== this.#host.turn) this.#steps = 0;
    this.#turn = this.#host.turn;
    if (++this.#steps > STEPS_PER_TURN) return false;
    if (handshake.session !== 0 || this.#tls.allowPlain !== true) return true;
    return this.#beginsWithTls(handshake);
  }

  /** Looks at the first byte, and lets a peer in that speaks without TLS. */
  #beginsWithTls(handshake: Handshake): boolean {
    const seen = this.#host.libc.peek(handshake.fd, this.#first, 1);
    // An end or an error is for the handshake to find.
    if (seen !== 1 || this.#first[0] === HANDSHAKE_RECORD) return true;
    const { remoteAddress, remotePort } = handshake;
    this.#handshakes.delete(handshake);
    this.#host.openLink(handshake.detach(), remoteAddress, remotePort, this.#onLink);
    return false;
  }

  secured(handshake: Handshake): void {
    this.#handshakes.delete(handshake);
    handshake.hand((secured) => this.#host.openSecureLink(secured, this.#onLink));
  }

  failed(handshake: Handshake, error: Error): void {
    const { remoteAddress } = handshake;
    this.#host.logger.debug(`a TLS handshake with ${remoteAddress || "a peer"} failed: ${error.message}`);
    this.#drop(handshake);
  }

  #drop(handshake: Handshake): void {
    this.#handshakes.delete(handshake);
    handshake.drop();
  }

  /** Drops all who are not in yet. Links that exist go on. */
  close(): void {
    for (const handshake of this.#handshakes) this.#drop(handshake);
    this.#context?.release();
    this.#context = undefined;
  }
}
