/** An error with a `code`, as Node's own have it. */
export interface CodedError extends Error {
  code: string;
}

/** Makes an Error that carries `code` (`"ENOTSUP"`, `"EADDRINUSE"`, …) and, where there is one, its cause. */
export function codedError(code: string, message: string, cause?: unknown): CodedError {
  const error = new Error(message, cause === undefined ? undefined : { cause }) as CodedError;
  error.code = code;
  return error;
}

/** The `code` of a system error, or an empty string. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === "string" ? code : "";
}
