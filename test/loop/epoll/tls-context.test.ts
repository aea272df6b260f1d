import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import { loadOpenssl } from "../../../lib/loop/epoll/openssl.ts";
import { clientContext, readCertificates, serverContext } from "../../../lib/loop/epoll/tls-context.ts";
import type { ServerTls } from "../../../lib/loop/loop.ts";
import { Authority, pemOf } from "../../support/certificates.ts";
import { temporaryFolder } from "../../support/server.ts";
import { drive, Recorder } from "../recorder.ts";
import { tlsClient } from "../tls-client.ts";

const openssl = loadOpenssl();
const authority = new Authority(temporaryFolder());
const pair = authority.issue("localhost");
const here = pemOf(pair);
const other = pemOf(authority.issue("other.example"));
const ca = pemOf(authority).cert;
const locked = { ...here, key: readFileSync(authority.encrypted(pair, "open sesame"), "utf8") };

/** The error of TLS that does not load; it leaves nothing in the queue for others to trip over. */
function failureOf(tls: ServerTls): unknown {
  try {
    serverContext(openssl, tls).release();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    expect(openssl.takeError()).toBe(0);
  }
}

test("loads a certificate, a chain, an encrypted key, authorities, ticket keys and named certificates", () => {
  const all: ServerTls[] = [
    here,
    { ...here, cert: `${here.cert}\n${ca}` },
    { ...locked, passphrase: "open sesame" },
    { ...here, ca: [ca, ca], requestCert: true },
    { ...here, ticketKeys: randomBytes(48), sni: { "other.example": other } },
    { ...here, minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256" },
    { ...here, ciphers: "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256" },
  ];
  for (const tls of all) expect(failureOf(tls)).toBeUndefined();
});

test.each<[string, ServerTls, string, RegExp]>([
  [
    "a key of another certificate",
    { ...here, key: other.key },
    "ERR_OSSL_X509_KEY_VALUES_MISMATCH",
    /values mismatch/,
  ],
  ["no certificate", { ...here, cert: "none" }, "ERR_OSSL_PEM_NO_START_LINE", /no start line/],
  ["no key", { ...here, key: "none" }, "ERR_OSSL_", /./],
  ["an encrypted key without its passphrase", locked, "ERR_OSSL_", /./],
  ["a wrong passphrase", { ...locked, passphrase: "sesame" }, "ERR_OSSL_", /./],
  ["a chain that is cut", { ...here, cert: here.cert + ca.slice(0, 300) }, "ERR_OSSL_PEM_", /./],
  ["no such cipher", { ...here, ciphers: "NONE" }, "ERR_OSSL_NO_CIPHER_MATCH", /no cipher match/],
  ["no such suite", { ...here, ciphers: "TLS_NONE" }, "ERR_OSSL_NO_CIPHER_MATCH", /no cipher match/],
  [
    "no cipher of the oldest version",
    { ...here, ciphers: "ECDHE-RSA-AES128-GCM-SHA256", minVersion: "TLSv1.3" },
    "ERR_OSSL_NO_CIPHERS_AVAILABLE",
    /no ciphers/,
  ],
  [
    "an authority that is none",
    { ...here, ca: ["none"], requestCert: true },
    "ERR_OSSL_PEM_NO_START_LINE",
    /./,
  ],
  ["a named certificate that is none", { ...here, sni: { a: { cert: "", key: "" } } }, "ERR_OSSL_PEM_", /./],
])("says what OpenSSL says of %s", (_name, tls, code, message) => {
  const failure = failureOf(tls) as Error & { code: string };
  expect(failure).toBeInstanceOf(Error);
  expect(failure.code.startsWith(code), failure.code).toBe(true);
  expect(failure.message).toMatch(message);
});

test("survives certificates that are changed in any byte", () => {
  const pem = Buffer.from(here.cert);
  const change = fc.tuple(fc.nat(pem.length - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const changed = Buffer.from(pem);
      for (const [at, byte] of changes) changed[at] = byte;
      failureOf({ ...here, cert: changed.toString("latin1") });
    }),
    { numRuns: 300 },
  );
});

test("finds the certificate of a name, whole or by all but its first label, whatever its case", () => {
  const sni = { "one.example": here, "*.any.example": here, "deep.any.example": other };
  const context = serverContext(openssl, { ...here, sni });
  const [one, any, deep] = ["one.example", "x.any.example", "deep.any.example"].map((name) =>
    context.contextFor(name),
  );
  expect(new Set([one, any, deep, 0]).size).toBe(4);
  expect(context.contextFor("ONE.Example")).toBe(one);
  expect(context.contextFor("y.any.example")).toBe(any);
  for (const name of ["any.example", "a.b.any.example", "two.example", "", ".", "*", "__proto__"])
    expect(context.contextFor(name), name).toBe(0);
  context.release();
});

test("is freed by the last who releases it", () => {
  const freed: number[] = [];
  const counting = { ...openssl, freeContext: (address: number) => freed.push(address) };
  const context = serverContext(counting, { ...here, sni: { a: here, b: here } });
  context.hold().release();
  expect(freed).toEqual([]);
  context.release();
  expect(new Set(freed).size).toBe(3);
  for (const address of freed) openssl.freeContext(address);
});

test("loads a client's certificate, and says what is wrong with it", () => {
  clientContext(openssl, { ca, ...here }).release();
  clientContext(openssl, { ca: [ca, ca], minVersion: "TLSv1.3" }).release();
  expect(() => clientContext(openssl, { ca: "none" })).toThrow("no start line");
  expect(() => clientContext(openssl, { cert: here.cert, key: other.key })).toThrow("key values mismatch");
});

test("reads all certificates of a text", () => {
  const found = readCertificates(openssl, `# a comment\n${here.cert}\n${ca}\n`);
  expect(found).toHaveLength(2);
  for (const certificate of found) openssl.freeCertificate(certificate);
  expect(openssl.takeError()).toBe(0);
});

test("believes clients, and knows them again, by the same rules under every name", async () => {
  const loop = createEpollLoop();
  const told: (boolean | undefined)[] = [];
  const tls: ServerTls = { ...here, sni: { "other.example": other }, ca: [ca], requestCert: true };
  const { port } = await loop.listen({ host: "127.0.0.1", tls }, (link) => {
    told.push(link.peerAuthorized);
    link.send(Buffer.from("hello"), 0, 5);
    return new Recorder();
  });
  const ask = async (options: ConnectionOptions) => {
    const client = await drive(loop, tlsClient(port, { ca, servername: "other.example", ...options }));
    // A ticket comes before the bytes, in either version.
    await drive(loop, client.bytes(5));
    const told = { session: client.tls.getSession(), reused: client.tls.isSessionReused() };
    client.destroy();
    return told;
  };
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    const { session } = await ask({ ...here, maxVersion });
    expect((await ask({ ...here, maxVersion, session: session! })).reused).toBe(true);
  }
  await expect(ask({ maxVersion: "TLSv1.2" })).rejects.toThrow();
  expect(told).toEqual([true, true, true, true]);
  await loop.close();
});
