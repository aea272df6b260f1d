import type { HttpFault } from "./fault.ts";
import type { OutgoingHeaders } from "./fields.ts";
import { isFieldValue, isToken } from "./tokens.ts";

export type { OutgoingHeaders } from "./fields.ts";

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

/** True unless a reply with this status ends with its head (RFC 9112 section 6.3). */
export function statusHasBody(status: number): boolean {
  return status >= 200 && status !== 204 && status !== 304;
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
 * @throws TypeError for a header that `checkHeader` refuses, or such a reason; RangeError for a status that is none.
 */
export function encodeHead(head: ReplyHead): string {
  const { status, date, connection, contentLength, chunked = false } = head;
  let text = `HTTP/1.1 ${checkStatus(status)} ${head.reason === undefined ? statusText(status) : checkReason(head.reason)}\r\n`;
  if (head.headers !== undefined) text += encodeHeaders(head.headers, head);
  if (date !== undefined) text += `Date: ${date}\r\n`;
  if (connection !== undefined) text += `Connection: ${connection}\r\n`;
  if (contentLength !== undefined && allowsLength(status)) text += `Content-Length: ${contentLength}\r\n`;
  if (chunked) text += "Transfer-Encoding: chunked\r\n";
  return `${text}\r\n`;
}

/**
 * Checks a header of the application's own before anything of it is written.
 *
 * @throws TypeError for a name that is no token, a value with CR, LF, NUL, another control character or one above
 *   U+00FF in it, a Content-Length that is no number, and for Transfer-Encoding, which is not the application's to say.
 */
export function checkHeader(name: string, value: string | number | readonly string[]): void {
  if (!isToken(name)) throw new TypeError(`Header name ${JSON.stringify(name)} is not a token`);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  for (const each of values) {
    const usable = typeof each === "string" || (typeof each === "number" && Number.isFinite(each));
    if (!usable || !isFieldValue(String(each))) {
      throw new TypeError(`Header ${name} has a value that cannot be sent: ${JSON.stringify(each)}`);
    }
  }
  const lower = name.toLowerCase();
  if (lower === "transfer-encoding") throw new TypeError("Header Transfer-Encoding is set by the server");
  if (lower === "content-length" && (values.length !== 1 || !/^[0-9]{1,15}$/.test(String(values[0])))) {
    throw new TypeError(`Header Content-Length is not a number of bytes: ${JSON.stringify(value)}`);
  }
}

/** `checkHeader` for each of them. */
export function checkHeaders(headers: OutgoingHeaders): void {
  for (const name of Object.keys(headers)) checkHeader(name, headers[name]);
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

/** The whole reply to a fault: head, page, and the word that the connection ends with it. */
export function encodeFault(fault: HttpFault, date: string): string {
  const body = errorBody(fault.status);
  const headers = { ...fault.headers, "Content-Type": ERROR_CONTENT_TYPE };
  const { status } = fault;
  return encodeHead({ status, headers, date, connection: "close", contentLength: body.length }) + body;
}

/** What goes before a chunk of `size` bytes, which is more than 0; `CHUNK_END` goes behind it (RFC 9112 section 7.1). */
export function chunkHead(size: number): string {
  return `${size.toString(16)}\r\n`;
}

export const CHUNK_END = "\r\n";

/** Ends a chunked body. */
export const LAST_CHUNK = "0\r\n\r\n";

function encodeHeaders(headers: OutgoingHeaders, own: ReplyHead): string {
  let text = "";
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    checkHeader(name, value);
    if (isOwn(name.toLowerCase(), own)) continue;
    if (typeof value !== "object") text += `${name}: ${value}\r\n`;
    else for (const each of value) text += `${name}: ${each}\r\n`;
  }
  return text;
}

/** True for a header that the head carries by itself. */
function isOwn(name: string, own: ReplyHead): boolean {
  switch (name) {
    case "date":
      return own.date !== undefined;
    case "connection":
      return own.connection !== undefined;
    case "content-length":
      return own.contentLength !== undefined || own.chunked === true || !allowsLength(own.status);
    default:
      return false;
  }
}

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
