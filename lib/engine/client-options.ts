import type { ClientConnectOptions, ClientTls } from "../api/client.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { checkOptions } from "../base/known-options.ts";
import type { ConnectTls } from "../loop/loop.ts";
import { buildUpgradeRequest, checkRequestHeader } from "../ws/handshake-client.ts";
import { isProtocolName } from "../ws/handshake-server.ts";
import { checkRetry } from "./client-retry.ts";
import { type Check, integer, MAX_TIMEOUT, text, withoutUndefined, wrong } from "./options.ts";

/** Where a client connects to. */
export interface ClientTarget {
  readonly secure: boolean;
  readonly address: string;
  readonly port: number;
  readonly socketPath: string | undefined;
  /** The Host header. */
  readonly host: string;
  /** Path and query. */
  readonly path: string;
}

/** What a client wants: checked, and with every default in its place. */
export interface ClientAsk {
  readonly target: ClientTarget;
  /** What to say of TLS wherever it is spoken. */
  readonly tls: ConnectTls;
  readonly origin: string | undefined;
  readonly protocols: readonly string[];
  readonly headers: OutgoingHeaders;
  /** Undefined for what the environment says. */
  readonly proxy: string | false | undefined;
}

const CHECKS: Record<keyof ClientConnectOptions, Check> = {
  url: urlOfSocket,
  address: text,
  port: integer(1, 65_535),
  socketPath: text,
  ssl: sslChoice,
  path: text,
  host: text,
  origin: text,
  protocol: nameOrNames,
  localProtocol: () => {},
  headers: headerObject,
  user: () => {},
  timeout: integer(1, MAX_TIMEOUT),
  proxy: proxyOrFalse,
  maxRedirects: integer(0),
  retry: checkRetry,
  signal: abortSignal,
};

/** @throws TypeError that names the option, for one that does not exist or is not what it has to be. */
export function resolveClient(options: ClientConnectOptions): ClientAsk {
  checkOptions("clientConnect", options);
  for (const [name, value] of Object.entries(options)) {
    const check = CHECKS[name as keyof ClientConnectOptions];
    if (!Object.hasOwn(CHECKS, name)) throw new TypeError(`${name}: there is no such option`);
    if (value !== undefined) check(value, name);
  }
  const url = options.url === undefined ? undefined : parseSocketUrl(options.url);
  const ask: ClientAsk = {
    target: url === undefined ? targetOfOptions(options) : targetOfUrl(url, options),
    tls: tlsOf(options.ssl),
    origin: options.origin,
    protocols: namesOf(options.protocol),
    headers: { ...credentials(url, options.headers), ...options.headers },
    proxy: options.proxy,
  };
  // The request is built later; what could not be sent then is told now.
  buildUpgradeRequest({ ...ask.target, ...ask });
  return ask;
}

/**
 * The ask that follows a redirect; undefined when its location leads nowhere.
 *
 * Another address, port or the way from TLS to plain is somebody else, who gets no credentials, nor the client's
 * certificate, and has to show a right one. It is the place that counts, not the Host header: that may be any.
 */
export function redirectedClient(ask: ClientAsk, location: string): ClientAsk | undefined {
  const { target } = ask;
  let here: ClientTarget;
  let next: ClientTarget;
  try {
    // A Unix socket has no place but the name that the server goes by.
    const place = target.socketPath === undefined ? authorityOf(target) : target.host;
    const url = new URL(`${target.secure ? "wss" : "ws"}://${place}${target.path}`);
    here = targetOfUrl(url, {});
    next = targetOfUrl(parseSocketUrl(new URL(location, url)), {});
  } catch {
    return undefined;
  }
  if (next.host === here.host && next.secure === here.secure)
    return { ...ask, target: { ...target, path: next.path } };
  // From port 80 to 443 of the same name, where neither port is written.
  if (next.host === here.host && next.secure && target.socketPath === undefined)
    return { ...ask, target: next };
  const { ca, minVersion } = ask.tls;
  const headers = Object.entries(ask.headers).filter(([name]) => !CREDENTIALS.test(name));
  return {
    ...ask,
    target: next,
    tls: withoutUndefined({ ca, minVersion }) as ConnectTls,
    headers: Object.fromEntries(headers),
  };
}

/** Address and port as a URL has them. */
export function authorityOf({ address, port }: ClientTarget): string {
  return `${inUrl(address)}:${port}`;
}

function inUrl(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

const CREDENTIALS = /^(?:authorization|cookie2?|proxy-authorization)$/i;

// ── Where to ───────────────────────────────────────────────────────────────────────────────────────────────

function targetOfOptions(options: ClientConnectOptions): ClientTarget {
  const { address, socketPath, path = "/" } = options;
  const secure = options.ssl !== undefined && options.ssl !== 0;
  if (socketPath !== undefined) {
    for (const name of ["address", "port"] as const)
      if (options[name] !== undefined) throw new TypeError(`${name}: socketPath stands in its place`);
    return { secure, address: "", port: 0, socketPath, host: options.host ?? "localhost", path };
  }
  if (address === undefined)
    throw new TypeError("address: clientConnect takes an address, a url or a socketPath");
  const port = options.port ?? defaultPort(secure);
  const named = inUrl(address);
  const host = options.host ?? (port === defaultPort(secure) ? named : `${named}:${port}`);
  return { secure, address, port, socketPath, host, path };
}

function targetOfUrl(url: URL, options: ClientConnectOptions): ClientTarget {
  for (const name of ["address", "port", "path"] as const)
    if (options[name] !== undefined) throw new TypeError(`${name}: it stands in url already`);
  const secure = url.protocol === "wss:";
  if (options.ssl !== undefined && (options.ssl !== 0) !== secure)
    throw new TypeError(`ssl: the url says ${url.protocol.slice(0, -1)}`);
  const { socketPath } = options;
  const port = url.port === "" ? defaultPort(secure) : Number(url.port);
  if (port === 0) throw new TypeError(`url: ${url.host} names no port that one could connect to`);
  const address = url.hostname.replace(/^\[|\]$/g, "");
  const path = url.pathname + url.search;
  return { secure, address, port, socketPath, host: options.host ?? url.host, path };
}

function defaultPort(secure: boolean): number {
  return secure ? 443 : 80;
}

/** http and https mean ws and wss, as browsers have it too. */
function parseSocketUrl(source: string | URL): URL {
  const url = new URL(String(source).replace(/^http(?=s?:)/i, "ws"));
  if (url.protocol !== "ws:" && url.protocol !== "wss:")
    throw new TypeError("it begins with ws:// or wss://");
  if (url.hash !== "") throw new TypeError("it has a fragment");
  return url;
}

/** Basic credentials (RFC 7617), unless headers say otherwise. */
function credentials(url: URL | undefined, headers: OutgoingHeaders = {}): OutgoingHeaders {
  if (url === undefined || !hasCredentials(url)) return {};
  if (Object.keys(headers).some((name) => name.toLowerCase() === "authorization")) return {};
  return { Authorization: basic(url) };
}

/** True where a URL names somebody; a password alone does too. */
export function hasCredentials({ username, password }: URL): boolean {
  return username !== "" || password !== "";
}

/** The value of Authorization for the name and password of a URL. */
export function basic({ username, password }: URL): string {
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(plain).toString("base64")}`;
}

function tlsOf(ssl: ClientConnectOptions["ssl"]): ConnectTls {
  if (ssl === 2) return { rejectUnauthorized: false };
  return typeof ssl === "object" ? withoutUndefined(ssl) : {};
}

/** A list in one string too, as C has it. */
function namesOf(protocol: string | readonly string[] = []): readonly string[] {
  return typeof protocol === "string" ? protocol.split(",").map((name) => name.trim()) : protocol;
}

// ── The checks ─────────────────────────────────────────────────────────────────────────────────────────────

function urlOfSocket(value: unknown, name: string): void {
  if (typeof value !== "string" && !(value instanceof URL)) throw wrong(name, "a URL", value);
  try {
    const url = parseSocketUrl(value);
    basic(url);
  } catch (error) {
    throw new TypeError(
      `${name}: ${JSON.stringify(String(value))} cannot be used: ${(error as Error).message}`,
    );
  }
}

function proxyOrFalse(value: unknown, name: string): void {
  if (value === false) return;
  const usable = typeof value === "string" && URL.canParse(value) && isProxy(new URL(value));
  if (!usable) throw wrong(name, 'false, or a URL such as "http://10.0.0.1:3128"', value);
}

function isProxy(url: URL): boolean {
  try {
    basic(url);
    return url.protocol === "http:" && url.port !== "0";
  } catch {
    // Percent signs that mean nothing.
    return false;
  }
}

const TLS_TEXTS: readonly string[] = ["cert", "key", "passphrase", "servername"];

function sslChoice(value: unknown, name: string): void {
  if (value === 0 || value === 1 || value === 2) return;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, "0, 1, 2 or an object", value);
  for (const [field, given] of Object.entries(value)) if (given !== undefined) tlsField(field, given, name);
  const { cert, key } = value as ClientTls;
  if ((cert === undefined) !== (key === undefined))
    throw new TypeError(`${name}.${cert === undefined ? "cert" : "key"}: certificate and key go together`);
}

function tlsField(field: string, given: unknown, name: string): void {
  const at = `${name}.${field}`;
  if (TLS_TEXTS.includes(field)) text(given, at);
  else if (field === "ca") for (const each of [given].flat()) text(each, at);
  else if (field === "rejectUnauthorized") {
    if (typeof given !== "boolean") throw wrong(at, "true or false", given);
  } else if (field === "minVersion") {
    if (given !== "TLSv1.2" && given !== "TLSv1.3") throw wrong(at, '"TLSv1.2" or "TLSv1.3"', given);
  } else throw new TypeError(`${at}: there is no such option`);
}

function abortSignal(value: unknown, name: string): void {
  if (!(value instanceof AbortSignal)) throw wrong(name, "an AbortSignal", value);
}

function nameOrNames(value: unknown, name: string): void {
  if (typeof value !== "string" && !Array.isArray(value))
    throw wrong(name, "a name or a list of names", value);
  const names = namesOf(value);
  for (const each of names)
    if (typeof each !== "string" || !isProtocolName(each))
      throw wrong(name, "a token, or a list of them", each);
  if (new Set(names).size < names.length) throw new TypeError(`${name}: a name stands in it twice`);
}

function headerObject(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, "an object of headers", value);
  try {
    for (const [header, given] of Object.entries(value)) checkRequestHeader(header, given);
  } catch (error) {
    throw new TypeError(`${name}: ${(error as Error).message}`);
  }
}
