import { domainToASCII } from "node:url";
import type { SslCertificate, SslOptions } from "../api/tls.ts";
import { parseIp } from "../base/ip.ts";
import { type Check, flag, oneOf, text, wrong } from "./checks.ts";

const IDENTITY_CHECKS: Record<keyof SslCertificate, Check> = {
  cert: fileOrPem,
  key: fileOrPem,
  passphrase: secret,
};

const CHECKS: Record<keyof SslOptions, Check> = {
  ...IDENTITY_CHECKS,
  sni: certificatesByName,
  minVersion: oneOf("TLSv1.2", "TLSv1.3"),
  ciphers: text,
  requestCert: flag,
  rejectUnauthorized: flag,
  ca: oneOrMore,
  ticketKeys: sealingKeys,
  redirect: flag,
};

/** The length of what seals tickets: a name, a key for HMAC and one for AES, 16 bytes each. */
const TICKET_KEYS_LENGTH = 48;

/** @throws TypeError that names the field. */
export function checkSsl(value: unknown, name: string): void {
  checkFields(value, name, CHECKS);
  const { requestCert = false, rejectUnauthorized, ca } = value as SslOptions;
  for (const [field, given] of Object.entries({ rejectUnauthorized, ca }))
    if (!requestCert && given !== undefined)
      throw new TypeError(`${name}.${field}: it is about client certificates, and goes with requestCert`);
  if (requestCert && rejectUnauthorized !== false && (ca === undefined || ca.length === 0))
    throw new TypeError(`${name}.ca: requestCert needs to know whose certificates to believe`);
}

/** The same options, checked, without what is undefined and with the names of `sni` as TLS has them. */
export function resolveSsl({ sni, ...rest }: SslOptions): SslOptions {
  const given = Object.entries(rest).filter(([, value]) => value !== undefined);
  const options = Object.fromEntries(given) as Omit<SslOptions, "sni">;
  if (sni === undefined) return Object.freeze(options);
  const named = Object.entries(sni).map(([name, identity]) => [serverName(name), identity]);
  return Object.freeze({ ...options, sni: Object.freeze(Object.fromEntries(named)) });
}

function checkFields(value: unknown, name: string, checks: Record<string, Check>): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, "an object with cert and key", value);
  for (const field of ["cert", "key"])
    fileOrPem((value as SslCertificate)[field as "cert"], `${name}.${field}`);
  for (const [field, given] of Object.entries(value)) {
    if (!Object.hasOwn(checks, field)) throw new TypeError(`${name}.${field}: there is no such option`);
    if (given !== undefined) checks[field]!(given, `${name}.${field}`);
  }
}

function certificatesByName(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, "an object of certificates by name", value);
  const seen = new Set<string>();
  for (const [key, identity] of Object.entries(value)) {
    const at = `${name}[${JSON.stringify(key)}]`;
    const known = serverName(key);
    if (known === null) throw new TypeError(`${at}: that is no name of a server, nor "*." before one`);
    if (seen.has(known)) throw new TypeError(`${at}: there are two certificates for "${known}"`);
    seen.add(known);
    checkFields(identity, at, IDENTITY_CHECKS);
  }
}

/** A name in the form that stands in a ClientHello (RFC 6066 section 3); null for what cannot stand there. */
function serverName(name: string): string | null {
  const [, star, rest] = /^(\*\.)?(.*)$/s.exec(name) as unknown as [string, string | undefined, string];
  // It would take a whole authority, and read as far as the name goes.
  const ascii = NAME_CHARACTERS.test(rest) ? domainToASCII(rest) : "";
  if (!SERVER_NAME.test(ascii) || parseIp(ascii) !== null || ascii.length > 253) return null;
  return `${star ?? ""}${ascii}`;
}

const NAME_CHARACTERS = /^[\w.\u0080-\u{10ffff}-]+$/u;
const LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?";
const SERVER_NAME = new RegExp(`^${LABEL}(?:\\.${LABEL})*$`);

function fileOrPem(value: unknown, name: string): void {
  if (typeof value !== "string" || value === "") throw wrong(name, "a file's path or PEM text", value);
}

function oneOrMore(value: unknown, name: string): void {
  if (!Array.isArray(value)) return fileOrPem(value, name);
  for (const [index, each] of value.entries()) fileOrPem(each, `${name}[${index}]`);
}

/** What is wrong with it is not shown. */
function secret(value: unknown, name: string): void {
  if (typeof value !== "string") throw new TypeError(`${name}: has to be a string`);
}

function sealingKeys(value: unknown, name: string): void {
  if (!(value instanceof Uint8Array) || value.length !== TICKET_KEYS_LENGTH)
    throw new TypeError(`${name}: has to be ${TICKET_KEYS_LENGTH} bytes`);
}
