import { createHash } from "node:crypto";
import type { MultipartFile, Wsi } from "sluice";

/** Bytes of one upload, all of its files together: 1 GiB. */
export const MAX_UPLOAD = 1_073_741_824;

/** What the sender is told of a file. */
export interface FileReport {
  /** As the sender calls it. */
  name: string;
  size: number;
  /** As the sender says. */
  type: string;
  /** In hex, of what has arrived here. */
  sha256: string;
}

/**
 * Answers a form with a FileReport for each of its files, as JSON. Nothing is kept: a file is counted and hashed piece by
 * piece, as fast as it comes.
 *
 * A form of another site may be sent here as well, and does no harm: nothing changes by it, and its sender learns what it
 * has sent. Where an upload does change something, look at `Sec-Fetch-Site`, or compare `Origin` with your own, before the
 * body is read; and give the session's cookie `SameSite=Lax` or `Strict`.
 */
export async function answerUpload(wsi: Wsi): Promise<void> {
  const files: FileReport[] = [];
  for await (const part of wsi.readMultipart({ maxFileSize: MAX_UPLOAD })) {
    if (part.kind === "file") files.push(await reportOn(part));
  }
  const headers = { "content-type": "application/json", "cache-control": "no-store" };
  wsi.httpReply(200, headers, JSON.stringify({ files }));
}

async function reportOn({ filename, contentType, stream }: MultipartFile): Promise<FileReport> {
  const hash = createHash("sha256");
  let size = 0;
  for await (const piece of stream as AsyncIterable<Buffer>) {
    hash.update(piece);
    size += piece.length;
  }
  return { name: filename, size, type: contentType, sha256: hash.digest("hex") };
}
