import { readFileSync } from "node:fs";
import * as tls from "node:tls";
import type { Openssl } from "./openssl.ts";

/** What newer versions of Node tell: the roots with all that its flags and NODE_EXTRA_CA_CERTS add to them. */
type GetCertificates = (type: "default") => string[];

let roots: number | undefined;

/** Believes whom Node believes. The roots are loaded once, and stay. */
export function trustRoots(openssl: Openssl, context: number): void {
  roots ??= loadRoots(openssl);
  openssl.useStore(context, roots);
}

function loadRoots(openssl: Openssl): number {
  const store = openssl.newStore();
  const bio = openssl.newBio(Buffer.from(rootPems().join("\n")));
  for (;;) {
    const certificate = openssl.readCertificate(bio);
    if (certificate === 0) break;
    openssl.addToStore(store, certificate);
    openssl.freeCertificate(certificate);
  }
  openssl.freeBio(bio);
  openssl.clearErrors();
  return store;
}

function rootPems(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: GetCertificates };
  return getCACertificates?.("default") ?? [...tls.rootCertificates, extraPem()];
}

function extraPem(): string {
  const path = process.env["NODE_EXTRA_CA_CERTS"];
  if (!path) return "";
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Node has warned of it when the process began.
    return "";
  }
}
