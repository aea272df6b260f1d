import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadServerTls, type ServerTlsFiles } from "../../lib/loop/identity.ts";
import { Authority, pemOf } from "../support/certificates.ts";
import { temporaryFolder } from "../support/server.ts";

const folder = temporaryFolder();
const authority = new Authority(folder);
const here = authority.issue("localhost");
const other = authority.issue("other.example");
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};
const cut = file("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
const nothing = file("nothing.pem", "nothing at all\n");
const locked = authority.encrypted(here, "open sesame");

async function load(ssl: ServerTlsFiles) {
  const warnings: string[] = [];
  return { tls: await loadServerTls(ssl, (text) => warnings.push(text)), warnings };
}

describe("what ssl names", () => {
  test("is read from files, or stands there as PEM text", async () => {
    const text = pemOf(here);
    for (const ssl of [here, text]) {
      const { tls, warnings } = await load(ssl);
      expect(tls).toEqual({ ...text, allowPlain: true });
      expect(warnings).toEqual([]);
    }
  });

  test("becomes the server's side of TLS, whole", async () => {
    const plain = { minVersion: "TLSv1.3", ciphers: "TLS_AES_128_GCM_SHA256", requestCert: true } as const;
    const { tls } = await load({
      ...here,
      ...plain,
      ca: authority.cert,
      sni: { "other.example": other },
      redirect: false,
    });
    const ca = [readFileSync(authority.cert, "utf8")];
    expect(tls).toEqual({
      ...pemOf(here),
      ...plain,
      ca,
      sni: { "other.example": pemOf(other) },
      allowPlain: false,
    });
  });

  test("may have its key encrypted", async () => {
    const { tls } = await load({ cert: here.cert, key: locked, passphrase: "open sesame" });
    expect(tls.passphrase).toBe("open sesame");
  });
});

describe("the error of what cannot be used names option, file and reason", () => {
  test.each<[string, ServerTlsFiles, string]>([
    [
      "a file that is not there",
      { ...here, cert: "/nowhere/c.pem" },
      'ssl.cert: cannot read "/nowhere/c.pem": ENOENT',
    ],
    ["a file of no PEM", { ...here, cert: nothing }, `ssl.cert: ${nothing} holds no certificate in PEM form`],
    ["a key of no PEM", { ...here, key: nothing }, `ssl.key: ${nothing} holds no private key in PEM form`],
    [
      "cert and key in each other's place",
      { cert: here.key, key: here.cert },
      `ssl.cert: ${here.key} holds no certificate in PEM form; are cert and key swapped?`,
    ],
    [
      "a key of another certificate",
      { ...here, key: other.key },
      `ssl.key: ${other.key} does not match the certificate ${here.cert} (key values mismatch)`,
    ],
    [
      "an encrypted key without passphrase",
      { ...here, key: locked },
      `ssl.key: ${locked} is encrypted: it needs ssl.passphrase`,
    ],
    [
      "a wrong passphrase",
      { ...here, key: locked, passphrase: "wrong" },
      `ssl.passphrase: it does not open ${locked} (bad decrypt)`,
    ],
    ["a certificate that is cut", { ...here, cert: cut }, `ssl.cert: ${cut} cannot be read (wrong tag)`],
    [
      "a key as text, which is not shown",
      { cert: here.cert, key: readFileSync(other.key, "utf8") },
      `ssl.key: the PEM text does not match the certificate ${here.cert} (key values mismatch)`,
    ],
    [
      "a key without its first line, which is not taken for a path",
      { cert: here.cert, key: "MHcCAQEEIBf\nAoGCCqGSM49\n" },
      "ssl.key: the PEM text holds no private key in PEM form",
    ],
    [
      "a certificate of a name",
      { ...here, sni: { "*.example": { ...other, key: here.key } } },
      `ssl.sni["*.example"].key: ${here.key} does not match the certificate ${other.cert} (key values mismatch)`,
    ],
    [
      "ciphers that there are not",
      { ...here, ciphers: "NONE-SUCH" },
      "ssl.ciphers: cannot be used (no cipher match)",
    ],
    [
      "authorities that are none",
      { ...here, ca: nothing },
      `ssl.ca: ${nothing} holds no certificate in PEM form`,
    ],
    [
      "authorities that are broken",
      { ...here, ca: [authority.cert, cut] },
      `ssl.ca: ${cut} cannot be read (wrong tag)`,
    ],
  ])("%s", async (_what, ssl, message) => {
    await expect(load(ssl)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_SSL_(FILE|CERTIFICATE)$/),
      message: expect.stringContaining(message),
    });
  });
});

describe("a warning tells", () => {
  test("of a certificate that has expired", async () => {
    const expired = authority.issue("late.example", "DNS:late.example", -1);
    expect((await load(expired)).warnings).toEqual([
      expect.stringMatching(/^ssl\.cert: the certificate of .*late\.example.* has expired on /),
    ]);
  });

  test("of a certificate that is not for its name", async () => {
    const any = authority.issue("*.any.example");
    const sni = { "*.any.example": any, "a.any.example": any, "two.example": other };
    expect((await load({ ...here, sni })).warnings).toEqual([
      expect.stringMatching(
        /^ssl\.sni\["two\.example"\]\.cert: the certificate of .* is not for two\.example$/,
      ),
    ]);
  });
});
