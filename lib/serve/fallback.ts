import { splitList, trimmed } from "../http/tokens.ts";
import { hasDotfile } from "./mounted.ts";

const NO_WEIGHT = /;[ \t]*q=0(?:\.0{0,3})?[ \t]*(?:;|$)/i;

/**
 * True for a path that a single-page application may have a page for: its last name has no dot in it, as files of an
 * application have, and no name begins with one.
 */
export function isPagePath(rest: string): boolean {
  return !rest.includes(".", rest.lastIndexOf("/")) && !hasDotfile(rest);
}

/**
 * True when Accept names text/html. A browser that goes to a page does; `fetch` and other programs send `*` with a
 * slash and another `*`, and are better off with a 404 than with a page where they expect data.
 */
export function acceptsHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  return splitList(accept).some((range) => {
    const semicolon = range.indexOf(";");
    const type = semicolon === -1 ? range : trimmed(range, 0, semicolon);
    return type.toLowerCase() === "text/html" && !NO_WEIGHT.test(range);
  });
}
