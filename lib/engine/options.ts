import {
  type AccessLogOptions,
  type ContextOptions,
  DEFAULTS,
  type ErrorPage,
  type Mount,
  type PluginSpec,
  SECURITY_HEADERS,
  type Timeouts,
} from "../api/options.ts";
import type { Protocol } from "../api/protocol.ts";
import type { SslOptions } from "../api/tls.ts";
import { AddressSet, isAddressSpec } from "../base/address-set.ts";
import { checkKnown, checkOptions } from "../base/known-options.ts";
import { guarded, type Logger, quietLogger } from "../base/log.ts";
import type { Bus } from "../bus/bus.ts";
import type { HttpLimits } from "../http/limits.ts";
import { DefaultHeaders } from "../http/outgoing.ts";
import { isToken } from "../http/tokens.ts";
import { type Extension, RSV1, RSV2, RSV3 } from "../ws/extension.ts";
import { normalOrigin } from "../ws/origin.ts";
import { type Check, flag, integer, list, oneOf, text, wrong } from "./checks.ts";
import type { BoundProtocol, ProtocolDefaults, ProtocolTable } from "./protocols.ts";
import { checkSsl, resolveSsl } from "./tls-options.ts";

export { type Check, integer, text, wrong } from "./checks.ts";

/** The options of a context: checked, and with every default in its place. */
export interface Settings {
  readonly port: number;
  readonly host: string | undefined;
  readonly path: string | undefined;
  readonly protocols: readonly Protocol[];
  readonly plugins: readonly PluginSpec[];
  readonly ssl: SslOptions | undefined;
  readonly mounts: readonly Mount[];
  readonly eventLoop: "auto" | "epoll" | "node";
  readonly extensions: readonly Extension[];
  readonly origins: ReadonlySet<string> | undefined;
  readonly gid: number | string | undefined;
  readonly uid: number | string | undefined;
  readonly user: unknown;
  readonly logger: Logger;
  readonly backlog: number;
  readonly reusePort: boolean;
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  readonly maxBufferedBytes: number;
  readonly protocolDefaults: ProtocolDefaults;
  readonly httpLimits: HttpLimits;
  readonly timeouts: Timeouts;
  readonly accessLog: AccessLogOptions | undefined;
  readonly trustedProxies: AddressSet | null;
  readonly proxyProtocol: boolean;
  /** What replies have besides, over TLS and without. */
  readonly securityHeaders: SecurityHeaders | null;
  readonly errorPage: ErrorPage | undefined;
  readonly bus: Bus | undefined;
  readonly onBusState: ContextOptions["onBusState"];
  /** The protocol of a session that asks for none. */
  defaultProtocol(table: ProtocolTable): BoundProtocol | undefined;
}

interface SecurityHeaders {
  readonly secure: DefaultHeaders;
  readonly plain: DefaultHeaders;
}

/** What each option has to be. A name that is not here is a mistake. */
const CHECKS: Record<keyof ContextOptions, Check> = {
  port: integer(-1, 65_535),
  host: text,
  path: text,
  protocols: list,
  plugins: pluginList,
  ssl: checkSsl,
  mounts: list,
  eventLoop: oneOf("auto", "epoll", "node"),
  extensions: extensionList,
  origins: originList,
  defaultProtocol: nameOrFalse,
  gid: idOrName,
  uid: idOrName,
  user: () => {},
  logger: loggerMethods,
  backlog: integer(1, 65_535),
  reusePort: flag,
  maxConnections: integer(1),
  maxConnectionsPerAddress: integer(1),
  maxHeaderBytes: integer(256),
  maxHeaderCount: integer(1),
  maxBodyBytes: integer(0),
  maxBufferedBytes: integer(1),
  maxEmptyFragments: integer(1),
  validateOutgoing: flag,
  timeouts: timeoutTable,
  accessLog: accessLogOptions,
  trustedProxies: addressList,
  proxyProtocol: flag,
  securityHeaders: headerTable,
  errorPage: aFunction,
  bus: aBus,
  onBusState: aFunction,
};

/** @throws TypeError that names the option, for one that does not exist or is not what it has to be. */
export function resolveOptions(options: ContextOptions): Settings {
  checkOptions("createContext", options);
  for (const [name, value] of Object.entries(options)) {
    const check = CHECKS[name as keyof ContextOptions];
    if (!Object.hasOwn(CHECKS, name)) throw new TypeError(`${name}: there is no such option`);
    if (value !== undefined) check(value, name);
  }
  if (options.path !== undefined && (options.port || options.host !== undefined)) {
    throw new TypeError("path: a Unix socket stands in the place of port and host; give one or the other");
  }
  if (options.proxyProtocol && options.ssl !== undefined) {
    throw new TypeError("proxyProtocol: its header stands before TLS; with ssl it cannot be read here");
  }
  return settingsFrom(options);
}

function settingsFrom(options: ContextOptions): Settings {
  const all = { ...DEFAULTS, ...withoutUndefined(options) } as typeof DEFAULTS & ContextOptions;
  const { maxHeaderBytes, maxHeaderCount, maxBodyBytes } = all;
  return Object.freeze({
    port: all.port,
    host: all.host,
    path: all.path,
    protocols: options.protocols ?? [],
    plugins: options.plugins ?? [],
    ssl: options.ssl && resolveSsl(options.ssl),
    mounts: options.mounts ?? [],
    eventLoop: all.eventLoop,
    extensions: Object.freeze([...(options.extensions ?? [])]),
    origins: options.origins && new Set(options.origins.map((origin) => normalOrigin(origin)!)),
    gid: options.gid,
    uid: options.uid,
    user: options.user,
    logger: options.logger === undefined ? quietLogger : guarded(options.logger),
    backlog: all.backlog,
    reusePort: all.reusePort,
    maxConnections: all.maxConnections,
    maxConnectionsPerAddress: all.maxConnectionsPerAddress,
    maxBufferedBytes: all.maxBufferedBytes,
    protocolDefaults: Object.freeze({
      rxBufferSize: DEFAULTS.rxBufferSize,
      maxMessageSize: DEFAULTS.maxMessageSize,
      maxEmptyFragments: all.maxEmptyFragments,
      maxBufferedBytes: all.maxBufferedBytes,
      validateOutgoing: all.validateOutgoing,
    }),
    httpLimits: Object.freeze({ maxHeaderBytes, maxHeaderCount, maxBodyBytes }),
    timeouts: Object.freeze({ ...DEFAULTS.timeouts, ...withoutUndefined(options.timeouts ?? {}) }),
    accessLog: options.accessLog,
    trustedProxies: options.trustedProxies === undefined ? null : new AddressSet(options.trustedProxies),
    proxyProtocol: all.proxyProtocol,
    securityHeaders: securityHeaders(options.securityHeaders ?? false),
    errorPage: options.errorPage,
    bus: options.bus,
    onBusState: options.onBusState,
    defaultProtocol: defaultProtocol(options.defaultProtocol),
  });
}

function defaultProtocol(
  choice: string | false | undefined,
): (table: ProtocolTable) => BoundProtocol | undefined {
  if (choice === false) return () => undefined;
  return (table) => (choice === undefined ? table.first : table.find(choice));
}

/** Strict-Transport-Security means something over TLS only (RFC 6797 section 7.2). */
function securityHeaders(choice: boolean | Readonly<Record<string, string>>): SecurityHeaders | null {
  if (choice === false) return null;
  const all = Object.entries(choice === true ? SECURITY_HEADERS : choice);
  const plain = all.filter(([name]) => name.toLowerCase() !== "strict-transport-security");
  return {
    secure: new DefaultHeaders(Object.fromEntries(all)),
    plain: new DefaultHeaders(Object.fromEntries(plain)),
  };
}

export function withoutUndefined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

// ── The checks ─────────────────────────────────────────────────────────────────────────────────────────────

function idOrName(value: unknown, name: string): void {
  if (typeof value === "string" ? value === "" : !Number.isInteger(value) || (value as number) < 0) {
    throw wrong(name, "a number or a name", value);
  }
}

function nameOrFalse(value: unknown, name: string): void {
  if (value !== false && typeof value !== "string")
    throw wrong(name, "the name of a protocol, or false", value);
}

function pluginList(value: unknown, name: string): void {
  list(value, name);
  for (const [index, spec] of (value as unknown[]).entries()) {
    const module = typeof spec === "object" && spec !== null ? (spec as { module?: unknown }).module : spec;
    if (typeof module !== "string" || module === "") {
      throw wrong(`${name}[${index}]`, "a module's name or path, or { module, options }", spec);
    }
  }
}

function originList(value: unknown, name: string): void {
  list(value, name);
  for (const [index, origin] of (value as unknown[]).entries()) {
    if (typeof origin !== "string" || normalOrigin(origin) === null) {
      throw wrong(`${name}[${index}]`, 'an origin such as "https://example.com"', origin);
    }
  }
}

function extensionList(value: unknown, name: string): void {
  list(value, name);
  const names = new Set<string>();
  for (const [index, extension] of (value as unknown[]).entries()) {
    const given = (extension ?? {}) as Partial<Record<keyof Extension, unknown>>;
    const at = `${name}[${index}]`;
    for (const method of ["accept", "offer", "agree"] as const) {
      if (typeof given[method] !== "function")
        throw wrong(at, "an extension, such as permessageDeflate()", extension);
    }
    if (typeof given.name !== "string" || !isToken(given.name))
      throw wrong(`${at}.name`, "a token", given.name);
    if (names.has(given.name)) throw new TypeError(`${name}: two are named "${given.name}"`);
    names.add(given.name);
    if (![RSV1, RSV2, RSV3].includes(given.rsv as number))
      throw wrong(`${at}.rsv`, "RSV1, RSV2 or RSV3", given.rsv);
  }
}

function loggerMethods(value: unknown, name: string): void {
  methods(value, name, ["error", "warn", "info", "debug"]);
}

function aBus(value: unknown, name: string): void {
  methods(value, name, ["subscribe", "publish", "close"]);
  text((value as Bus).name, `${name}.name`);
}

function methods(value: unknown, name: string, wanted: readonly string[]): void {
  if (value === null || (typeof value !== "object" && typeof value !== "function"))
    throw wrong(name, `an object with ${wanted.join(", ")}`, value);
  for (const method of wanted) {
    const given = (value as Record<string, unknown>)[method];
    if (typeof given !== "function") throw wrong(`${name}.${method}`, "a function", given);
  }
}

function aFunction(value: unknown, name: string): void {
  if (typeof value !== "function") throw wrong(name, "a function", value);
}

function accessLogOptions(value: unknown, name: string): void {
  checkKnown(name, value, ["format", "stream"]);
  const { format, stream } = value as { format?: unknown; stream?: { write?: unknown } | null };
  const isFormat = format === undefined || format === "common" || format === "combined";
  if (!isFormat && typeof format !== "function")
    throw wrong(`${name}.format`, '"common", "combined" or a function', format);
  if (typeof stream?.write !== "function") throw wrong(`${name}.stream`, "a stream to write to", stream);
}

function addressList(value: unknown, name: string): void {
  list(value, name);
  for (const [index, spec] of (value as unknown[]).entries()) {
    if (typeof spec !== "string" || !isAddressSpec(spec)) {
      throw wrong(
        `${name}[${index}]`,
        'an address, a range such as "10.0.0.0/8", "loopback", "private" or "unix"',
        spec,
      );
    }
  }
}

function headerTable(value: unknown, name: string): void {
  if (typeof value === "boolean") return;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, "true, false or an object of headers", value);
  for (const [header, text] of Object.entries(value)) {
    if (typeof text !== "string") throw wrong(`${name}.${header}`, "a string", text);
  }
  try {
    new DefaultHeaders(value as Record<string, string>);
  } catch (error) {
    throw new TypeError(`${name}: ${(error as Error).message}`);
  }
}

/** The longest delay that a timer of Node's takes, about 24 days. */
export const MAX_TIMEOUT = 2 ** 31 - 1;

function timeoutTable(value: unknown, name: string): void {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(name, "an object of milliseconds", value);
  for (const [which, ms] of Object.entries(value)) {
    if (!Object.hasOwn(DEFAULTS.timeouts, which))
      throw new TypeError(`${name}.${which}: there is no such timeout`);
    if (ms !== undefined) integer(1, MAX_TIMEOUT)(ms, `${name}.${which}`);
  }
}
