import type { ReadBodyOptions } from "../api/bodies.ts";
import { HttpError } from "../api/http-error.ts";
import { collectBody } from "./body-collector.ts";
import type { Serving } from "./serving.ts";

const JSON_TYPE = /^(?:application\/json|[^/]+\/[^/]+\+json)$/;
const FORM_TYPE = /^application\/x-www-form-urlencoded$/;
const UTF8_NAMES = /^(?:utf-?8|us-ascii)$/i;

/** Reads a body that is JSON in UTF-8 (RFC 8259), a byte order mark allowed. */
export async function readJson(serving: Serving, options?: ReadBodyOptions): Promise<unknown> {
  checkMediaType(serving, JSON_TYPE);
  const body = await collectBody(serving, options);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (cause) {
    throw new HttpError(400, "the body is no JSON", { code: "ERR_INVALID_JSON", cause });
  }
}

/** Reads the fields of a form, as the URL standard says (section application/x-www-form-urlencoded). */
export async function readForm(serving: Serving, options?: ReadBodyOptions): Promise<URLSearchParams> {
  checkMediaType(serving, FORM_TYPE);
  const body = await collectBody(serving, options);
  // URLSearchParams takes one `?` in front away, which is a part of the first name here. Nothing before `&` is nothing.
  return new URLSearchParams(`&${body.toString()}`);
}

/** @throws HttpError 415 for a body of another type, compressed, or in another charset than UTF-8. */
export function checkMediaType(serving: Serving, wanted: RegExp): void {
  const { head } = serving;
  const value = head.get("content-type") ?? "";
  const type = value.split(";", 1)[0].trim().toLowerCase();
  const charset = /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(value)?.[1] ?? "utf-8";
  const coding = head.get("content-encoding")?.toLowerCase() ?? "identity";
  if (wanted.test(type) && UTF8_NAMES.test(charset) && coding === "identity") return;
  throw new HttpError(415, "the body is not of the type that is read here", {
    code: "ERR_UNSUPPORTED_MEDIA_TYPE",
  });
}
