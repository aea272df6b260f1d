/** scheme `://` host, and perhaps a port. URL would make an origin of much else: blanks, backslashes, an empty path. */
const SHAPE = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\\\s]+$/i;

/** An origin (RFC 6454) in the one form that can be compared; null for what is none, `"null"` itself included. */
export function normalOrigin(origin: string): string | null {
  if (!SHAPE.test(origin)) return null;
  let url: URL;
  try {
    url = new URL(origin);
  } catch {
    return null;
  }
  // URL writes scheme and host in lower case and drops a default port.
  return `${url.protocol}//${url.host}`;
}

/**
 * True when a request with this Origin header may open a session (RFC 6455 section 10.2).
 *
 * @param allowed - Normalised origins; undefined allows all.
 * @param origin - The header's value. A request without one comes from no browser and is allowed.
 */
export function originAllowed(allowed: ReadonlySet<string> | undefined, origin: string | undefined): boolean {
  if (allowed === undefined || origin === undefined) return true;
  const normal = normalOrigin(origin);
  return normal !== null && allowed.has(normal);
}
