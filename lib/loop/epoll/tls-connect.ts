import { isIP } from "node:net";
import type { ConnectOptions, ConnectTls, OnLink } from "../loop.ts";
import { namesFiles, readPems } from "../node-connect.ts";
import { Handshake, type HandshakeHost, type HandshakeOwner, type Opening } from "./handshake.ts";
import type { Openssl } from "./openssl.ts";
import type { Source } from "./pollset.ts";
import { clientContext, type TlsContext } from "./tls-context.ts";
import { disbelief, HOSTNAME_MISMATCH, IP_ADDRESS_MISMATCH, takeOpensslError } from "./tls-error.ts";
import type { Secured } from "./tls-link.ts";

/** What a client's TLS needs of its loop. */
export interface SecureHost extends HandshakeHost {
  openSecureLink(secured: Secured & Source, onLink: OnLink): void;
}

/** Who hears of the outcome, once. */
export interface SecureOutcome {
  /** The handshake is done; it is to be made a link of, at once. */
  secured(handshake: Handshake): void;
  fail(error: Error): void;
}

/** The context of the last attempt: the next one mostly wants the same. */
let kept: { readonly key: string; readonly context: TlsContext } | undefined;

function contextFor(openssl: Openssl, tls: ConnectTls): TlsContext {
  const { servername: _servername, ...what } = tls;
  const key = JSON.stringify(what);
  if (kept?.key !== key) {
    const context = clientContext(openssl, what);
    kept?.context.release();
    kept = { key, context };
  }
  return kept.context.hold();
}

/** TLS of one attempt to connect, once a socket is there. */
export class SecureClient implements HandshakeOwner {
  readonly #host: SecureHost;
  readonly #openssl: Openssl;
  readonly #tls: ConnectTls;
  /** Whose certificate it has to be. */
  readonly #name: string;
  readonly #outcome: SecureOutcome;
  #context: TlsContext | undefined;
  #handshake: Handshake | undefined;
  #dropped = false;

  constructor(
    host: SecureHost,
    openssl: Openssl,
    { tls = {}, host: asked = "localhost" }: ConnectOptions,
    outcome: SecureOutcome,
  ) {
    this.#host = host;
    this.#openssl = openssl;
    this.#tls = tls;
    this.#name = (tls.servername ?? asked).replace(/\.$/, "");
    this.#outcome = outcome;
  }

  /** Loads certificates and keys: at once, unless some are in files, as promises wait for as long as `serviceSync` lasts. */
  load(done: (error: Error | null) => void): void {
    if (!namesFiles(this.#tls)) return done(this.#use(this.#tls));
    void readPems(this.#tls).then((tls) => done(this.#use(tls)), done);
  }

  #use(tls: ConnectTls): Error | null {
    try {
      if (!this.#dropped) this.#context = contextFor(this.#openssl, tls);
      return null;
    } catch (error) {
      return error as Error;
    }
  }

  /** Takes over a socket that is connected. To be called within a turn, after `load`. */
  begin(fd: number, remoteAddress: string, remotePort: number): void {
    const context = this.#context!;
    try {
      const opening: Opening = { fd, remoteAddress, remotePort, context, side: "client", asksPeer: true };
      const handshake = new Handshake(this.#host, opening, this);
      this.#handshake = handshake;
      if (handshake.open((session) => this.#prepare(session))) handshake.proceed();
      else this.failed(handshake, takeOpensslError(this.#openssl, "no session can be made"));
    } catch (error) {
      this.#outcome.fail(error as Error);
    }
  }

  /** An address is no name that SNI could ask for (RFC 6066 section 3). */
  #prepare(session: number): boolean {
    return isIP(this.#name) !== 0 || this.#openssl.setServerName(session, this.#name);
  }

  mayProceed(): boolean {
    return true;
  }

  /** The peer is believed only here: until now, nothing was sent but what every stranger may see. */
  secured(handshake: Handshake): void {
    this.#checkName(handshake.session);
    const result = this.#openssl.verifyResult(handshake.session);
    if (result !== 0 && this.#tls.rejectUnauthorized !== false)
      return this.failed(handshake, disbelief(this.#openssl, result, this.#name));
    this.#handshake = undefined;
    this.#outcome.secured(handshake);
  }

  /** The name matters only of a certificate that is believed. */
  #checkName(session: number): void {
    const openssl = this.#openssl;
    if (openssl.verifyResult(session) !== 0) return;
    const isAddress = isIP(this.#name) !== 0;
    const isTheirs = isAddress
      ? openssl.isForAddress(session, this.#name)
      : openssl.isForHost(session, this.#name);
    if (!isTheirs) openssl.setVerifyResult(session, isAddress ? IP_ADDRESS_MISMATCH : HOSTNAME_MISMATCH);
  }

  failed(_handshake: Handshake, error: Error): void {
    this.#outcome.fail(error);
  }

  /** Lets go of everything that has not become a link. */
  drop(): void {
    this.#dropped = true;
    this.#handshake?.drop();
    this.#handshake = undefined;
    this.#context?.release();
    this.#context = undefined;
  }
}
