import type { HttpFault } from "./fault.ts";
import type { OutgoingHeaders } from "./fields.ts";
import { type DefaultHeaders, OutgoingFields } from "./outgoing.ts";
import { isFieldValue } from "./tokens.ts";

export type { OutgoingHeaders } from "./fields.ts";
export { checkHeader, checkHeaders } from "./outgoing.ts";

const REASONS: Readonly<Record<number, string>> = Object.freeze({
  100: "Continue",
  101: "Switching Protocols",
  103: "Early Hints",
  200: "OK",
  201: "Created",
  202: "Accepted",
  204: "No Content",
  205: "Reset Content",
  206: "Partial Content",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Found",
  303: "See Other",
  304: "Not Modified",
  307: "Temporary Redirect",
  308: "Permanent Redirect",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Content Too Large",
  414: "URI Too Long",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  417: "Expectation Failed",
  418: "I'm a Teapot",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  426: "Upgrade Required",
  428: "Precondition Required",
  429: "Too Many Requests",
  431: "Request Header Fields Too Large",
  451: "Unavailable For Legal Reasons",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
  505: "HTTP Version Not Supported",
  507: "Insufficient Storage",
  511: "Network Authentication Required",
});

/** The reason phrase of a status; empty for one that has none here, which RFC 9112 section 4 allows. */
export function statusText(status: number): string {
  return REASONS[status] ?? "";
}

/** True unless a reply with this status ends with its head (RFC 9112 section 6.3; of 205, RFC 9110 section 15.3.6). */
export function statusHasBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 205 && status !== 304;
}

/** What a head is made of. */
export interface ReplyHead {
  /** 100 to 599. */
  readonly status: number;
  /** Instead of the status's own reason phrase. */
  readonly reason?: string | undefined;
  /** The application's headers. One that is also given below is left out in favour of that. */
  readonly headers?: OutgoingHeaders | undefined;
  /** For Date, see `dateText`. */
  readonly date?: string | undefined;
  /** For Connection. */
  readonly connection?: string | undefined;
  /** For Content-Length. Left out where the status forbids one (RFC 9110 section 8.6). */
  readonly contentLength?: number | undefined;
  /** The body comes in chunks. */
  readonly chunked?: boolean | undefined;
}

/**
 * A response head as text with one character a byte (latin1), the blank line included.
 *
 * @param fields - The application's headers, walked already.
 * @throws TypeError for a header that `checkHeader` refuses, or such a reason; RangeError for a status that is none.
 */
export function encodeHead(head: ReplyHead, fields = fieldsOf(head.headers)): string {
  const { status, date, connection, contentLength, chunked = false } = head;
  let text = head.reason === undefined ? statusLine(status) : lineWith(status, checkReason(head.reason));
  text += fields.text + fields.defaultText;
  text += date === undefined ? fields.dateLine : `Date: ${date}\r\n`;
  text += connection === undefined ? fields.connectionLine : `Connection: ${connection}\r\n`;
  if (chunked) return `${text}Transfer-Encoding: chunked\r\n\r\n`;
  if (!allowsLength(status)) return `${text}\r\n`;
  if (contentLength === undefined) return `${text}${fields.lengthLine}\r\n`;
  return `${text}Content-Length: ${contentLength}\r\n\r\n`;
}

function fieldsOf(headers: OutgoingHeaders = NO_HEADERS): OutgoingFields {
  return new OutgoingFields().add(headers);
}

const NO_HEADERS: OutgoingHeaders = Object.freeze({});

const STATUS_LINES = new Map(
  Object.keys(REASONS).map((status) => [Number(status), lineWith(Number(status), REASONS[Number(status)])]),
);

function statusLine(status: number): string {
  return STATUS_LINES.get(status) ?? lineWith(status, "");
}

function lineWith(status: number, reason: string): string {
  return `HTTP/1.1 ${checkStatus(status)} ${reason}\r\n`;
}

let dateSecond = Number.NaN;
let dateCached = "";

/** The value of Date (IMF-fixdate, RFC 9110 section 5.6.7) for milliseconds since 1970; made once a second. */
export function dateText(nowMs: number): string {
  const second = Math.floor(nowMs / 1000);
  if (second !== dateSecond) {
    dateSecond = second;
    dateCached = new Date(second * 1000).toUTCString();
  }
  return dateCached;
}

/** The Content-Type of `errorBody`. */
export const ERROR_CONTENT_TYPE = "text/html; charset=utf-8";

/** A page that says no more than the status. It holds nothing that a peer sent, and ASCII only. */
export function errorBody(status: number): string {
  const title = `${status} ${statusText(status)}`.trim();
  return `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1></html>\n`;
}

/** The head of the reply to a fault. It says that the connection ends with it. */
export function encodeFault(
  fault: HttpFault,
  date: string,
  contentType: string,
  contentLength: number,
  defaults: DefaultHeaders | null = null,
): string {
  const fields = new OutgoingFields(defaults);
  // The page has a type of its own.
  for (const [name, value] of Object.entries(fault.headers ?? {}))
    if (name.toLowerCase() !== "content-type") fields.add({ [name]: value });
  fields.add({ "Content-Type": contentType });
  return encodeHead({ status: fault.status, date, connection: "close", contentLength }, fields);
}

/** What goes before a chunk of `size` bytes, which is more than 0; `CHUNK_END` goes behind it (RFC 9112 section 7.1). */
export function chunkHead(size: number): string {
  return `${size.toString(16)}\r\n`;
}

export const CHUNK_END = "\r\n";

/** Ends a chunked body. */
export const LAST_CHUNK = "0\r\n\r\n";

function allowsLength(status: number): boolean {
  return status >= 200 && status !== 204;
}

function checkStatus(status: number): number {
  if (!Number.isInteger(status) || status < 100 || status > 599) {
    throw new RangeError(`Status ${status} is not one of 100 to 599`);
  }
  return status;
}

function checkReason(reason: string): string {
  if (!isFieldValue(reason)) throw new TypeError(`Reason ${JSON.stringify(reason)} cannot be sent`);
  return reason;
}
