import { hkdfSync, randomBytes } from "node:crypto";
import { DEFAULT_CIPHERS } from "node:tls";
import { codedError } from "../../base/errors.ts";
import type { ConnectTls, Identity, ServerTls } from "../loop.ts";
import { clientRules } from "../tls-door.ts";
import {
  type HandshakeQuestions,
  type Openssl,
  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER,
  SSL_MODE_AUTO_RETRY,
  SSL_MODE_ENABLE_PARTIAL_WRITE,
  SSL_MODE_RELEASE_BUFFERS,
  SSL_OP_CIPHER_SERVER_PREFERENCE,
  SSL_OP_IGNORE_UNEXPECTED_EOF,
  SSL_OP_NO_COMPRESSION,
  SSL_OP_NO_RENEGOTIATION,
  SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
  SSL_VERIFY_PEER,
  TLS1_2_VERSION,
  TLS1_3_VERSION,
} from "./openssl.ts";
import { takeOpensslError } from "./tls-error.ts";
import { trustRoots } from "./tls-roots.ts";

const OPTIONS =
  SSL_OP_NO_RENEGOTIATION +
  SSL_OP_NO_COMPRESSION +
  SSL_OP_IGNORE_UNEXPECTED_EOF +
  SSL_OP_CIPHER_SERVER_PREFERENCE;

const MODE = SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS;

/** The code of the error behind the last certificate of a text. */
const END_OF_PEM = "ERR_OSSL_PEM_NO_START_LINE";

/** The keys of tickets for all contexts of this process that are given none: certificates change, sessions go on. */
const ownTicketKeys = randomBytes(48);

/** An SSL_CTX, until its last user has released it. Sessions hold on to it by themselves. */
export class TlsContext implements HandshakeQuestions {
  readonly openssl: Openssl;
  readonly address: number;
  readonly #named: ReadonlyMap<string, number>;
  #users = 1;

  constructor(openssl: Openssl, address: number, named: ReadonlyMap<string, number> = new Map()) {
    this.openssl = openssl;
    this.address = address;
    this.#named = named;
  }

  /** By the whole name, then by all but its first label. */
  contextFor(asked: string): number {
    const name = asked.toLowerCase();
    return this.#named.get(name) ?? this.#named.get(`*${name.slice(name.indexOf("."))}`) ?? 0;
  }

  hold(): this {
    this.#users++;
    return this;
  }

  release(): void {
    if (--this.#users > 0) return;
    for (const context of [this.address, ...this.#named.values()]) this.openssl.freeContext(context);
  }
}

/** Loads what a listener speaks TLS with. Throws an error with OpenSSL's reason, and leaves nothing behind. */
export function serverContext(openssl: Openssl, tls: ServerTls): TlsContext {
  const made: number[] = [];
  const make = (identity: Identity) => {
    const context = newContext(openssl, "server");
    made.push(context);
    useIdentity(openssl, context, identity);
    setStrength(openssl, context, tls);
    // Under every name: where OpenSSL changes to another context, it takes all of this from there.
    askForCertificate(openssl, context, tls);
    setResumption(openssl, context, tls);
    openssl.answerQuestions(context);
    return context;
  };
  try {
    const context = make(tls);
    const named = Object.entries(tls.sni ?? {}).map(([name, each]) => [name, make(each)] as const);
    return new TlsContext(openssl, context, new Map(named));
  } catch (error) {
    for (const context of made) openssl.freeContext(context);
    throw error;
  }
}

/** What a client speaks TLS with; certificates and keys are PEM text. Throws as `serverContext` does. */
export function clientContext(openssl: Openssl, tls: ConnectTls): TlsContext {
  const context = newContext(openssl, "client");
  try {
    setStrength(openssl, context, tls);
    const { cert, key, passphrase } = tls;
    if (cert !== undefined && key !== undefined)
      useIdentity(openssl, context, { cert, key, ...(passphrase !== undefined && { passphrase }) });
    if (tls.ca === undefined) trustRoots(openssl, context);
    else trust(openssl, context, [tls.ca].flat());
    // The handshake goes on whatever is found, so that the whole chain is looked at: whoever connects asks for the result.
    openssl.setVerify(context, SSL_VERIFY_PEER, true);
    return new TlsContext(openssl, context);
  } catch (error) {
    openssl.freeContext(context);
    throw error;
  }
}

function newContext(openssl: Openssl, side: "server" | "client"): number {
  openssl.clearErrors();
  const context = openssl.newContext(side);
  demand(openssl, context !== 0, "no SSL_CTX can be made");
  openssl.setOptions(context, OPTIONS);
  openssl.setMode(context, MODE);
  // Or one peer that changes its keys without end would keep a read, and with it the whole loop, for as long as it likes.
  openssl.clearMode(context, SSL_MODE_AUTO_RETRY);
  openssl.setReadAhead(context);
  openssl.disableSessionCache(context);
  return context;
}

function useIdentity(openssl: Openssl, context: number, identity: Identity): void {
  const [leaf, ...chain] = readCertificates(openssl, identity.cert);
  try {
    demand(openssl, openssl.useCertificate(context, leaf), "the certificate cannot be used");
    for (const issuer of chain)
      demand(openssl, openssl.addToChain(context, issuer), "the chain cannot be used");
  } finally {
    for (const certificate of [leaf, ...chain]) openssl.freeCertificate(certificate);
  }
  const key = withBio(openssl, identity.key, (bio) => openssl.readKey(bio, identity.passphrase ?? ""));
  demand(openssl, key !== 0, "the private key cannot be read");
  const isUsed = openssl.useKey(context, key) && openssl.checkKey(context);
  openssl.freeKey(key);
  demand(openssl, isUsed, "the private key cannot be used");
}

/** All certificates of PEM text, at least one, for the caller to free. */
export function readCertificates(openssl: Openssl, pem: string): number[] {
  const found: number[] = [];
  return withBio(openssl, pem, (bio) => {
    for (;;) {
      const certificate = openssl.readCertificate(bio);
      if (certificate !== 0) {
        found.push(certificate);
        continue;
      }
      const error = takeOpensslError(openssl, "there is a certificate that cannot be read");
      if (found.length > 0 && error.code === END_OF_PEM) return found;
      for (const each of found) openssl.freeCertificate(each);
      throw error;
    }
  });
}

function withBio<T>(openssl: Openssl, text: string, use: (bio: number) => T): T {
  const bio = openssl.newBio(Buffer.from(text));
  try {
    return use(bio);
  } finally {
    openssl.freeBio(bio);
  }
}

/** As Node takes them: names that begin with `TLS_` are those of TLS 1.3; a version without any is not spoken. */
function setStrength(openssl: Openssl, context: number, tls: ServerTls | ConnectTls): void {
  const { ciphers = DEFAULT_CIPHERS } = tls as Partial<ServerTls>;
  const names = ciphers.split(":").filter((name) => name !== "");
  const suites = names.filter((name) => name.startsWith("TLS_"));
  const others = names.filter((name) => !name.startsWith("TLS_"));
  const oldest = tls.minVersion === "TLSv1.3" || others.length === 0 ? TLS1_3_VERSION : TLS1_2_VERSION;
  const newest = suites.length === 0 ? TLS1_2_VERSION : TLS1_3_VERSION;
  if (oldest > newest) throw codedError("ERR_OSSL_NO_CIPHERS_AVAILABLE", "no ciphers available");
  demand(openssl, openssl.setVersions(context, oldest, newest), "the version cannot be had");
  if (suites.length > 0)
    demand(openssl, openssl.setCipherSuites(context, suites.join(":")), "the ciphers cannot be used");
  if (others.length > 0)
    demand(openssl, openssl.setCipherList(context, others.join(":")), "the ciphers cannot be used");
}

function askForCertificate(openssl: Openssl, context: number, tls: ServerTls): void {
  if (tls.requestCert !== true) return;
  // Without any, nobody is believed: the roots of the web vouch for everybody.
  trust(openssl, context, tls.ca ?? [], true);
  const must = tls.rejectUnauthorized !== false;
  openssl.setVerify(
    context,
    must ? SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT : SSL_VERIFY_PEER,
    !must,
  );
}

/** `naming`: clients are told whose certificates are believed. */
function trust(openssl: Openssl, context: number, pems: readonly string[], naming = false): void {
  const store = openssl.newStore();
  try {
    for (const pem of pems)
      for (const certificate of readCertificates(openssl, pem)) {
        openssl.addToStore(store, certificate);
        if (naming) openssl.nameIssuer(context, certificate);
        openssl.freeCertificate(certificate);
      }
    openssl.useStore(context, store);
  } finally {
    openssl.freeStore(store);
  }
}

function setResumption(openssl: Openssl, context: number, tls: ServerTls): void {
  openssl.setSessionIdContext(context, clientRules(tls));
  const given = tls.ticketKeys ?? ownTicketKeys;
  // The name of the keys, as it is, and behind it the keys, at the length that OpenSSL takes by now.
  const name = given.subarray(0, 16);
  const length = openssl.ticketKeySize(context) - name.length;
  const keys = hkdfSync("sha256", given.subarray(16), name, "session tickets", length);
  demand(
    openssl,
    openssl.setTicketKeys(context, Buffer.concat([name, new Uint8Array(keys)])),
    "the ticket keys cannot be used",
  );
}

function demand(openssl: Openssl, done: boolean, otherwise: string): void {
  if (!done) throw takeOpensslError(openssl, otherwise);
}
