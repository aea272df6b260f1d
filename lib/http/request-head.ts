import { FAULTS, HttpFault } from "./fault.ts";
import { CHUNKED, requestBodyLength } from "./framing.ts";
import { MessageHead } from "./message-head.ts";
import { isHost, parseTarget, type Target } from "./target.ts";
import { hasWordAt, listHas, splitList, trimmed } from "./tokens.ts";

/** ` HTTP/1.x` CRLF: what stands between a request's target and its headers. */
const VERSION_BYTES = 11;

const NO_TOKENS: readonly string[] = Object.freeze([]);
const WEBSOCKET_ONLY: readonly string[] = Object.freeze(["websocket"]);

/**
 * A request's head: checked, and taken apart as far as everyone needs it. The headers stay in `raw` until somebody
 * asks for them, because a session keeps its head for life: one string is the cheapest form of it.
 */
export class RequestHead extends MessageHead {
  readonly method: string;
  /** The request target as it came. */
  readonly target: string;
  /** The target's path, percent-encoded; `*` for an OPTIONS that means the whole server. */
  readonly path: string;
  /** What stands behind `?` in the target. */
  readonly query: string;
  /** Host and port that the request is for; empty only in HTTP/1.0. Of an absolute target, and nothing to connect to. */
  readonly host: string;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1 and whatever minor version may follow it. */
  readonly httpMinor: 0 | 1;
  /** False when the connection ends after the reply (RFC 9112 section 9.3). */
  readonly keepAlive: boolean;
  /** True when Connection lists `upgrade` and there is an Upgrade header. */
  readonly upgradeAsked: boolean;
  /** What an upgrade is asked to, in lower case; empty unless `upgradeAsked`. */
  readonly upgradeTokens: readonly string[];
  readonly body: "none" | "length" | "chunked";
  /** Bytes of the body when `body` is `length`, else 0. */
  readonly contentLength: number;
  /** `unknown` is to be answered with 417. */
  readonly expect: "none" | "continue" | "unknown";

  /** From what `readRequest` found to be valid. */
  constructor(
    raw: string,
    method: string,
    target: string,
    parts: Target,
    known: KnownFields,
    length: number,
  ) {
    const fieldsAt = method.length + 1 + target.length + VERSION_BYTES;
    super(raw, fieldsAt);
    this.method = method;
    this.target = target;
    this.path = parts.path;
    this.query = parts.query;
    this.host = parts.authority || (known.host ?? "");
    this.httpMinor = minorOf(raw, fieldsAt);
    this.keepAlive = isKeptAlive(known.connection, this.httpMinor);
    this.upgradeTokens = upgradeTokens(known);
    this.upgradeAsked = this.upgradeTokens.length > 0;
    this.body = length === 0 ? "none" : length === CHUNKED ? "chunked" : "length";
    this.contentLength = Math.max(length, 0);
    this.expect = this.httpMinor === 0 ? "none" : expectation(known.expect);
  }
}

/**
 * Makes sense of a head whose bytes were checked: the request line has its three parts, and every line its form.
 *
 * @param raw - From the first byte of the method to the end of the blank line.
 */
export function readRequest(raw: string): RequestHead | HttpFault {
  const methodEnd = raw.indexOf(" ");
  const targetEnd = raw.indexOf(" ", methodEnd + 1);
  const method = raw.startsWith("GET ") ? "GET" : raw.slice(0, methodEnd);
  const target = raw.slice(methodEnd + 1, targetEnd);
  const parts = parseTarget(method, target);
  if (parts instanceof HttpFault) return parts;
  const fieldsAt = targetEnd + VERSION_BYTES;
  const known = knownFields(raw, fieldsAt);
  const minor = minorOf(raw, fieldsAt);
  if (!isHostRight(known.host, parts, minor)) return FAULTS.host;
  const length = requestBodyLength(known.contentLength, known.transferEncoding, minor);
  if (length instanceof HttpFault) return length;
  return new RequestHead(raw, method, target, parts, known, length);
}

/** What Host says is heeded only where the target names no host, but has to be of its form (RFC 9112 section 3.2). */
function isHostRight(host: string | undefined, target: Target, httpMinor: number): boolean {
  if (host === undefined) return httpMinor === 0;
  return isHost(host) || (host === "" && target.authority !== "");
}

/** The headers that decide about the message itself. Of several the values are joined, and so fail where one is due. */
interface KnownFields {
  host: string | undefined;
  expect: string | undefined;
  upgrade: string | undefined;
  connection: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
}

/** Picks them out in one walk over the lines; the length of a name tells which one it can be at all. */
function knownFields(raw: string, at: number): KnownFields {
  const known: KnownFields = {
    host: undefined,
    expect: undefined,
    upgrade: undefined,
    connection: undefined,
    contentLength: undefined,
    transferEncoding: undefined,
  };
  for (let next = 0; raw.charCodeAt(at) !== 0x0d; at = next) {
    const colon = raw.indexOf(":", at);
    next = raw.indexOf("\n", colon) + 1;
    const field = knownName(raw, at, colon - at);
    if (field === undefined) continue;
    const value = trimmed(raw, colon + 1, next - 2);
    const before = known[field];
    known[field] = before === undefined ? value : `${before}, ${value}`;
  }
  return known;
}

function knownName(raw: string, at: number, length: number): keyof KnownFields | undefined {
  switch (length) {
    case 4:
      return hasWordAt(raw, at, "host") ? "host" : undefined;
    case 6:
      return hasWordAt(raw, at, "expect") ? "expect" : undefined;
    case 7:
      return hasWordAt(raw, at, "upgrade") ? "upgrade" : undefined;
    case 10:
      return hasWordAt(raw, at, "connection") ? "connection" : undefined;
    case 14:
      return hasWordAt(raw, at, "content-length") ? "contentLength" : undefined;
    case 17:
      return hasWordAt(raw, at, "transfer-encoding") ? "transferEncoding" : undefined;
    default:
      return undefined;
  }
}

function minorOf(raw: string, fieldsAt: number): 0 | 1 {
  return raw.charCodeAt(fieldsAt - 3) === 0x30 ? 0 : 1;
}

function isKeptAlive(connection: string | undefined, httpMinor: number): boolean {
  if (connection === undefined) return httpMinor === 1;
  if (listHas(connection, "close")) return false;
  return httpMinor === 1 || listHas(connection, "keep-alive");
}

function upgradeTokens({ upgrade, connection }: KnownFields): readonly string[] {
  if (upgrade === undefined || connection === undefined || !listHas(connection, "upgrade")) return NO_TOKENS;
  if (upgrade === "websocket") return WEBSOCKET_ONLY;
  return splitList(upgrade.toLowerCase()).filter((token) => token !== "");
}

function expectation(expect: string | undefined): "none" | "continue" | "unknown" {
  if (expect === undefined) return "none";
  const members = splitList(expect.toLowerCase()).filter((member) => member !== "");
  if (members.length === 0) return "none";
  return members.every((member) => member === "100-continue") ? "continue" : "unknown";
}
