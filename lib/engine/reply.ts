import type { AddHeader } from "../api/protocol.ts";
import { CallbackReason } from "../api/reasons.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { codedError } from "../base/errors.ts";
import { MAX_RESERVE } from "../base/outlet.ts";
import type { RequestHead } from "../http/request-head.ts";
import {
  CHUNK_END,
  checkHeader,
  chunkHead,
  dateText,
  encodeHead,
  LAST_CHUNK,
  statusHasBody,
} from "../http/response.ts";
import { splitList } from "../http/tokens.ts";
import type { Link } from "../loop/loop.ts";
import type { Connection } from "./connection.ts";
import { REFUSED, THREW } from "./dispatch.ts";

/** Text with one character a byte, to the link. */
export function writeLatin1(link: Link, text: string): void {
  if (text.length > MAX_RESERVE) {
    const bytes = Buffer.from(text, "latin1");
    return link.send(bytes, 0, bytes.length);
  }
  const at = link.reserve(text.length);
  link.block.write(text, at, "latin1");
  link.commit(text.length);
}

/** How the end of a body is known to the peer (RFC 9112 section 6.3). */
const NO_BODY = 0;
const LENGTH = 1;
const CHUNKED = 2;
const UNTIL_CLOSE = 3;

/**
 * The reply to one request.
 *
 * ```
 *   NONE ──head──► STREAMING ──last bytes──► DONE
 *     └──────────── whole ──────────────────►
 * ```
 */
export class Reply {
  /** False when the connection ends behind this reply. */
  keepAlive: boolean;
  readonly #connection: Connection;
  readonly #request: RequestHead;
  #state: "NONE" | "STREAMING" | "DONE" = "NONE";
  #framing = NO_BODY;
  /** Bytes of a body of known length that are still to be written. */
  #toCome = 0;

  constructor(connection: Connection, request: RequestHead, keepAlive: boolean) {
    this.#connection = connection;
    this.#request = request;
    this.keepAlive = keepAlive;
  }

  get begun(): boolean {
    return this.#state !== "NONE";
  }

  get done(): boolean {
    return this.#state === "DONE";
  }

  /** True when the reply has no body, as that to HEAD: it takes what is written to it, and sends nothing. */
  get bodiless(): boolean {
    return this.#state !== "NONE" && this.#framing === NO_BODY;
  }

  /** Answers in one go. Throws as `wsi.httpReply` says, before anything is written. */
  whole(status: number, headers: OutgoingHeaders | undefined, body: string | Uint8Array = ""): void {
    const payload = typeof body === "string" ? Buffer.from(body) : body;
    const all = { ...headers };
    if (typeof body === "string" && body !== "" && !hasHeader(all, "content-type")) {
      all["content-type"] = "text/plain; charset=utf-8";
    }
    // The length in the reply to HEAD is that of the body which GET would get.
    const told = this.#request.method === "HEAD" && payload.length === 0 ? ownLength(all) : undefined;
    this.#head(status, all, told ?? payload.length);
    this.#state = "DONE";
    if (this.#framing !== NO_BODY && payload.length > 0)
      this.#connection.link.send(payload, 0, payload.length);
  }

  /** Sends the head of a reply whose body is streamed. With `length` its size is known and told. */
  begin(status: number, headers: OutgoingHeaders = {}, length?: number): void {
    this.#head(status, headers, length ?? ownLength(headers));
    // A reply to HEAD ends when its body would: whoever writes that must not write it into the next reply.
    this.#state = statusHasBody(status) ? "STREAMING" : "DONE";
  }

  /** Sends a part of the body, and returns its size. The end of the body is told when `last`. */
  write(data: string | Uint8Array, last: boolean): number {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    if (this.bodiless) {
      if (last) this.#state = "DONE";
      return bytes.length;
    }
    if (this.#state !== "STREAMING")
      throw codedError("ERR_NO_REPLY", "write(…, HTTP) needs writeHttpHeaders before it");
    this.#piece(bytes);
    if (last) this.#last();
    return bytes.length;
  }

  #piece(bytes: Uint8Array): void {
    const { link } = this.#connection;
    if (this.#framing === LENGTH) {
      if (bytes.length > this.#toCome) throw new RangeError("more body than content-length says");
      this.#toCome -= bytes.length;
    }
    if (bytes.length === 0) return;
    if (this.#framing === CHUNKED) writeLatin1(link, chunkHead(bytes.length));
    link.send(bytes, 0, bytes.length);
    if (this.#framing === CHUNKED) writeLatin1(link, CHUNK_END);
  }

  #last(): void {
    this.#state = "DONE";
    if (this.#framing === CHUNKED) writeLatin1(this.#connection.link, LAST_CHUNK);
    // The peer waits for bytes that will not come: only the end of the connection tells it so.
    if (this.#framing === LENGTH && this.#toCome > 0) this.keepAlive = false;
  }

  #head(status: number, headers: OutgoingHeaders, length: number | undefined): void {
    if (this.#state !== "NONE") throw repliedError();
    if (status < 200) throw new RangeError(`a reply takes a status of 200 to 599, not ${status}`);
    const { httpMinor, method } = this.#request;
    const bodiless = !statusHasBody(status);
    const chunked = length === undefined && httpMinor > 0 && !bodiless;
    if (length === undefined && httpMinor === 0 && !bodiless) this.keepAlive = false;
    const added = addedHeaders(this.#connection, headers);
    const all = added ?? headers;
    if (added === null || asksToClose(all)) this.keepAlive = false;
    const connection = this.keepAlive ? (httpMinor === 0 ? "keep-alive" : undefined) : "close";
    const date = dateText(Date.now());
    // The length in a 304 is that of the reply it stands for, which only the application knows.
    const contentLength = status === 304 ? undefined : length;
    const text = encodeHead({ status, headers: all, date, connection, contentLength, chunked });
    writeLatin1(this.#connection.link, text);
    this.#framing = bodiless || method === "HEAD" ? NO_BODY : chunked ? CHUNKED : LENGTH;
    if (this.#framing === LENGTH && length === undefined) this.#framing = UNTIL_CLOSE;
    this.#toCome = length ?? 0;
  }
}

export function repliedError(): Error {
  return codedError("ERR_REPLIED", "this request has been answered already");
}

/** The headers of a reply with those that the protocol adds in ADD_HEADERS; null when it refuses there. */
export function addedHeaders(connection: Connection, headers: OutgoingHeaders): OutgoingHeaders | null {
  let all: Record<string, string | number | readonly string[]> | null = null;
  const add: AddHeader = (name, value) => {
    checkHeader(name, value);
    all ??= { ...headers };
    const before = all[name];
    all[name] = before === undefined ? value : ([] as string[]).concat(before as string, value);
  };
  const outcome = connection.ask(CallbackReason.ADD_HEADERS, add, 0);
  if (outcome === REFUSED || outcome === THREW) return null;
  return all ?? headers;
}

function headerOf(headers: OutgoingHeaders, name: string): string | undefined {
  for (const key of Object.keys(headers)) if (key.toLowerCase() === name) return String(headers[key]);
  return undefined;
}

function hasHeader(headers: OutgoingHeaders, name: string): boolean {
  return headerOf(headers, name) !== undefined;
}

function ownLength(headers: OutgoingHeaders): number | undefined {
  const length = headerOf(headers, "content-length");
  return length === undefined ? undefined : Number(length);
}

function asksToClose(headers: OutgoingHeaders): boolean {
  const connection = headerOf(headers, "connection");
  return connection !== undefined && splitList(connection.toLowerCase()).includes("close");
}
