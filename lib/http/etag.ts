/** One member of a list of entity tags and what may stand before it; a comma may stand within the quotes (RFC 9110 section 8.8.3). */
const MEMBER = /[ \t,]*((?:W\/)?"[\x21\x23-\x7e\x80-\xff]*")[ \t]*(?=,|$)/y;
const REST = /^[ \t,]*$/;

/** True for `W/"…"`. */
export function isWeak(etag: string): boolean {
  return etag.startsWith("W/");
}

/** The strong comparison of RFC 9110 section 8.8.3.2: the same, and neither weak. */
export function strongMatch(a: string, b: string): boolean {
  return a === b && !isWeak(a);
}

/** The weak comparison: the same, whether weak or not. */
export function weakMatch(a: string, b: string): boolean {
  return opaque(a) === opaque(b);
}

/**
 * True when `etag` is in the value of If-Match or If-None-Match. `*` stands for any. A value that breaks the grammar
 * has no members: If-Match then fails, and If-None-Match lets the whole reply through, which harms nobody.
 *
 * @param etag - As it goes on the wire, of a file that is there.
 * @param same - How two are compared.
 */
export function hasEtag(value: string, etag: string, same: (a: string, b: string) => boolean): boolean {
  if (value === "*") return true;
  let found = false;
  for (let at = 0; at < value.length; at = MEMBER.lastIndex) {
    MEMBER.lastIndex = at;
    const member = MEMBER.exec(value);
    if (member === null) return found && REST.test(value.slice(at));
    found ||= same(member[1], etag);
  }
  return found;
}

function opaque(etag: string): string {
  return isWeak(etag) ? etag.slice(2) : etag;
}
