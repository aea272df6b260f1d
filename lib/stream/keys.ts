import { requestKey } from "../ws/handshake-client.ts";
import { acceptValue, isKey } from "../ws/handshake-server.ts";
import { invalid, WsError } from "./errors.ts";

/**
 * A fresh value for Sec-WebSocket-Key, for a handshake of one's own: 16 random bytes in base64. libdill's
 * `ws_request_key`.
 */
export function wsRequestKey(): string {
  return requestKey();
}

/**
 * The value of Sec-WebSocket-Accept that answers a key (RFC 6455 section 4.2.2). libdill's `ws_response_key`.
 *
 * @throws WsError EINVAL when it is no string, EPROTO when it is not 16 bytes in base64.
 */
export function wsResponseKey(key: string): string {
  if (typeof key !== "string") throw invalid("the key is not a string");
  if (!isKey(key)) throw new WsError("EPROTO", "the key is not 16 bytes in base64");
  return acceptValue(key);
}
