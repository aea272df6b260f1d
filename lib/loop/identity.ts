import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { codedError, errorCode } from "../base/errors.ts";
import type { Identity, ServerTls } from "./loop.ts";
import { pemName, readPem } from "./pem.ts";

/** An `Identity` whose certificate and key are each the path of a file or PEM text. */
export interface IdentityFiles {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string;
}

/** `ServerTls` in files. */
export interface ServerTlsFiles
  extends IdentityFiles,
    Pick<ServerTls, "requestCert" | "rejectUnauthorized" | "minVersion" | "ciphers" | "ticketKeys"> {
  readonly sni?: Readonly<Record<string, IdentityFiles>>;
  readonly ca?: string | readonly string[];
  /** As `allowPlain`; default true. */
  readonly redirect?: boolean;
}

/**
 * Reads all that `ssl` names, and finds out whether TLS can be spoken with it, whichever loop will.
 *
 * @param warn - Hears of what works, but not for long: a certificate that has expired, one for other names.
 * @throws Error `ERR_SSL_FILE`, `ERR_SSL_CERTIFICATE` (as a rejection) that names the option, the file, and OpenSSL's reason.
 */
export async function loadServerTls(ssl: ServerTlsFiles, warn: (text: string) => void): Promise<ServerTls> {
  const { cert: _cert, key: _key, passphrase: _passphrase, sni = {}, ca, redirect = true, ...plain } = ssl;
  attempt("ssl.ciphers", "cannot be used", () => createSecureContext(versionsOf(plain)));
  const own = await loadIdentity(ssl, "ssl", undefined, warn);
  const named: [string, Identity][] = [];
  for (const [name, files] of Object.entries(sni))
    named.push([name, await loadIdentity(files, `ssl.sni["${name}"]`, name, warn)]);
  const tls: ServerTls = { ...plain, ...own, allowPlain: redirect };
  return {
    ...tls,
    ...(named.length > 0 && { sni: Object.fromEntries(named) }),
    ...(ca !== undefined && { ca: await Promise.all([ca].flat().map(loadAuthorities)) }),
  };
}

function versionsOf({ minVersion, ciphers }: Pick<ServerTls, "minVersion" | "ciphers">) {
  return { minVersion: minVersion ?? "TLSv1.2", ...(ciphers !== undefined && { ciphers }) };
}

/** @param at - The option that it is of. */
async function loadIdentity(
  files: IdentityFiles,
  at: string,
  name: string | undefined,
  warn: (text: string) => void,
): Promise<Identity> {
  const cert = await readPem(files.cert, "cert", at);
  const key = await readPem(files.key, "key", at);
  const { passphrase } = files;
  const identity = { cert, key, ...(passphrase !== undefined && { passphrase }) };
  const certificate = checkIdentity(identity, at, { cert: pemName(files.cert), key: pemName(files.key) });
  for (const doubt of doubtsAbout(certificate, name))
    warn(`${at}.cert: the certificate of ${pemName(files.cert)} ${doubt}`);
  return identity;
}

/**
 * Finds out whether a certificate and a key fit together, and OpenSSL takes them. Gives the first certificate of the chain.
 *
 * @param at - The option that they are of.
 * @param names - What they are called in the error.
 * @throws Error `ERR_SSL_CERTIFICATE` that tells what is wrong.
 */
export function checkIdentity(
  identity: Identity,
  at: string,
  names: { cert: string; key: string },
): X509Certificate {
  const { cert, key, passphrase } = identity;
  const swapped = isKey(cert) && !isKey(key) ? "; are cert and key swapped?" : "";
  if (!isCertificate(cert))
    throw wrong(`${at}.cert`, `${names.cert} holds no certificate in PEM form${swapped}`);
  if (!isKey(key)) throw wrong(`${at}.key`, `${names.key} holds no private key in PEM form`);
  const certificate = attempt(`${at}.cert`, `${names.cert} cannot be read`, () => new X509Certificate(cert));
  const secret = openKey(identity, at, names.key);
  const unlike = `${names.key} does not match the certificate ${names.cert}`;
  if (!certificate.checkPrivateKey(secret)) throw wrong(`${at}.key`, `${unlike} (key values mismatch)`);
  attempt(`${at}.cert`, `${names.cert} is not taken by OpenSSL`, () =>
    createSecureContext({ cert, key, ...(passphrase !== undefined && { passphrase }) }),
  );
  return certificate;
}

function openKey({ key, passphrase }: Identity, at: string, name: string): KeyObject {
  if (/ENCRYPTED/.test(key) && passphrase === undefined)
    throw wrong(`${at}.key`, `${name} is encrypted: it needs ${at}.passphrase`);
  try {
    return createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) });
  } catch (error) {
    const locked = errorCode(error) === "ERR_OSSL_BAD_DECRYPT";
    if (locked) throw wrong(`${at}.passphrase`, `it does not open ${name} (${reasonOf(error)})`, error);
    throw wrong(`${at}.key`, `${name} cannot be read (${reasonOf(error)})`, error);
  }
}

/** What is doubtful about a certificate that can be used. */
function* doubtsAbout(certificate: X509Certificate, name: string | undefined): Iterable<string> {
  const now = Date.now();
  if (Date.parse(certificate.validTo) < now) yield `has expired on ${certificate.validTo}`;
  if (Date.parse(certificate.validFrom) > now) yield `is not valid before ${certificate.validFrom}`;
  if (name !== undefined && certificate.checkHost(name.replace("*", "any")) === undefined)
    yield `is not for ${name}`;
}

const CERTIFICATE_BLOCKS = /-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----[^-]+-----END \1-----/g;

/** Each is looked at by itself: OpenSSL stops at the first one that is broken, and says nothing. */
async function loadAuthorities(source: string): Promise<string> {
  const pem = await readPem(source, "ca");
  const blocks = pem.match(CERTIFICATE_BLOCKS) ?? [];
  if (blocks.length === 0) throw wrong("ssl.ca", `${pemName(source)} holds no certificate in PEM form`);
  for (const block of blocks)
    attempt("ssl.ca", `${pemName(source)} cannot be read`, () => new X509Certificate(block));
  return pem;
}

function isCertificate(pem: string): boolean {
  return /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/.test(pem);
}

function isKey(pem: string): boolean {
  return /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/.test(pem);
}

function attempt<T>(at: string, what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw wrong(at, `${what} (${reasonOf(error)})`, error);
  }
}

function wrong(at: string, what: string, cause?: unknown): Error {
  return codedError("ERR_SSL_CERTIFICATE", `${at}: ${what}`, cause);
}

/** OpenSSL's own words. */
function reasonOf(error: unknown): string {
  const { reason, message } = error as { reason?: string; message?: string };
  return reason ?? message ?? String(error);
}
