import { readFile } from "node:fs/promises";
import { codedError } from "../base/errors.ts";

/**
 * PEM text as it stands, or from the file that is named.
 *
 * @param field - Of the option, for the error: `"cert"`.
 * @throws Error `ERR_SSL_FILE` (as a rejection) for a file that cannot be read.
 */
export async function readPem(source: string, field: string, option = "ssl"): Promise<string> {
  if (isPem(source)) return source;
  try {
    return await readFile(source, "utf8");
  } catch (error) {
    throw codedError(
      "ERR_SSL_FILE",
      `${option}.${field}: cannot read "${source}": ${(error as Error).message}`,
      error,
    );
  }
}

/** What to call it in a message: the file, never the text itself. */
export function pemName(source: string): string {
  return isPem(source) ? "the PEM text" : source;
}

/** A key without its first line is no path either, and not to be shown in an error. */
export function isPem(source: string): boolean {
  return source.includes("-----BEGIN ") || source.includes("\n");
}
