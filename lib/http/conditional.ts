import { hasEtag, strongMatch, weakMatch } from "./etag.ts";
import { parseHttpDate } from "./http-date.ts";

/** The headers of a request, by names in lower case. */
export interface Fields {
  get(name: string): string | undefined;
}

/** What tells one state of a file from another. */
export interface Validators {
  /** As it goes on the wire. */
  readonly etag: string;
  /** What Last-Modified says, in milliseconds since 1970: whole seconds. */
  readonly lastModified: number;
  /** The file has been as it is for longer than the second that Last-Modified names, which makes that a strong validator. */
  readonly settled: boolean;
}

/** What the conditions of a request come to: go on, 304, or 412. */
export type Verdict = "goOn" | "notModified" | "failed";

/**
 * Decides about a request's conditions in the order of RFC 9110 section 13.2.2. Only to be asked where the reply
 * would else be a 2xx (section 13.2.1).
 *
 * @param now - Milliseconds since 1970.
 */
export function evaluate(method: string, fields: Fields, validators: Validators, now: number): Verdict {
  if (!isMatched(fields, validators, now)) return "failed";
  const reads = method === "GET" || method === "HEAD";
  const noneMatch = fields.get("if-none-match");
  if (noneMatch !== undefined) {
    if (!hasEtag(noneMatch, validators.etag, weakMatch)) return "goOn";
    return reads ? "notModified" : "failed";
  }
  const since = reads ? fields.get("if-modified-since") : undefined;
  return since !== undefined && isUnmodifiedSince(since, validators, now) ? "notModified" : "goOn";
}

/**
 * True when If-Range allows a part of the file (RFC 9110 section 13.1.5): it is not there, or names the very state that
 * the file is in. Weak validators never do.
 */
export function allowsRange(ifRange: string | undefined, validators: Validators, now: number): boolean {
  if (ifRange === undefined) return true;
  if (ifRange.endsWith('"')) return strongMatch(ifRange, validators.etag);
  return validators.settled && parseHttpDate(ifRange, now) === validators.lastModified;
}

/** If-Match, or If-Unmodified-Since in its place. */
function isMatched(fields: Fields, { etag, lastModified }: Validators, now: number): boolean {
  const match = fields.get("if-match");
  if (match !== undefined) return hasEtag(match, etag, strongMatch);
  const since = fields.get("if-unmodified-since");
  const date = since === undefined ? undefined : parseHttpDate(since, now);
  return date === undefined || lastModified <= date;
}

/**
 * A date that is still to come was never told by this server, and tells nothing about what the client has: it is
 * ignored, as RFC 2616 section 14.25 had it. The whole reply is always right.
 */
function isUnmodifiedSince(since: string, { lastModified }: Validators, now: number): boolean {
  const date = parseHttpDate(since, now);
  return date !== undefined && date <= now && lastModified <= date;
}
