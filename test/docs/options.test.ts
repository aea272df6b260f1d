import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { resolveClient } from "../../lib/engine/client-options.ts";
import { resolveOptions } from "../../lib/engine/options.ts";
import {
  type ClientConnectOptions,
  type ContextOptions,
  DEFAULTS,
  type Mount,
  type Protocol,
  type SslOptions,
  type Timeouts,
} from "../../lib/index.ts";
import { MountTable } from "../../lib/serve/mounts.ts";

const text = readFileSync(new URL("../../docs/options.md", import.meta.url), "utf8");
const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The rows of all tables below a heading, by the name in their first cell. */
function rowsBelow(heading: string): Map<string, string[]> {
  const section = text.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? "";
  const rows = [...section.matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(
    (match) => [match[1], match[2].split("|").map((cell) => cell.trim())] as const,
  );
  const names = rows.map(([name]) => name);
  expect(new Set(names).size, `each of ${names} once`).toBe(names.length);
  return new Map(rows);
}

/** The value in the first code span of a cell; undefined for one that holds a word. */
function codeValue(cell: string): unknown {
  const code = /^`([^`]+)`/.exec(cell)?.[1];
  return code === undefined ? undefined : JSON.parse(code.replaceAll("_", ""));
}

// The compiler sees to it that no name is missing here, and none too many.
const options: Record<keyof ContextOptions, true> = {
  port: true,
  host: true,
  path: true,
  protocols: true,
  plugins: true,
  ssl: true,
  mounts: true,
  extensions: true,
  eventLoop: true,
  origins: true,
  defaultProtocol: true,
  gid: true,
  uid: true,
  user: true,
  logger: true,
  backlog: true,
  reusePort: true,
  maxConnections: true,
  maxConnectionsPerAddress: true,
  maxHeaderBytes: true,
  maxHeaderCount: true,
  maxBodyBytes: true,
  maxBufferedBytes: true,
  maxEmptyFragments: true,
  validateOutgoing: true,
  timeouts: true,
  accessLog: true,
  trustedProxies: true,
  proxyProtocol: true,
  securityHeaders: true,
  errorPage: true,
  bus: true,
  onBusState: true,
};
const sslFields: Record<keyof SslOptions, true> = {
  cert: true,
  key: true,
  passphrase: true,
  sni: true,
  minVersion: true,
  ciphers: true,
  requestCert: true,
  rejectUnauthorized: true,
  ca: true,
  ticketKeys: true,
  redirect: true,
};
const timeouts: Record<keyof Timeouts, true> = {
  head: true,
  keepAlive: true,
  body: true,
  reply: true,
  close: true,
  ping: true,
  pong: true,
  drain: true,
  connect: true,
};
const fields: Record<keyof Protocol, true> = {
  name: true,
  callback: true,
  perSessionData: true,
  rxBufferSize: true,
  wholeMessages: true,
  maxMessageSize: true,
  id: true,
  user: true,
  options: true,
};
const mountFields: Record<keyof Mount, true> = {
  mountpoint: true,
  origin: true,
  redirect: true,
  protocol: true,
  pass: true,
  auth: true,
  index: true,
  fallback: true,
  listing: true,
  precompressed: true,
  cacheControl: true,
  immutable: true,
  dotfiles: true,
  insecureAllowEscapingLinks: true,
  mimeTypes: true,
};

const clientOptions: Record<keyof ClientConnectOptions, true> = {
  url: true,
  address: true,
  port: true,
  socketPath: true,
  ssl: true,
  path: true,
  host: true,
  origin: true,
  protocol: true,
  localProtocol: true,
  headers: true,
  user: true,
  timeout: true,
  proxy: true,
  maxRedirects: true,
  retry: true,
  signal: true,
};

const sorted = (names: Iterable<string>) => [...names].sort();

/** Defaults that are constants of the documentation's tables and stand in no frozen object. */
const plainDefaults: Record<string, unknown> = { ...DEFAULTS, wholeMessages: false };

function holdsDefaults(rows: Map<string, string[]>, defaults: Record<string, unknown>): void {
  for (const [name, [, value]] of rows) {
    if (name === "timeouts") continue;
    expect(codeValue(value), `the default of ${name}`).toBe(defaults[name]);
  }
}

describe("docs/options.md", () => {
  test("names every option of createContext, and no other", () => {
    const rows = rowsBelow("createContext");
    expect(sorted(rows.keys())).toEqual(sorted(Object.keys(options)));
  });

  test("names only what createContext accepts", () => {
    for (const name of rowsBelow("createContext").keys()) {
      expect(() => resolveOptions({ [name]: undefined }), name).not.toThrow();
    }
    for (const name of rowsBelow("Timeouts").keys()) {
      expect(() => resolveOptions({ timeouts: { [name]: 1 } }), name).not.toThrow();
      expect(() => resolveOptions({ timeouts: { [name]: 0 } }), name).toThrow(TypeError);
    }
  });

  test("has the default of every option", () => {
    holdsDefaults(rowsBelow("createContext"), DEFAULTS);
  });

  test("has the least number that each limit takes", () => {
    for (const [name, [type]] of rowsBelow("createContext")) {
      const least = /^number from (\d+)$/.exec(type)?.[1] ?? /^number, (-?\d+) to/.exec(type)?.[1];
      if (least === undefined) continue;
      expect(() => resolveOptions({ [name]: Number(least) }), name).not.toThrow();
      expect(() => resolveOptions({ [name]: Number(least) - 1 }), name).toThrow(TypeError);
    }
  });

  test("has every field of ssl", () => {
    expect(sorted(rowsBelow("ssl").keys())).toEqual(sorted(Object.keys(sslFields)));
  });

  test("has every timeout with its default", () => {
    const rows = rowsBelow("Timeouts");
    expect(sorted(rows.keys())).toEqual(sorted(Object.keys(timeouts)));
    for (const [name, [value]] of rows) {
      expect(codeValue(value), name).toBe(DEFAULTS.timeouts[name as keyof Timeouts]);
    }
  });

  test("has every field of a protocol with its default", () => {
    const rows = rowsBelow("Protocol");
    expect(sorted(rows.keys())).toEqual(sorted(Object.keys(fields)));
    holdsDefaults(rows, plainDefaults);
  });

  test("has every field of a mount, and only what a mount accepts", () => {
    const rows = rowsBelow("Mount");
    expect(sorted(rows.keys())).toEqual(sorted(Object.keys(mountFields)));
    for (const [name, [, value]] of rows) {
      const given = codeValue(value);
      const mount = {
        mountpoint: "/",
        origin: ".",
        ...(given === undefined ? undefined : { [name]: given }),
      };
      expect(() => new MountTable([mount]), name).not.toThrow();
    }
  });

  test("names every option of clientConnect, and no other", () => {
    const rows = rowsBelow("clientConnect");
    expect(sorted(rows.keys())).toEqual(sorted(Object.keys(clientOptions)));
    for (const name of rows.keys())
      expect(() => resolveClient({ [name]: {} }), name).not.toThrow(/no such option/);
  });

  test("leaves no default of the library out", () => {
    const named = new Set([...rowsBelow("createContext").keys(), ...rowsBelow("Protocol").keys()]);
    expect(Object.keys(DEFAULTS).filter((name) => !named.has(name))).toEqual([]);
  });

  test("is not contradicted by the README's table of limits", () => {
    const section = readme.split(/^## /m).find((part) => part.startsWith("Limits\n"))!;
    const limits = Object.fromEntries(
      [...section.matchAll(/^\| ([^|]+) \| ([^|]+) \|/gm)].map((match) => [match[1], match[2]]),
    );
    const { head, ping, pong } = DEFAULTS.timeouts;
    expect(limits).toMatchObject({
      "A message": `${DEFAULTS.maxMessageSize / 2 ** 20} MiB`,
      "Bytes that wait for a reader": `${DEFAULTS.maxBufferedBytes / 2 ** 20} MiB`,
      "Request head": `${DEFAULTS.maxHeaderBytes / 2 ** 10} KiB, ${DEFAULTS.maxHeaderCount} headers`,
      "Request body": `${DEFAULTS.maxBodyBytes / 2 ** 20} MiB`,
      "Time for a request head": `${head / 1000} s`,
      "Time without a byte from a session": `${ping / 1000} s, then a ping and ${pong / 1000} s more`,
      Connections: DEFAULTS.maxConnections.toLocaleString("en").replace(",", " "),
    });
  });
});
