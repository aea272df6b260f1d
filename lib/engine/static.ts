import type { OutgoingHeaders } from "../api/wsi.ts";
import type { RequestHead } from "../http/request-head.ts";
import { ERROR_CONTENT_TYPE, errorBody } from "../http/response.ts";
import { isServedMethod, MOUNT_ALLOW, type MountTable } from "../serve/mounts.ts";
import { resolvePath } from "../serve/path.ts";
import { type FileResult, type OpenFile, openMounted } from "../serve/source.ts";

/** A reply that is known at once. */
export interface PlainReply {
  kind: "reply";
  status: number;
  headers: OutgoingHeaders;
  body: string;
}

/** What the mounts have for a request: a file, a reply, or null when it lies in none of them. */
export function answerFromMounts(mounts: MountTable, head: RequestHead): OpenFile | PlainReply | null {
  if (mounts.size === 0 || head.path === "*") return null;
  const path = resolvePath(head.path);
  // Nobody else gets to see it: a guard in a callback might understand it in another way.
  if (path === null) return errorReply(400);
  const mount = mounts.find(path);
  if (mount === undefined) return null;
  if (!isServedMethod(head.method)) return errorReply(405, { allow: MOUNT_ALLOW });
  return fileOrReply(openMounted(mount, path), head.query);
}

/** @param query - Goes behind the location of a redirect. */
export function fileOrReply(result: FileResult, query = ""): OpenFile | PlainReply {
  if (result.kind === "file") return result;
  if (result.kind === "fault") return errorReply(result.status);
  const location = query === "" ? result.location : `${result.location}?${query}`;
  return { kind: "reply", status: 301, headers: { location }, body: "" };
}

function errorReply(status: number, headers: OutgoingHeaders = {}): PlainReply {
  const body = errorBody(status);
  return { kind: "reply", status, headers: { ...headers, "content-type": ERROR_CONTENT_TYPE }, body };
}
