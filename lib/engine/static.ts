import type { OutgoingHeaders } from "../api/wsi.ts";
import type { Fields } from "../http/conditional.ts";
import type { RequestHead } from "../http/request-head.ts";
import { ERROR_CONTENT_TYPE, errorBody } from "../http/response.ts";
import { acceptedCodings, IDENTITY } from "../serve/codings.ts";
import { acceptsHtml, isPagePath } from "../serve/fallback.ts";
import { LISTING_HEADERS } from "../serve/listing.ts";
import { type Mounted, NO_TURN, openMounted } from "../serve/mounted.ts";
import { type FileMount, isServedMethod, MOUNT_ALLOW, type Mount, type MountTable } from "../serve/mounts.ts";
import { resolvePath } from "../serve/path.ts";
import { type Plan, planReply } from "../serve/plan.ts";
import { closeFile, type OpenFile } from "../serve/source.ts";

/** A reply that is known at once. A reply to HEAD without a body may carry a `content-length` of its own. */
export interface PlainReply {
  kind: "reply";
  status: number;
  headers: OutgoingHeaders;
  body: string | Uint8Array;
  /** What made this a 500, to be logged. */
  error?: unknown;
}

/** A reply whose body, or some of it, is a file's: `new PlanReader(file, plan.parts)` reads it and owns the file. */
export interface FileReply {
  kind: "file";
  file: OpenFile;
  plan: Plan;
}

/** The request belongs to this protocol's HTTP. */
export interface ProtocolAnswer {
  kind: "protocol";
  name: string;
  /** The resolved path, by which the mount was found. */
  path: string;
}

/** The application still decides whether the request is admitted. */
export interface PendingAnswer {
  kind: "pending";
  /** Never rejects. What it brings is to be called within a turn, unless the request is over by then: it opens files. */
  answer: Promise<() => Answer>;
}

export type Answer = PlainReply | FileReply | ProtocolAnswer;

/**
 * What the mounts have for a request; null when it lies in none of them, or in one that lets it pass.
 *
 * @param turn - As in `openMounted`.
 */
export function answerMounted(
  mounts: MountTable,
  head: RequestHead,
  turn = NO_TURN,
): Answer | PendingAnswer | null {
  if (mounts.size === 0 || head.path === "*") return null;
  const path = resolvePath(head.path);
  // Nobody else gets to see it: a guard in a callback might understand it in another way.
  if (path === null) return errorReply(400);
  const mount = mounts.find(path);
  if (mount === undefined || mount.kind === "pass") return null;
  return mount.guard === null ? answerAdmitted(mount, path, head, turn) : answerGuarded(mount, path, head);
}

type AnsweringMount = Exclude<Mount, { kind: "pass" }>;

function answerGuarded(mount: AnsweringMount, path: string, head: RequestHead): Answer | PendingAnswer {
  const guard = mount.guard!;
  const failed = (error: unknown): PlainReply => ({ ...errorReply(500), error });
  const decide = (admitted: boolean): Answer =>
    admitted
      ? answerAdmitted(mount, path, head, NO_TURN)
      : errorReply(401, { "www-authenticate": guard.challenge });
  try {
    const admitted = guard.admits(head.get("authorization"), path);
    if (typeof admitted === "boolean") return decide(admitted);
    const answer = admitted.then(
      (admitted) => () => decide(admitted),
      (error: unknown) => () => failed(error),
    );
    return { kind: "pending", answer };
  } catch (error) {
    return failed(error);
  }
}

function answerAdmitted(mount: AnsweringMount, path: string, head: RequestHead, turn: number): Answer {
  switch (mount.kind) {
    case "redirect":
      return { kind: "reply", status: mount.status, headers: { location: mount.location }, body: "" };
    case "protocol":
      return { kind: "protocol", name: mount.protocol, path };
    case "files":
      return answerFromFiles(mount, path, head, turn);
  }
}

function answerFromFiles(
  mount: FileMount,
  path: string,
  head: RequestHead,
  turn: number,
): FileReply | PlainReply {
  if (!isServedMethod(head.method)) return errorReply(405, { allow: MOUNT_ALLOW });
  const codings = mount.precompressed ? acceptedCodings(head.get("accept-encoding")) : IDENTITY;
  const found = openMounted(mount, path, codings, turn);
  const isMissing = found.kind === "fault" && found.status === 404;
  if (!isMissing || mount.fallback === null || !isPagePath(path.slice(mount.prefix.length))) {
    return answerWith(found, head);
  }
  const page = acceptsHtml(head.get("accept"))
    ? openMounted(mount, mount.prefix + mount.fallback, codings)
    : found;
  return varying(answerWith(page.kind === "redirect" ? found : page, head), "Accept");
}

/** A look for a file, come to a reply. One that the application named itself comes to one in the same way. */
export function answerWith(found: Mounted, head: RequestHead): FileReply | PlainReply {
  switch (found.kind) {
    case "file":
      return answerWithFile(found, head);
    case "listing":
      return { kind: "reply", status: 200, headers: LISTING_HEADERS, body: found.page };
    case "redirect": {
      const location = head.query === "" ? found.location : `${found.location}?${head.query}`;
      return { kind: "reply", status: 301, headers: { location }, body: "" };
    }
    case "fault":
      return errorReply(found.status, found.status === 406 ? { vary: "Accept-Encoding" } : {});
  }
}

/** The headers that a plan asks for. Most requests have none of them, which is quicker to see in one go. */
const ASKED = /\n(?:[Ii][Ff]-|[Rr][Aa][Nn][Gg][Ee]:)/;
const NO_FIELDS: Fields = { get: () => undefined };

function answerWithFile(file: OpenFile, head: RequestHead): FileReply | PlainReply {
  const { method, raw } = head;
  // What an application answers a POST with is not the file whose state the conditions are about.
  const fields = isServedMethod(method) && ASKED.test(raw) ? head : NO_FIELDS;
  const plan = planReply(method, fields, file, Date.now());
  const { status, headers, parts, length } = plan;
  if (method !== "HEAD" && parts.some(({ start, end }) => start < end)) return { kind: "file", file, plan };
  closeFile(file);
  if (method !== "HEAD")
    return { kind: "reply", status, headers, body: parts.map(({ text }) => text).join("") };
  const told = status === 304 ? headers : { ...headers, "content-length": length };
  return { kind: "reply", status, headers: told, body: "" };
}

/** The reply with one header more in Vary. */
function varying<Reply extends FileReply | PlainReply>(reply: Reply, name: string): Reply {
  const { headers } = reply.kind === "file" ? reply.plan : reply;
  const vary = headers["vary"] === undefined ? name : `${headers["vary"]}, ${name}`;
  const told = { ...headers, vary };
  return reply.kind === "file"
    ? { ...reply, plan: { ...reply.plan, headers: told } }
    : { ...reply, headers: told };
}

function errorReply(status: number, headers: OutgoingHeaders = {}): PlainReply {
  const body = errorBody(status);
  return { kind: "reply", status, headers: { ...headers, "content-type": ERROR_CONTENT_TYPE }, body };
}
