import { randomUUID } from "node:crypto";
import { allowsRange, evaluate, type Fields } from "../http/conditional.ts";
import type { OutgoingHeaders } from "../http/fields.ts";
import { type ByteRange, contentRange, parseRange, resolveRanges } from "../http/range.ts";
import { ERROR_CONTENT_TYPE, errorBody } from "../http/response.ts";
import { isFieldValue } from "../http/tokens.ts";
import type { FileFacts } from "./facts.ts";

/** A piece of a body: `text`, one character a byte, and behind it the file's bytes from `start` up to `end`. */
export interface Part {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** A reply about a file. Date, Connection and Content-Length are whoever sends it's. */
export interface Plan {
  readonly status: 200 | 206 | 304 | 412 | 416;
  readonly headers: OutgoingHeaders;
  /** The body, in this order. Empty for 304. */
  readonly parts: readonly Part[];
  /** Bytes of all parts: the Content-Length, of the reply to HEAD too. */
  readonly length: number;
}

const NO_PARTS: readonly Part[] = Object.freeze([]);

/** The whole reply of a file that is kept is made once: whoever encodes it may keep that too. */
const wholePlans = new WeakMap<FileFacts, Plan>();

/**
 * What to answer to a GET or HEAD of a file: whole, in part, or not at all, as its conditions and Range say (RFC 9110
 * sections 13.2.2 and 14.2). Without such headers it is always the same object for the same facts.
 *
 * @param now - Milliseconds since 1970.
 */
export function planReply(method: string, fields: Fields, facts: FileFacts, now: number): Plan {
  const verdict = evaluate(method, fields, facts, now);
  if (verdict === "notModified") return notModified(facts);
  if (verdict === "failed") return refusal(412, facts);
  // Range means nothing with any other method, HEAD included (RFC 9110 section 14.2).
  const range = method === "GET" ? fields.get("range") : undefined;
  if (range === undefined || !allowsRange(fields.get("if-range"), facts, now)) return whole(facts);
  return inPart(range, facts);
}

function whole(facts: FileFacts): Plan {
  let plan = wholePlans.get(facts);
  if (plan === undefined) {
    const { size } = facts;
    const headers = Object.freeze(headersOf(facts));
    plan = { status: 200, headers, parts: [{ text: "", start: 0, end: size }], length: size };
    wholePlans.set(facts, plan);
  }
  return plan;
}

function inPart(text: string, facts: FileFacts): Plan {
  const request = parseRange(text);
  if (request.kind === "ignored") return whole(facts);
  if (request.kind === "invalid") return refusal(416, facts);
  const ranges = resolveRanges(request.specs, facts.size);
  if (ranges.length === 1) return onePart(ranges[0], facts);
  if (ranges.length === 0) {
    // The last bytes of an empty file can be had, and there are none of them: Content-Range has no word for that.
    const isEmptySuffix = request.specs.some((spec) => "suffix" in spec && spec.suffix > 0);
    return isEmptySuffix ? whole(facts) : refusal(416, facts);
  }
  // Content-Encoding would be said of the multipart body, which is not encoded itself. A type that is no header fails the
  // reply where headers are checked, which those of parts are not.
  const fits = facts.encoding === undefined && isFieldValue(facts.contentType);
  return fits ? severalParts(ranges, facts) : whole(facts);
}

function onePart(range: ByteRange, facts: FileFacts): Plan {
  const headers = { ...headersOf(facts), "content-range": contentRange(range, facts.size) };
  return { status: 206, headers, parts: [{ text: "", ...range }], length: range.end - range.start };
}

/** RFC 9110 section 14.6. Nobody can have put the boundary into the file, as it is new for each reply. */
function severalParts(ranges: readonly ByteRange[], facts: FileFacts): Plan {
  const boundary = randomUUID();
  const parts: Part[] = ranges.map((range, index) => {
    const before = index === 0 ? "" : "\r\n";
    const told = `Content-Type: ${facts.contentType}\r\nContent-Range: ${contentRange(range, facts.size)}`;
    return { text: `${before}--${boundary}\r\n${told}\r\n\r\n`, ...range };
  });
  parts.push({ text: `\r\n--${boundary}--\r\n`, start: 0, end: 0 });
  const headers = { ...headersOf(facts), "content-type": `multipart/byteranges; boundary=${boundary}` };
  return { status: 206, headers, parts, length: lengthOf(parts) };
}

/** What a 200 would say of caching, and nothing of contents (RFC 9110 section 15.4.5). */
function notModified(facts: FileFacts): Plan {
  return { status: 304, headers: validatorsOf(facts), parts: NO_PARTS, length: 0 };
}

function refusal(status: 412 | 416, facts: FileFacts): Plan {
  const headers: Record<string, string> = { "content-type": ERROR_CONTENT_TYPE };
  if (facts.vary !== undefined) headers["vary"] = facts.vary;
  if (status === 416) headers["content-range"] = `bytes */${facts.size}`;
  const parts = [{ text: errorBody(status), start: 0, end: 0 }];
  return { status, headers, parts, length: lengthOf(parts) };
}

function headersOf(facts: FileFacts): Record<string, string> {
  const headers: Record<string, string> = { "content-type": facts.contentType };
  if (facts.encoding !== undefined) headers["content-encoding"] = facts.encoding;
  return Object.assign(headers, validatorsOf(facts), { "accept-ranges": "bytes" });
}

function validatorsOf({ etag, lastModifiedText, cacheControl, vary }: FileFacts): Record<string, string> {
  const headers: Record<string, string> = { etag, "last-modified": lastModifiedText };
  if (cacheControl !== undefined) headers["cache-control"] = cacheControl;
  if (vary !== undefined) headers["vary"] = vary;
  return headers;
}

function lengthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, { text, start, end }) => sum + text.length + end - start, 0);
}
