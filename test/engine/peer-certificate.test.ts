import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { peerCertificate } from "../../lib/engine/peer-certificate.ts";
import type { Link } from "../../lib/loop/loop.ts";
import { certificate } from "../support/server.ts";

test("it is made of the DER that a link has, once", () => {
  const known = new X509Certificate(readFileSync(certificate.cert));
  const link = { peerCertificate: known.raw } as unknown as Link;
  const made = peerCertificate(link);
  expect(made?.fingerprint256).toBe(known.fingerprint256);
  expect(peerCertificate(link)).toBe(made);
});

test("it is null where the peer has shown none", () => {
  expect(peerCertificate({} as Link)).toBeNull();
});
