import { FAULTS, type HttpFault } from "./fault.ts";
import { statusHasBody } from "./response.ts";
import { splitList } from "./tokens.ts";

/** The length of a body that comes in chunks. */
export const CHUNKED = -1;

/** The length of a body that ends with the connection. */
export const UNTIL_CLOSE = -2;

/**
 * How long the body of a request is (RFC 9112 section 6.3): a number of bytes, or `CHUNKED`. What two readers could
 * understand in two ways is a fault, because that is what request smuggling lives on.
 *
 * @param contentLength - The value of the header, several joined by commas; undefined where there is none.
 * @param transferEncoding - The same.
 */
export function requestBodyLength(
  contentLength: string | undefined,
  transferEncoding: string | undefined,
  httpMinor: number,
): number | HttpFault {
  if (transferEncoding === undefined) return contentLength === undefined ? 0 : readLength(contentLength);
  if (contentLength !== undefined) return FAULTS.bothLengths;
  if (httpMinor === 0) return FAULTS.transferEncoding;
  return checkCodings(transferEncoding) ?? CHUNKED;
}

/**
 * How long the body of a response to a GET is (RFC 9112 section 6.3): a number of bytes, `CHUNKED` or `UNTIL_CLOSE`.
 * The parameters are those of `requestBodyLength`, and so are the faults.
 */
export function responseBodyLength(
  status: number,
  contentLength: string | undefined,
  transferEncoding: string | undefined,
  httpMinor: number,
): number | HttpFault {
  // Such a response ends with its head, whatever that says.
  if (!statusHasBody(status)) return 0;
  if (contentLength === undefined && transferEncoding === undefined) return UNTIL_CLOSE;
  return requestBodyLength(contentLength, transferEncoding, httpMinor);
}

/** One run of digits. 16 of them reach past 2^53, so that no longer run needs a look. */
function readLength(text: string): number | HttpFault {
  if (!/^[0-9]{1,16}$/.test(text)) return FAULTS.contentLength;
  const length = Number(text);
  return Number.isSafeInteger(length) ? length : FAULTS.contentLength;
}

function checkCodings(transferEncoding: string): HttpFault | undefined {
  const codings = splitList(transferEncoding.toLowerCase());
  if (codings.pop() !== "chunked") return FAULTS.transferEncoding;
  if (codings.includes("chunked") || codings.includes("")) return FAULTS.transferEncoding;
  return codings.length > 0 ? FAULTS.transferCoding : undefined;
}
