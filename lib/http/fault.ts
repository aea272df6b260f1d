import type { OutgoingHeaders } from "./fields.ts";

/**
 * What is wrong with a peer's message, as the reply that it gets. It is a value, not an exception: nothing is thrown
 * for what a peer did.
 */
export class HttpFault {
  readonly status: number;
  /** One sentence for the log. It holds nothing that the peer sent. */
  readonly message: string;
  /** Headers that the status asks for, such as `allow` with 405. */
  readonly headers: OutgoingHeaders | undefined;
  /** Where the peer's next message begins is not known any more: the connection ends after the reply. */
  readonly close = true;

  constructor(status: number, message: string, headers?: OutgoingHeaders) {
    this.status = status;
    this.message = message;
    this.headers = headers;
  }
}

const fault = (status: number, message: string, headers?: OutgoingHeaders) =>
  Object.freeze(new HttpFault(status, message, headers));

/** Every fault of a head or a body: its status and its sentence. Shared, so that a flood of them allocates nothing. */
export const FAULTS = Object.freeze({
  tls: fault(400, "TLS was spoken to a plain port"),
  method: fault(400, "the method is not a token"),
  target: fault(400, "the request target is not valid"),
  targetTooLong: fault(414, "the request target is too long"),
  userinfo: fault(400, "the request target holds userinfo"),
  version: fault(400, "the request line does not end in an HTTP version"),
  versionUnknown: fault(505, "only HTTP/1.0 and HTTP/1.1 are spoken here"),
  connect: fault(405, "CONNECT is not served", { allow: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS" }),
  lineEnd: fault(400, "a line does not end in CRLF"),
  fieldName: fault(400, "a header name is not a token followed by a colon"),
  fieldValue: fault(400, "a header value holds a control character"),
  headTooLarge: fault(431, "the head is too large"),
  tooManyFields: fault(431, "the head has too many headers"),
  host: fault(400, "there is not exactly one valid Host"),
  contentLength: fault(400, "Content-Length is not one number"),
  bothLengths: fault(400, "there are both Content-Length and Transfer-Encoding"),
  transferEncoding: fault(400, "Transfer-Encoding does not end in one chunked"),
  transferCoding: fault(501, "no transfer coding but chunked is understood"),
  bodyTooLarge: fault(413, "the body is too large"),
  chunkSize: fault(400, "a chunk size is not a hexadecimal number"),
  chunkExtension: fault(400, "a chunk extension is not valid"),
  chunkExtensionsTooLarge: fault(413, "the chunk extensions are too large"),
  chunkEnd: fault(400, "a chunk does not end where its size says"),
});
