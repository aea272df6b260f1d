import { randomBytes } from "node:crypto";
import type { OutgoingHeaders } from "../http/fields.ts";
import { checkHeader } from "../http/response.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { isHost } from "../http/target.ts";
import { listHas } from "../http/tokens.ts";
import { parseExtensions } from "./extension-header.ts";
import { acceptValue, isProtocolName } from "./handshake-server.ts";

/** What a client asks for. */
export interface UpgradeAsk {
  /** Path and query, percent-encoded: `/chat?room=1`. */
  readonly path: string;
  /** Host, and the port where it is not the scheme's own. An IPv6 address stands in brackets. */
  readonly host: string;
  /** Where the client comes from. Browsers send one, others need not. */
  readonly origin?: string | undefined;
  /** Sub-protocols, the most preferred first. */
  readonly protocols?: readonly string[] | undefined;
  /** The value of Sec-WebSocket-Extensions. */
  readonly extensions?: string | undefined;
  /** The application's own headers. */
  readonly headers?: OutgoingHeaders | undefined;
}

/** An upgrade request, and what the response is held against. */
export interface UpgradeRequest {
  /** The head to send, one character a byte (latin1), the blank line included. */
  readonly text: string;
  readonly key: string;
  readonly protocols: readonly string[];
  /** True when extensions were offered. */
  readonly offered: boolean;
}

/** A response that opens the session. */
export interface UpgradeAccepted {
  readonly ok: true;
  /** The sub-protocol that the server chose, one of those asked for; undefined when it chose none. */
  readonly protocol: string | undefined;
  /** The value of Sec-WebSocket-Extensions, not looked into; undefined when nothing was offered. */
  readonly extensions: string | undefined;
}

/** A response that opens none. */
export interface UpgradeFailed {
  readonly ok: false;
  /** One sentence that says what came; what it shows of the server's is short and printable. */
  readonly message: string;
  /** Of the response. 101 when the server accepted, but wrongly. */
  readonly status: number;
  /** Of the response. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Headers that are the handshake's to set, or speak of a body, which an upgrade request has none of. */
const RESERVED =
  /^(?:host|upgrade|connection|origin|sec-websocket-.*|content-length|transfer-encoding|expect)$/i;
/** Characters that a message shows of a value at most. */
const MAX_SHOWN = 60;

/** A new value for Sec-WebSocket-Key: 16 random bytes in base64 (RFC 6455 section 4.1). */
export function requestKey(): string {
  return randomBytes(16).toString("base64");
}

/**
 * The request that opens a WebSocket (RFC 6455 section 4.1), its headers in the order and case that browsers use.
 *
 * @throws TypeError that names the field, for one that cannot be sent, and for a header that is not the application's
 *   to set.
 */
export function buildUpgradeRequest(ask: UpgradeAsk): UpgradeRequest {
  checkAsk(ask);
  const { path, host, origin, protocols = [], extensions, headers = {} } = ask;
  const key = requestKey();
  let text = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`;
  text += `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n`;
  if (origin !== undefined) text += `Origin: ${origin}\r\n`;
  if (protocols.length > 0) text += `Sec-WebSocket-Protocol: ${protocols.join(", ")}\r\n`;
  if (extensions !== undefined) text += `Sec-WebSocket-Extensions: ${extensions}\r\n`;
  text += `${encodeOwn(headers)}\r\n`;
  return { text, key, protocols: [...protocols], offered: extensions !== undefined };
}

function checkAsk({ path, host, origin, protocols = [], extensions }: UpgradeAsk): void {
  check("path", path, isOriginForm, "a path from / on, in ASCII, percent-encoded and without fragment");
  check("host", host, isHost, "a host with or without a port");
  if (origin !== undefined) check("origin", origin, isVisible, "visible ASCII");
  for (const name of protocols) check("protocols", name, isProtocolName, "a token");
  if (new Set(protocols).size < protocols.length) {
    throw new TypeError(`protocols: ${JSON.stringify(protocols)} has a name twice`);
  }
  if (extensions !== undefined) check("extensions", extensions, isOfferList, "a list of extensions");
}

/** Callers without types get a sentence too, and `undefined` never becomes a host. */
function check(field: string, value: unknown, isRight: (text: string) => boolean, due: string): void {
  if (typeof value === "string" && isRight(value)) return;
  throw new TypeError(`${field}: ${JSON.stringify(value)} is not ${due}`);
}

/** The origin-form of a target (RFC 9112 section 3.2.1): visible ASCII without `#`. */
function isOriginForm(text: string): boolean {
  return /^\/[!"$-~]*$/.test(text);
}

function isVisible(text: string): boolean {
  return /^[!-~]+$/.test(text);
}

function isOfferList(text: string): boolean {
  return parseExtensions(text) !== null;
}

/** @throws TypeError for a header that cannot be sent, or that is not the application's to set. */
export function checkRequestHeader(name: string, value: OutgoingHeaders[string]): void {
  if (RESERVED.test(name)) throw new TypeError(`Header ${name} is not the application's to set here`);
  checkHeader(name, value);
}

function encodeOwn(headers: OutgoingHeaders): string {
  let text = "";
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    checkRequestHeader(name, value);
    for (const each of typeof value === "object" ? value : [value]) text += `${name}: ${each}\r\n`;
  }
  return text;
}

/**
 * Checks all that RFC 6455 section 4.1 asks of the server's response.
 *
 * @param request - What `buildUpgradeRequest` made.
 */
export function checkUpgradeResponse(
  head: ResponseHead,
  request: Omit<UpgradeRequest, "text">,
): UpgradeAccepted | UpgradeFailed {
  const message = wrongHandshake(head, request.key) ?? wrongChoice(head, request);
  if (message !== undefined) return { ok: false, message, status: head.status, headers: head.headers };
  const protocol = head.get("sec-websocket-protocol");
  return { ok: true, protocol, extensions: head.get("sec-websocket-extensions") };
}

/** Items 1 to 4 of the section's list. A header that came twice is joined by a comma, and so fits no more. */
function wrongHandshake(head: ResponseHead, key: string): string | undefined {
  if (head.status !== 101) return `the server answered ${printable(`${head.status} ${head.reason}`.trim())}`;
  if (head.httpMinor === 0) return "the server answered 101 in HTTP/1.0, which knows no upgrade";
  const upgrade = head.get("upgrade");
  if (upgrade?.toLowerCase() !== "websocket") return `Upgrade is ${shown(upgrade)}, not "websocket"`;
  const connection = head.get("connection");
  if (!listHas(connection ?? "", "upgrade")) return `Connection is ${shown(connection)}, without "Upgrade"`;
  const accept = head.get("sec-websocket-accept");
  if (accept === acceptValue(key)) return undefined;
  return `Sec-WebSocket-Accept is ${shown(accept)}, which does not fit the key`;
}

/** Items 5 and 6: the server chooses among what was offered. */
function wrongChoice(head: ResponseHead, request: Omit<UpgradeRequest, "text">): string | undefined {
  const extensions = head.get("sec-websocket-extensions");
  if (extensions !== undefined && !request.offered) {
    return `Sec-WebSocket-Extensions is ${shown(extensions)}, but none was offered`;
  }
  const protocol = head.get("sec-websocket-protocol");
  if (protocol === undefined || request.protocols.includes(protocol)) return undefined;
  return `Sec-WebSocket-Protocol is ${shown(protocol)}, which was not asked for`;
}

function shown(value: string | undefined): string {
  return value === undefined ? "missing" : `"${printable(value)}"`;
}

/** Cut short, and harmless in a log and on a terminal. */
function printable(text: string): string {
  const cut = text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}...` : text;
  return cut.replace(/[^ -~]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
