import { isUtf8 } from "node:buffer";
import { isCloseCode, MAX_CLOSE_REASON } from "../ws/codes.ts";
import { invalid } from "./errors.ts";
import { ALL_FLAGS, WS_TEXT } from "./options.ts";

export function isText(flags: number): boolean {
  if (!Number.isInteger(flags) || (flags & ~ALL_FLAGS) !== 0) throw invalid("flags are WS_TEXT or WS_BINARY");
  return (flags & WS_TEXT) !== 0;
}

export function checkData(data: string | Uint8Array, text: boolean): string | Uint8Array {
  if (typeof data === "string") return data;
  if (!(data instanceof Uint8Array)) throw invalid("data is a string or a Uint8Array");
  if (text && !isUtf8(data)) throw invalid("a text message takes UTF-8; send other bytes as WS_BINARY");
  return data;
}

/** A copy, for a message that has to wait: the caller's bytes are his again. */
export function kept(data: string | Uint8Array): string | Uint8Array {
  return typeof data === "string" ? data : Buffer.from(data);
}

export function joined(parts: readonly (string | Uint8Array)[], text: boolean): string | Uint8Array {
  if (!Array.isArray(parts)) throw invalid("the parts are not a list");
  const bytes = parts.map((part) => {
    const data = checkData(part, false);
    return typeof data === "string" ? Buffer.from(data) : data;
  });
  return checkData(Buffer.concat(bytes), text);
}

export function limitOf(maxLength: number | undefined, usual: number): number {
  if (maxLength === undefined) return usual;
  if (!Number.isInteger(maxLength) || maxLength < 0) throw invalid("maxLength is not a size");
  return maxLength;
}

/** The message of a Close as text. @throws EINVAL */
export function checkClose(status: number, message: string | Uint8Array): string {
  if (!Number.isInteger(status) || (status !== 0 && !isCloseCode(status)))
    throw invalid(`${status} is not a status that may be sent`);
  const data = checkData(message, true);
  const size = typeof data === "string" ? Buffer.byteLength(data) : data.length;
  if (size > MAX_CLOSE_REASON) throw invalid(`the message is longer than ${MAX_CLOSE_REASON} bytes`);
  if (status === 0 && size > 0) throw invalid("a Close without status has no message");
  return typeof data === "string" ? data : Buffer.from(data.buffer, data.byteOffset, size).toString();
}
