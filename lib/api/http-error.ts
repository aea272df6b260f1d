import type { OutgoingHeaders } from "./wsi.ts";

/** What an `HttpError` may carry besides. */
export interface HttpErrorOptions extends ErrorOptions {
  /** Default `ERR_HTTP_` and the status. */
  code?: string;
  /** Headers of the reply, such as `www-authenticate` with 401. */
  headers?: OutgoingHeaders;
}

/**
 * An error that says how an HTTP request is to be answered. One that a callback about a request does not catch answers
 * it with its status, where any other error answers with 500. The reply tells the status and nothing of the message;
 * the connection ends with it. Below 500 it is logged as `debug`: it is the client's fault.
 *
 * `readBody` and its relatives reject with it for what the client did; your own code may throw it too.
 */
export class HttpError extends Error {
  /** 400 to 599. */
  readonly status: number;
  readonly code: string;
  readonly headers: OutgoingHeaders | undefined;
  readonly #made = true;

  /** As `instanceof`, but harmless whatever was thrown: no trap of a proxy and no getter runs. */
  static is(thrown: unknown): thrown is HttpError {
    return typeof thrown === "object" && thrown !== null && #made in thrown;
  }

  /** @throws RangeError for a status outside of 400 to 599. */
  constructor(status: number, message: string, options: HttpErrorOptions = {}) {
    super(message, options);
    if (!Number.isInteger(status) || status < 400 || status > 599) {
      throw new RangeError(`HttpError takes a status of 400 to 599, not ${status}`);
    }
    this.name = "HttpError";
    this.status = status;
    this.code = options.code ?? `ERR_HTTP_${status}`;
    this.headers = options.headers;
  }
}
