import { extname } from "node:path";
import mime from "mime-types";

const UNKNOWN = "application/octet-stream";

/** What was looked up already: extensions of files that exist and are known, so it stays small. */
const known = new Map<string, string>();

/**
 * The Content-Type of a file by its extension: text comes with `charset=utf-8`, and what nobody knows is
 * `application/octet-stream`.
 *
 * @param file - A path or a name.
 * @param own - MIME types by extension without the dot, in lower case; they go before the known ones, and out as they stand.
 */
export function contentTypeOf(file: string, own?: Readonly<Record<string, string>>): string {
  const extension = extname(file).slice(1).toLowerCase();
  if (extension === "") return UNKNOWN;
  if (own !== undefined && Object.hasOwn(own, extension)) return own[extension];
  return known.get(extension) ?? lookUp(extension);
}

function lookUp(extension: string): string {
  const type = mime.contentType(`.${extension}`);
  if (type === false) return UNKNOWN;
  known.set(extension, type);
  return type;
}
