import { HttpFault } from "./fault.ts";
import { fieldValue } from "./fields.ts";
import { CHUNKED, responseBodyLength, UNTIL_CLOSE } from "./framing.ts";
import { MessageHead } from "./message-head.ts";

/** Where the digit of the minor version, the status and the reason phrase begin: `HTTP/1.x sss reason`. */
const MINOR_AT = 7;
const STATUS_AT = 9;
const REASON_AT = 13;

/** A client answers nobody: of these only the sentence counts. The status is the one a gateway would pass on. */
const fault = (message: string) => Object.freeze(new HttpFault(502, message));

/** What can be wrong with a response's head besides what is wrong with a request's. */
export const RESPONSE_FAULTS = Object.freeze({
  notHttp: fault("what came does not begin as an HTTP/1 response does"),
  status: fault("the status is not a number from 100 to 999 between two blanks"),
  reason: fault("the reason phrase holds a control character"),
  tooManyInterim: fault("there are too many interim responses"),
});

/** A response's head: checked, and taken apart as far as a client needs it. */
export class ResponseHead extends MessageHead {
  /** 100 to 999; from 600 on it means no more than 500 does (RFC 9110 section 15). */
  readonly status: number;
  /** The reason phrase, as the server wrote it; may be empty. */
  readonly reason: string;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1 and whatever minor version may follow it. */
  readonly httpMinor: 0 | 1;
  /** How the body is delimited, as an answer to GET; with `close` it ends where the connection does. */
  readonly body: "none" | "length" | "chunked" | "close";
  /** Bytes of the body when `body` is `length`, else 0. */
  readonly contentLength: number;

  /** From what `readResponse` found to be valid. */
  constructor(raw: string, fieldsAt: number, length: number) {
    super(raw, fieldsAt);
    this.status = statusOf(raw);
    this.reason = raw.slice(REASON_AT, fieldsAt - 2);
    this.httpMinor = minorOf(raw);
    this.body = bodyKind(length);
    this.contentLength = Math.max(length, 0);
  }
}

/**
 * Makes sense of a head whose bytes were checked: the status line has its three parts, and every line its form.
 *
 * @param raw - From the `H` of the status line to the end of the blank line.
 */
export function readResponse(raw: string): ResponseHead | HttpFault {
  const status = statusOf(raw);
  if (status < 100) return RESPONSE_FAULTS.status;
  const fieldsAt = raw.indexOf("\n") + 1;
  const contentLength = fieldValue(raw, fieldsAt, "content-length");
  const transferEncoding = fieldValue(raw, fieldsAt, "transfer-encoding");
  const length = responseBodyLength(status, contentLength, transferEncoding, minorOf(raw));
  return length instanceof HttpFault ? length : new ResponseHead(raw, fieldsAt, length);
}

function statusOf(raw: string): number {
  return Number(raw.slice(STATUS_AT, STATUS_AT + 3));
}

function minorOf(raw: string): 0 | 1 {
  return raw[MINOR_AT] === "0" ? 0 : 1;
}

function bodyKind(length: number): ResponseHead["body"] {
  if (length === CHUNKED) return "chunked";
  if (length === UNTIL_CLOSE) return "close";
  return length === 0 ? "none" : "length";
}
