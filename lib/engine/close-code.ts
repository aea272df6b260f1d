import { isUtf8 } from "node:buffer";
import { isCloseCode, MAX_CLOSE_REASON } from "../ws/codes.ts";

/**
 * Checks what a user wants to close with.
 *
 * @throws TypeError when the reason is no string; RangeError for a code that may not be sent (RFC 6455 section 7.4),
 *   a reason without a code, or one of more than 123 bytes.
 */
export function checkClose(code: number | undefined, reason: string): void {
  if (typeof reason !== "string")
    throw new TypeError(`the reason of a close is a string, not ${typeof reason}`);
  if (code === undefined) {
    if (reason !== "") throw new RangeError("the reason of a close needs a code before it");
    return;
  }
  if (typeof code !== "number") throw new TypeError(`the code of a close is a number, not ${typeof code}`);
  if (!Number.isInteger(code) || !isCloseCode(code)) {
    throw new RangeError(`${code} is not a close code: 1000-1003, 1007-1014 or 3000-4999`);
  }
  const size = Buffer.byteLength(reason);
  if (size > MAX_CLOSE_REASON) {
    throw new RangeError(`the reason of a close has at most ${MAX_CLOSE_REASON} bytes of UTF-8, not ${size}`);
  }
}

/** What a user gives to `write(…, WriteProtocol.CLOSE)`: nothing, or the code in two bytes and the reason. */
export function checkClosePayload(data: string | Uint8Array): {
  code?: number;
  reason: string;
  size: number;
} {
  const payload = Buffer.from(data as Uint8Array);
  if (payload.length === 0) return { reason: "", size: 0 };
  if (payload.length === 1)
    throw new RangeError("the payload of a Close is empty, or begins with two bytes of code");
  if (!isUtf8(payload.subarray(2))) throw new TypeError("the reason of a close is not UTF-8");
  const code = payload.readUInt16BE(0);
  const reason = payload.toString("utf8", 2);
  checkClose(code, reason);
  return { code, reason, size: payload.length };
}
