import { describe, expect, test } from "vitest";
import type { SslOptions } from "../../lib/api/tls.ts";
import { checkSsl, resolveSsl } from "../../lib/engine/tls-options.ts";

const pair = { cert: "cert.pem", key: "key.pem" };
const wrong = (more: object) => () => checkSsl({ ...pair, ...more }, "ssl");

describe("the options of TLS", () => {
  test("are taken when they are right", () => {
    const right: SslOptions = {
      ...pair,
      passphrase: "",
      sni: { "one.example": pair, "*.one.example": { ...pair, passphrase: "x" }, localhost: pair },
      minVersion: "TLSv1.3",
      ciphers: "TLS_AES_256_GCM_SHA384",
      requestCert: true,
      rejectUnauthorized: true,
      ca: ["a.pem", "b.pem"],
      ticketKeys: new Uint8Array(48),
      redirect: false,
    };
    expect(() => checkSsl(right, "ssl")).not.toThrow();
  });

  test.each([
    ["ssl", null],
    ["ssl", []],
    ["ssl", "cert.pem"],
    ["ssl.cert", {}],
    ["ssl.cert", { cert: "", key: "x" }],
    ["ssl.key", { cert: "x" }],
    ["ssl.key", { cert: "x", key: Buffer.from("x") }],
  ])("need a certificate and a key; else %s is named, %#", (name, value) => {
    expect(() => checkSsl(value, "ssl")).toThrow(new RegExp(`^${name.replace(".", "\\.")}: `));
  });

  test.each([
    ["ssl.dhparam: there is no such option", { dhparam: "x" }],
    ["ssl.toString: there is no such option", { toString: "x" }],
    ["ssl.minVersion: has to be one of", { minVersion: "TLSv1.1" }],
    ["ssl.ciphers: has to be a string", { ciphers: "" }],
    ["ssl.requestCert: has to be true or false", { requestCert: 1 }],
    ["ssl.rejectUnauthorized: it is about client certificates", { rejectUnauthorized: false }],
    ["ssl.ca: it is about client certificates", { ca: "ca.pem" }],
    ["ssl.ca: requestCert needs to know", { requestCert: true }],
    ["ssl.ca: requestCert needs to know", { requestCert: true, ca: [] }],
    ["ssl.ca[1]: has to be a file's path", { requestCert: true, ca: ["x", 5] }],
    ["ssl.ticketKeys: has to be 48 bytes", { ticketKeys: new Uint8Array(47) }],
    ["ssl.ticketKeys: has to be 48 bytes", { ticketKeys: "x".repeat(48) }],
    ["ssl.redirect: has to be true or false", { redirect: "yes" }],
    ["ssl.sni: has to be an object", { sni: [] }],
    ['ssl.sni["*.example.com"].key: has to be', { sni: { "*.example.com": { cert: "x" } } }],
    ['ssl.sni["a.example"].ca: there is no such', { sni: { "a.example": { ...pair, ca: "x" } } }],
    ['ssl.sni["A.example"]: there are two', { sni: { "a.example": pair, "A.example": pair } }],
  ])("throw a TypeError: %s", (message, more) => {
    expect(wrong(more)).toThrow(TypeError);
    expect(wrong(more)).toThrow(message);
  });

  test.each([
    ...["", "*", "*.", "a.*.example", "**.example", "*a.example", ".example", "example.", "a..example"],
    ...[
      "192.0.2.1",
      "::1",
      "[::1]",
      "a b",
      "a/b",
      "a:443",
      "-a.example",
      "a-.example",
      `${"a".repeat(64)}.example`,
    ],
  ])("refuse %j as a name of SNI", (name) => {
    expect(wrong({ sni: { [name]: pair } })).toThrow(`ssl.sni[${JSON.stringify(name)}]: `);
  });

  test("never show a passphrase", () => {
    expect(wrong({ passphrase: 12_345 })).toThrow(/^ssl\.passphrase: has to be a string$/);
  });

  test("need no authorities where nobody is refused", () => {
    expect(wrong({ requestCert: true, rejectUnauthorized: false })).not.toThrow();
  });
});

describe("resolved options of TLS", () => {
  test("have the names as clients send them, and nothing that is undefined", () => {
    const sni = { "*.EXAMPLE.com": pair, "bücher.example": pair };
    expect(resolveSsl({ ...pair, ca: undefined, sni } as object as SslOptions)).toEqual({
      ...pair,
      sni: { "*.example.com": pair, "xn--bcher-kva.example": pair },
    });
  });

  test("cannot be changed", () => {
    const resolved = resolveSsl({ ...pair, sni: { a: pair } });
    expect(Object.isFrozen(resolved)).toBe(true);
    expect(Object.isFrozen(resolved.sni)).toBe(true);
  });
});
