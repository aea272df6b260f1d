import { readFile } from "node:fs/promises";
import { codedError } from "../base/errors.ts";

/**
 * PEM text as it stands, or from the file that is named.
 *
 * @param field - Of the option `ssl`, for the error.
 * @throws Error `ERR_SSL_FILE` (as a rejection) for a file that cannot be read.
 */
export async function readPem(source: string, field: string): Promise<string> {
  if (source.includes("-----BEGIN ")) return source;
  try {
    return await readFile(source, "utf8");
  } catch (error) {
    throw codedError(
      "ERR_SSL_FILE",
      `ssl.${field}: cannot read "${source}": ${(error as Error).message}`,
      error,
    );
  }
}
