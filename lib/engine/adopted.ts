import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { requestBytes } from "../http/request-bytes.ts";

/**
 * What was read already of a socket that is to be adopted; undefined for nothing.
 *
 * @throws TypeError that names the argument of `adoptSocket` that is not what it has to be.
 */
export function adoptedBytes(
  socket: Duplex,
  head: Uint8Array | undefined,
  request: IncomingMessage | undefined,
): Uint8Array | undefined {
  if (typeof socket?.on !== "function" || typeof socket.write !== "function")
    throw new TypeError("adoptSocket: socket is not a Duplex");
  if (head !== undefined && !(head instanceof Uint8Array))
    throw new TypeError("adoptSocket: head is not a Uint8Array");
  if (request === undefined) return head;
  if (!Array.isArray(request?.rawHeaders))
    throw new TypeError("adoptSocket: request is not that of an upgrade event");
  return Buffer.concat([requestBytes(request), head ?? new Uint8Array()]);
}
