import { hash } from "node:crypto";
import { isToken, splitList } from "../http/tokens.ts";
import { type ExtensionOffer, parseExtensions } from "./extension-header.ts";

/** What the check needs of a request head; `http/request-head.ts` has it. */
export interface UpgradeHead {
  readonly method: string;
  readonly httpMinor: number;
  /** How the body is delimited, "none" without one. */
  readonly body: string;
  /** What an upgrade is asked to, in lower case; empty when none is asked for. */
  readonly upgradeTokens: readonly string[];
  get(name: string): string | undefined;
  count(name: string): number;
}

/** An upgrade request that may be accepted. */
export interface UpgradeOffer {
  readonly ok: true;
  readonly key: string;
  /** Sub-protocols in the client's order; empty when it asked for none. */
  readonly protocols: readonly string[];
  /** Extensions in the client's order. */
  readonly extensions: readonly ExtensionOffer[];
}

/** An upgrade request that is answered with an error. */
export interface UpgradeRefusal {
  readonly ok: false;
  readonly status: number;
  /** One sentence for the log and the reply. */
  readonly message: string;
  readonly headers: Readonly<Record<string, string>>;
}

const refusal = (status: number, message: string, headers: Record<string, string> = {}): UpgradeRefusal =>
  Object.freeze({ ok: false, status, message, headers });

const REFUSALS = {
  method: refusal(405, "a WebSocket is asked for with GET", { allow: "GET" }),
  http: refusal(400, "a WebSocket needs HTTP/1.1"),
  body: refusal(400, "a request for a WebSocket has no body"),
  key: refusal(400, "Sec-WebSocket-Key is not 16 bytes in base64"),
  version: refusal(426, "only version 13 of WebSocket is spoken here", {
    "sec-websocket-version": "13",
    upgrade: "websocket",
  }),
  protocols: refusal(400, "Sec-WebSocket-Protocol is not a list of different tokens"),
  extensions: refusal(400, "Sec-WebSocket-Extensions is not a list of extensions with their parameters"),
};

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/** 22 digits and two pads; the last digit holds two bits only, the other four are zero. */
const KEY = /^[+/0-9A-Za-z]{21}[AQgw]==$/;

/** True when a request asks for a WebSocket, rightly or wrongly; anything else is ordinary HTTP. */
export function asksForWebSocket(head: UpgradeHead): boolean {
  return head.upgradeTokens.includes("websocket");
}

/** Checks all that RFC 6455 section 4.2.1 asks of the client's request; Host was checked as the head was parsed. */
export function checkUpgrade(head: UpgradeHead): UpgradeOffer | UpgradeRefusal {
  if (head.method !== "GET") return REFUSALS.method;
  if (head.httpMinor < 1) return REFUSALS.http;
  if (head.body !== "none") return REFUSALS.body;
  if (head.get("sec-websocket-version") !== "13") return REFUSALS.version;
  const key = head.get("sec-websocket-key");
  // A key that came twice is joined by a comma and fits the pattern no more.
  if (key === undefined || !isKey(key)) return REFUSALS.key;
  const protocols = parseProtocols(head.get("sec-websocket-protocol"));
  if (protocols === null) return REFUSALS.protocols;
  const asked = head.get("sec-websocket-extensions");
  const extensions = asked === undefined ? NO_OFFERS : parseExtensions(asked);
  if (extensions === null) return REFUSALS.extensions;
  return { ok: true, key, protocols, extensions };
}

const NO_OFFERS: readonly ExtensionOffer[] = Object.freeze([]);
const NONE: readonly string[] = Object.freeze([]);

/** The sub-protocols of a header's value, none for no header; null when it is not a list of different tokens. */
export function parseProtocols(value: string | undefined): readonly string[] | null {
  if (value === undefined) return NONE;
  const names = splitList(value);
  if (!names.every((name) => isToken(name))) return null;
  return new Set(names).size === names.length ? names : null;
}

/** True for a name that can stand in Sec-WebSocket-Protocol (RFC 9110 section 5.6.2). */
export function isProtocolName(name: string): boolean {
  return isToken(name);
}

/** True for a value of Sec-WebSocket-Key: 16 bytes in base64. */
export function isKey(text: string): boolean {
  return KEY.test(text);
}

/** The value of Sec-WebSocket-Accept for a key (section 4.2.2). */
export function acceptValue(key: string): string {
  return hash("sha1", key + GUID, "base64");
}
