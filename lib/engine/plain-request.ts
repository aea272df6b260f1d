import { FAULTS, HttpFault } from "../http/fault.ts";
import type { RequestHead } from "../http/request-head.ts";
import { asksForWebSocket } from "../ws/handshake-server.ts";

const UPGRADE = Object.freeze(new HttpFault(400, "an upgrade came without TLS to a port that speaks TLS"));

/**
 * What a request is told that came without TLS to a port that speaks it: the same place over TLS, by a redirect that keeps
 * the method. Not so an upgrade: no browser follows one there, and a client that is told 400 gets its URL mended.
 */
export function plainRequest(head: RequestHead): HttpFault {
  if (asksForWebSocket(head)) return UPGRADE;
  if (head.host === "") return FAULTS.host;
  const query = head.query === "" ? "" : `?${head.query}`;
  const path = head.path.startsWith("/") ? head.path : "/";
  const location = `https://${head.host}${path}${query}`;
  return new HttpFault(308, "a request came without TLS to a port that speaks TLS", { location });
}
