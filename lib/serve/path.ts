/** What has no business in a path once it is decoded: another separator, or a control character. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it is about.
const FORBIDDEN = /[\\\x00-\x1f\x7f]/;
const ENCODED_SLASH = /%2f/i;

/**
 * The one meaning of a request's path: percent-decoded once, empty and dot segments gone (RFC 3986 section 5.2.4). Whoever
 * decides about a path, a mount or a guard, is to decide by this, so that all see the same.
 *
 * ```
 *   /a//b/./c/../d%20e/   ->  /a/b/d e/
 *   /a/..                 ->  /
 *   /../x, /a%2fb, /a\b, /%00, /%zz, /%c0%ae  ->  null
 * ```
 *
 * @param path - As it came, from a `/` up to the `?`.
 * @returns A path that begins with a single `/` and ends in one if it names a folder; null for one that means nothing
 *   certain or climbs above the root, which is to be answered with 400.
 */
export function resolvePath(path: string): string | null {
  if (!path.startsWith("/") || ENCODED_SLASH.test(path)) return null;
  const decoded = decode(path);
  if (decoded === null || FORBIDDEN.test(decoded)) return null;
  // Most paths have nothing to resolve.
  if (!decoded.includes("//") && !decoded.includes("/.")) return decoded;
  return withoutDots(decoded.split("/"));
}

/** The path percent-encoded again, for a Location. Being resolved, it never begins with two slashes. */
export function encodePath(resolved: string): string {
  return resolved.split("/").map(encodeURIComponent).join("/");
}

/** Refuses what is not UTF-8, overlong forms among it. */
function decode(path: string): string | null {
  if (!path.includes("%")) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return null;
  }
}

function withoutDots(segments: readonly string[]): string | null {
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.pop() === undefined) return null;
  }
  const last = segments.at(-1)!;
  const isFolder = last === "" || last === "." || last === "..";
  return `/${kept.join("/")}${isFolder && kept.length > 0 ? "/" : ""}`;
}
