import type { ConnectionError } from "../api/protocol.ts";
import { codedError, errorCode } from "../base/errors.ts";

/** The error of a client whom somebody answered, but not as hoped. */
export function refusal(
  code: string,
  message: string,
  status: number,
  headers: Readonly<Record<string, string>>,
): ConnectionError {
  return Object.assign(codedError(code, message), { status, headers });
}

/** Any error as one that has a code and a text. */
export function connectionError(error: Error): ConnectionError {
  const code = errorCode(error);
  if (code !== "" && error.message !== "") return error as ConnectionError;
  return codedError(code || "ECONNRESET", error.message || `the connection failed: ${code}`, error);
}
