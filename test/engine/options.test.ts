import { describe, expect, it } from "vitest";
import { type ContextOptions, DEFAULTS, SECURITY_HEADERS } from "../../lib/api.ts";
import { quietLogger } from "../../lib/base/log.ts";
import { resolveOptions } from "../../lib/engine/options.ts";
import { ProtocolTable } from "../../lib/engine/protocols.ts";

// Wrong values of each option are in context-options.test.ts, through createContext.

const wrong = (options: object) => () => resolveOptions(options as ContextOptions);

describe("options that are left out", () => {
  it("have the defaults of the header", () => {
    const { timeouts, rxBufferSize, maxMessageSize, ...plain } = DEFAULTS;
    const { maxHeaderBytes, maxHeaderCount, maxBodyBytes, ...forSessions } = plain;
    const { maxEmptyFragments, validateOutgoing, securityHeaders: _, ...direct } = forSessions;
    const settings = resolveOptions({});
    expect(settings).toMatchObject(direct);
    expect(settings.timeouts).toEqual(timeouts);
    expect(settings.httpLimits).toEqual({ maxHeaderBytes, maxHeaderCount, maxBodyBytes });
    expect(settings.protocolDefaults).toMatchObject({
      rxBufferSize,
      maxMessageSize,
      maxEmptyFragments,
      validateOutgoing,
    });
    expect(settings.logger).toBe(quietLogger);
    expect(settings).toMatchObject({ protocols: [], plugins: [], mounts: [], extensions: [] });
    for (const name of ["host", "path", "ssl", "origins", "gid", "uid", "user"] as const)
      expect(settings[name], name).toBeUndefined();
  });

  it("are finite, every limit and every time", () => {
    for (const value of [...Object.values(DEFAULTS), ...Object.values(DEFAULTS.timeouts)])
      if (typeof value === "number") expect(Number.isSafeInteger(value)).toBe(true);
  });

  it("may be undefined just as well", () => {
    const names = ["port", "protocols", "backlog", "timeouts", "logger", "origins", "defaultProtocol"];
    const options = Object.fromEntries(names.map((name) => [name, undefined])) as object;
    const plain = ({ defaultProtocol: _, ...rest }: ReturnType<typeof resolveOptions>) => rest;
    expect(plain(resolveOptions(options))).toEqual(plain(resolveOptions({})));
    expect(resolveOptions({ timeouts: { head: undefined } as object }).timeouts).toEqual(DEFAULTS.timeouts);
  });
});

describe("options that are given", () => {
  it("are taken", () => {
    const user = {};
    const settings = resolveOptions({
      port: -1,
      host: "::1",
      backlog: 5,
      reusePort: true,
      maxBodyBytes: 0,
      user,
    });
    expect(settings).toMatchObject({ port: -1, host: "::1", backlog: 5, reusePort: true });
    expect(settings.httpLimits.maxBodyBytes).toBe(0);
    expect(settings.user).toBe(user);
  });

  it("replace single timeouts", () => {
    expect(resolveOptions({ timeouts: { ping: 5 } }).timeouts).toEqual({ ...DEFAULTS.timeouts, ping: 5 });
  });

  it("of origins are kept in the one form that is compared", () => {
    const { origins } = resolveOptions({ origins: ["https://GOOD.example:443", "http://b:80"] });
    expect(origins).toEqual(new Set(["https://good.example", "http://b"]));
  });

  it("cannot be changed afterwards", () => {
    const settings = resolveOptions({ timeouts: { ping: 5 } });
    for (const each of [settings, settings.timeouts, settings.httpLimits, settings.protocolDefaults])
      expect(Object.isFrozen(each)).toBe(true);
  });

  it("name the protocol for who asks for none: the first, another, or nobody", () => {
    const protocols = ["a", "b"].map((name) => ({ name, callback() {} }));
    const table = new ProtocolTable(protocols, resolveOptions({}).protocolDefaults);
    const chosen = (options: ContextOptions) => resolveOptions(options).defaultProtocol(table)?.protocol.name;
    expect(chosen({})).toBe("a");
    expect(chosen({ defaultProtocol: "b" })).toBe("b");
    expect(chosen({ defaultProtocol: false })).toBeUndefined();
    expect(() => chosen({ defaultProtocol: "c" })).toThrow(TypeError);
  });
});

describe("options for who runs a server", () => {
  it("are off unless they are given", () => {
    const { accessLog, errorPage, proxyProtocol, securityHeaders, trustedProxies } = resolveOptions({});
    expect([accessLog, errorPage, proxyProtocol, securityHeaders, trustedProxies]).toEqual([
      ...[undefined, undefined, false, null, null],
    ]);
    expect(resolveOptions({ securityHeaders: false }).securityHeaders).toBeNull();
  });

  it("of security headers are text already, with Strict-Transport-Security over TLS only", () => {
    const { secure, plain } = resolveOptions({ securityHeaders: true }).securityHeaders!;
    expect(secure.text).toBe(
      Object.entries(SECURITY_HEADERS)
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join(""),
    );
    expect(plain.text).toBe(secure.text.replace(/Strict-Transport-Security: .*\r\n/, ""));
    const own = resolveOptions({ securityHeaders: { "x-a": "b" } }).securityHeaders!;
    expect([own.secure.text, own.plain.text]).toEqual(["x-a: b\r\n", "x-a: b\r\n"]);
  });

  it("of proxies are a set of addresses", () => {
    const { trustedProxies } = resolveOptions({ trustedProxies: ["loopback", "10.0.0.0/8"] });
    expect(["::1", "10.9.9.9", "192.0.2.1"].map((address) => trustedProxies!.has(address))).toEqual([
      ...[true, true, false],
    ]);
  });

  it("are named when they are wrong", () => {
    expect(wrong({ trustedProxies: "loopback" })).toThrow(/^trustedProxies: /);
    expect(wrong({ trustedProxies: ["::1", "10.0.0.0/33"] })).toThrow(
      /^trustedProxies\[1\]: .*"10\.0\.0\.0\/33"/,
    );
    expect(wrong({ proxyProtocol: 1 })).toThrow(/^proxyProtocol: /);
    expect(wrong({ accessLog: {} })).toThrow(/^accessLog\.stream: /);
    expect(wrong({ accessLog: { stream: process.stdout, format: "json" } })).toThrow(/^accessLog\.format: /);
    expect(wrong({ securityHeaders: "on" })).toThrow(/^securityHeaders: /);
    expect(wrong({ securityHeaders: { "x-a": 5 } })).toThrow(/^securityHeaders\.x-a: /);
    expect(wrong({ securityHeaders: { "x a": "b" } })).toThrow(/^securityHeaders: .*"x a"/);
    expect(wrong({ errorPage: "<h1>" })).toThrow(/^errorPage: has to be a function/);
  });

  it("of the PROXY protocol exclude TLS, which would begin behind that header", () => {
    const ssl = { cert: "x", key: "y" };
    expect(wrong({ proxyProtocol: true, ssl })).toThrow(/^proxyProtocol: .*TLS/);
    expect(wrong({ proxyProtocol: false, ssl })).not.toThrow();
  });
});

describe("options that are wrong", () => {
  it.each([null, undefined, 5, "port"])("as a whole, %j, throw a TypeError", (options) => {
    expect(wrong(options as unknown as object)).toThrow(TypeError);
  });

  it.each(["prot", "constructor", "toString", "__proto__"])("by their name, %s, are named", (name) => {
    expect(wrong(JSON.parse(`{ "${name}": 1 }`))).toThrow(new RegExp(`^${name}: there is no such option`));
  });

  it("by their value are named with what they have to be", () => {
    expect(wrong({ port: "80" })).toThrow('port: has to be a whole number, -1 to 65535, not "80"');
    expect(wrong({ eventLoop: "kqueue" })).toThrow('eventLoop: has to be one of "auto", "epoll", "node"');
    expect(wrong({ timeouts: { head: 0 } })).toThrow(
      "timeouts.head: has to be a whole number, 1 to 2147483647",
    );
    expect(wrong({ origins: ["https://a", "null"] })).toThrow(/^origins\[1\]: /);
    expect(wrong({ plugins: ["./a.js", ""] })).toThrow(/^plugins\[1\]: /);
    expect(wrong({ logger: { error() {}, warn() {}, info() {} } })).toThrow(/^logger\.debug: /);
    expect(wrong({ ssl: { cert: "x" } })).toThrow(/^ssl\.key: /);
  });

  it("show what was given, whatever it is", () => {
    for (const value of [{}, [], null, Symbol("s"), () => {}, 5n, Number.NaN])
      expect(wrong({ port: value }), String(value)).toThrow(TypeError);
  });

  it("by what stands beside them are named: path with port", () => {
    expect(wrong({ path: "/run/x.sock", port: 80 })).toThrow(/^path: /);
    expect(wrong({ path: "/run/x.sock", host: "127.0.0.1" })).toThrow(/^path: /);
    expect(wrong({ path: "/run/x.sock", port: 0 })).not.toThrow();
  });
});
