import type { ErrorPage } from "../api/options.ts";
import { describeError } from "../base/log.ts";
import { checkHeader } from "../http/outgoing.ts";
import type { RequestHead } from "../http/request-head.ts";
import { ERROR_CONTENT_TYPE, errorBody } from "../http/response.ts";
import type { Host } from "./role.ts";

/** The body of an error. */
export interface Page {
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

/**
 * The page of a reply that the server gives by itself: the application's, where it makes one, else its own.
 *
 * @param head - The request; null where none could be read.
 */
export function errorPage(host: Host, status: number, head: RequestHead | null): Page {
  const { errorPage: make } = host.settings;
  const page = make === undefined ? undefined : ownPage(make, host, status, head);
  return page ?? { contentType: ERROR_CONTENT_TYPE, body: errorBody(status) };
}

/** Undefined for one that cannot be sent: whoever asked gets the server's own then. */
function ownPage(make: ErrorPage, host: Host, status: number, head: RequestHead | null): Page | undefined {
  try {
    const request = {
      method: head?.method ?? "",
      path: head?.path ?? "",
      accept: head?.get("accept") ?? "",
    };
    const page = make(status, request);
    if (page === undefined) return undefined;
    const { contentType, body } = page;
    checkHeader("content-type", contentType);
    if (typeof body === "string" || body instanceof Uint8Array) return { contentType, body };
    host.warnOnce("errorPage: the body is neither a string nor bytes");
  } catch (error) {
    host.logger.error(`errorPage threw: ${describeError(error)}`);
  }
  return undefined;
}
