import { X509Certificate } from "node:crypto";
import type { Link } from "../loop/loop.ts";

const made = new WeakMap<Link, X509Certificate>();

/** What the peer of a link showed; null for nothing. Made when it is first asked for, since most never ask. */
export function peerCertificate(link: Link): X509Certificate | null {
  const known = made.get(link);
  if (known !== undefined) return known;
  const der = link.peerCertificate;
  if (der === undefined) return null;
  const certificate = new X509Certificate(der);
  made.set(link, certificate);
  return certificate;
}
