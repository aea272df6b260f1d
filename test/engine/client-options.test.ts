import { describe, expect, it, test } from "vitest";
import { basic, redirectedClient, resolveClient } from "../../lib/engine/client-options.ts";
import type { ClientConnectOptions } from "../../lib/index.ts";

const target = (options: ClientConnectOptions) => resolveClient(options).target;

describe("where a client connects to", () => {
  it.each<[ClientConnectOptions, object]>([
    [{ address: "a.test" }, { secure: false, address: "a.test", port: 80, host: "a.test", path: "/" }],
    [
      { address: "a.test", ssl: 1 },
      { secure: true, port: 443, host: "a.test" },
    ],
    [
      { address: "a.test", ssl: 2, port: 8443, path: "/x?y" },
      { port: 8443, host: "a.test:8443", path: "/x?y" },
    ],
    [
      { address: "::1", port: 81 },
      { address: "::1", host: "[::1]:81" },
    ],
    [
      { address: "127.0.0.1", host: "b.test" },
      { address: "127.0.0.1", host: "b.test" },
    ],
    [{ socketPath: "/run/x" }, { socketPath: "/run/x", host: "localhost" }],
    [{ url: "ws://a.test" }, { secure: false, address: "a.test", port: 80, host: "a.test", path: "/" }],
    [{ url: "wss://a.test:8443/x?y=z" }, { secure: true, port: 8443, host: "a.test:8443", path: "/x?y=z" }],
    [{ url: new URL("https://a.test/") }, { secure: true, port: 443, host: "a.test" }],
    [{ url: "ws://[::1]:9/" }, { address: "::1", port: 9, host: "[::1]:9" }],
    [{ url: "ws://a.test/ä b" }, { path: "/%C3%A4%20b" }],
    [
      { url: "ws://a.test/", socketPath: "/run/x" },
      { socketPath: "/run/x", host: "a.test" },
    ],
    [{ url: "wss://a.test/", ssl: { rejectUnauthorized: false } }, { secure: true }],
  ])("%j", (options, expected) => {
    expect(target(options)).toMatchObject(expected);
  });
});

test("sub-protocols are a list, or one string as in C", () => {
  const asked = (protocol: string | string[]) => resolveClient({ address: "a", protocol }).protocols;
  expect(asked("one")).toEqual(["one"]);
  expect(asked("one, two")).toEqual(["one", "two"]);
  expect(asked(["one", "two"])).toEqual(["one", "two"]);
  expect(asked([])).toEqual([]);
  for (const wrong of ["", "a b", ["a b"], [5 as unknown as string], "one,", "one, one"])
    expect(() => asked(wrong)).toThrow(/^protocol: /);
});

test("a name and password in the url go out as Authorization, unless headers have one", () => {
  const url = "ws://user:p%40ss@a.test/";
  expect(resolveClient({ url }).headers).toEqual({ Authorization: `Basic ${btoa("user:p@ss")}` });
  expect(resolveClient({ url, headers: { authorization: "x" } }).headers).toEqual({ authorization: "x" });
  expect(basic(new URL("http://u@h"))).toBe(`Basic ${btoa("u:")}`);
});

test("ssl 2 takes any certificate, 1 only one that is verified", () => {
  expect(resolveClient({ address: "a", ssl: 2 }).tls).toEqual({ rejectUnauthorized: false });
  expect(resolveClient({ address: "a", ssl: 1 }).tls).toEqual({});
  const ssl = { ca: "ca.pem", servername: "b", minVersion: "TLSv1.3" } as const;
  expect(resolveClient({ address: "a", ssl }).tls).toEqual(ssl);
});

it("takes a password without a name for credentials", () => {
  expect(resolveClient({ url: "ws://:token@a/" }).headers).toEqual({ Authorization: "Basic OnRva2Vu" });
});

describe("a wrong option throws a TypeError that names it", () => {
  it.each<[string, object]>([
    ["address", {}],
    ["address", { address: "" }],
    ["address", { address: 5 }],
    ["port", { address: "a", port: 0 }],
    ["port", { address: "a", port: 65_536 }],
    ["port", { address: "a", port: "80" }],
    ["address", { address: "a", socketPath: "/x" }],
    ["port", { port: 80, socketPath: "/x" }],
    ["url", { url: "http//" }],
    ["url", { url: "ftp://a/" }],
    ["url", { url: "ws://a/#x" }],
    ["url", { url: "ws://%zz@a/" }],
    ["url", { url: "ws://a:0/" }],
    ["url", { url: 5 }],
    ["address", { url: "ws://a/", address: "b" }],
    ["port", { url: "ws://a/", port: 80 }],
    ["path", { url: "ws://a/", path: "/" }],
    ["ssl", { url: "ws://a/", ssl: 1 }],
    ["ssl", { url: "wss://a/", ssl: 0 }],
    ["ssl", { address: "a", ssl: 3 }],
    ["ssl", { address: "a", ssl: true }],
    ["ssl.ca", { address: "a", ssl: { ca: 5 } }],
    ["ssl.key", { address: "a", ssl: { cert: "x" } }],
    ["ssl.minVersion", { address: "a", ssl: { minVersion: "SSLv3" } }],
    ["ssl.rejectUnauthorized", { address: "a", ssl: { rejectUnauthorized: 0 } }],
    ["ssl.other", { address: "a", ssl: { other: 1 } }],
    ["path", { address: "a", path: "x" }],
    ["path", { address: "a", path: "/a b" }],
    ["path", { address: "a", path: "/a#b" }],
    ["host", { address: "a", host: "a b" }],
    ["host", { address: "a/b" }],
    ["origin", { address: "a", origin: "a\r\nb" }],
    ["protocol", { address: "a", protocol: 5 }],
    ["protocol", { address: "a", protocol: "a b" }],
    ["protocol", { address: "a", protocol: ["a", "a"] }],
    ["headers", { address: "a", headers: { Host: "b" } }],
    ["headers", { address: "a", headers: { "a b": "c" } }],
    ["headers", { address: "a", headers: { A: "b\r\nc" } }],
    ["headers", { address: "a", headers: [] }],
    ["timeout", { address: "a", timeout: 0 }],
    ["proxy", { address: "a", proxy: "socks://a" }],
    ["proxy", { address: "a", proxy: true }],
    ["proxy", { address: "a", proxy: "http://a%zz:b@h" }],
    ["proxy", { address: "a", proxy: "http://h:0" }],
    ["maxRedirects", { address: "a", maxRedirects: -1 }],
    ["retry", { address: "a", retry: true }],
    ["retry.minDelay", { address: "a", retry: { minDelay: 0 } }],
    ["signal", { address: "a", signal: {} }],
    ["adress", { adress: "a" }],
    ["constructor", { constructor: "a" }],
  ])("%s: %j", (name, options) => {
    const call = () => resolveClient(options as ClientConnectOptions);
    expect(call).toThrow(TypeError);
    expect(call).toThrow(new RegExp(`^${name}:`));
  });

  it("for no options at all", () => {
    for (const options of [undefined, null, "ws://a/"])
      expect(() => resolveClient(options as unknown as ClientConnectOptions)).toThrow(TypeError);
  });
});

describe("a redirect (row 50)", () => {
  const headers = { Authorization: "secret", cookie: "secret", "X-Other": "kept" };
  const ssl = { ca: "ca.pem", servername: "n", cert: "c.pem", key: "k.pem" };
  const ask = resolveClient({ url: "wss://a.test/one/two", headers, ssl });

  it("to the same host keeps all, and finds relative locations", () => {
    for (const location of ["/three", "https://a.test/three", "wss://a.test:443/three", "../three"]) {
      const next = redirectedClient(ask, location)!;
      expect(next.target).toEqual({ ...ask.target, path: "/three" });
      expect([next.headers, next.tls]).toEqual([ask.headers, ask.tls]);
    }
  });

  it.each(["wss://b.test/", "wss://a.test:444/", "ws://a.test/", "//b.test/x"])(
    "to %s drops Authorization, Cookie and the client's certificate",
    (location) => {
      const next = redirectedClient(ask, location)!;
      expect(next.headers).toEqual({ "X-Other": "kept" });
      expect(next.tls).toEqual({ ca: "ca.pem" });
    },
  );

  it("to another place has the certificate verified, whatever was said of the first (row 50)", () => {
    for (const choice of [2, { rejectUnauthorized: false, ca: "ca.pem" }] as const) {
      const first = resolveClient({ url: "wss://a.test/", ssl: choice });
      expect(redirectedClient(first, "/there")!.tls.rejectUnauthorized).toBe(false);
      for (const location of ["wss://b.test/", "wss://a.test:444/"])
        expect(redirectedClient(first, location)!.tls).toEqual(choice === 2 ? {} : { ca: "ca.pem" });
    }
  });

  it("to the name in host is somebody else, unless it is the address too (row 50)", () => {
    const named = resolveClient({ address: "10.0.0.1", host: "b.test", headers });
    for (const location of ["ws://b.test/x", "wss://b.test/x", "//b.test/x"]) {
      const next = redirectedClient(named, location)!;
      expect([next.headers, next.target.address]).toEqual([{ "X-Other": "kept" }, "b.test"]);
    }
    for (const location of ["/x", "x", "ws://10.0.0.1/x", "http://10.0.0.1:80/x"]) {
      const next = redirectedClient(named, location)!;
      expect([next.headers, next.target]).toEqual([headers, { ...named.target, path: "/x" }]);
    }
  });

  it("on a Unix socket stays there for the name that the server goes by", () => {
    const socket = resolveClient({ socketPath: "/run/x", host: "b.test", headers });
    expect(redirectedClient(socket, "ws://b.test/x")!.target).toEqual({ ...socket.target, path: "/x" });
    const away = redirectedClient(socket, "ws://c.test/x")!;
    expect([away.headers, away.target.socketPath]).toEqual([{ "X-Other": "kept" }, undefined]);
    expect(redirectedClient(socket, "wss://b.test/x")!.headers).toEqual({ "X-Other": "kept" });
  });

  it("knows an address however it is written", () => {
    for (const address of ["A.test", "0:0:0:0:0:0:0:1", "127.1"]) {
      const own = resolveClient({ address, port: 8080, host: "h", headers });
      const place = address === "127.1" ? "127.0.0.1" : address.includes(":") ? "[::1]" : "a.test";
      expect(redirectedClient(own, `ws://${place}:8080/x`)!.headers).toEqual(headers);
    }
  });

  it("from plain to TLS on the same name keeps them", () => {
    const plain = resolveClient({ url: "ws://a.test/", headers });
    const next = redirectedClient(plain, "wss://a.test/")!;
    expect([next.headers, next.target.secure, next.target.port]).toEqual([headers, true, 443]);
  });

  it.each(["ftp://a/", "http://[", "ws://a/#x", "data:,x", "ws://127.0.0.1:0/"])(
    "to %s leads nowhere",
    (location) => {
      expect(redirectedClient(ask, location)).toBeUndefined();
    },
  );
});
