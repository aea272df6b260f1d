import type { AddHeader } from "../api/protocol.ts";
import { CallbackReason } from "../api/reasons.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { codedError } from "../base/errors.ts";
import { MAX_RESERVE } from "../base/outlet.ts";
import { type DefaultHeaders, OutgoingFields } from "../http/outgoing.ts";
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
import type { Link } from "../loop/loop.ts";
import type { Connection } from "./connection.ts";
import { REFUSED, THREW } from "./dispatch.ts";
import { errorPage } from "./error-page.ts";
import { keptHead } from "./kept-head.ts";
import { repliedError } from "./serving.ts";
import type { FileReply } from "./static.ts";

/** Up to here head and body leave as one copy in the link's block; a longer body goes its own way. */
const TOGETHER = 16_384;
const TEXT_TYPE = "content-type: text/plain; charset=utf-8\r\n";
const NO_HEADERS: OutgoingHeaders = Object.freeze({});

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

/** A head and a body, to the link. */
function writeTogether(link: Link, head: Buffer, body: Buffer): void {
  const size = head.length + body.length;
  const isShort = size <= TOGETHER;
  const at = link.reserve(isShort ? size : head.length);
  link.block.set(head, at);
  if (isShort) link.block.set(body, at + head.length);
  link.commit(isShort ? size : head.length);
  if (!isShort) link.send(body, 0, body.length);
}

/** What every reply on a connection has; null where the context adds nothing. */
export function defaultHeaders(connection: Connection): DefaultHeaders | null {
  const { securityHeaders } = connection.host.settings;
  return securityHeaders && (connection.secure ? securityHeaders.secure : securityHeaders.plain);
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
 *   NONE ──► HEAD (ADD_HEADERS is asked) ──begin──► STREAMING ──last bytes──► DONE
 *     ▲        │ └─────────────────────── whole ────────────────────────────►
 *     └────────┘ it cannot be sent: another may follow
 * ```
 */
export class Reply {
  /** False when the connection ends behind this reply. */
  keepAlive: boolean;
  readonly #connection: Connection;
  readonly #request: RequestHead;
  #state: "NONE" | "HEAD" | "STREAMING" | "DONE" = "NONE";
  #framing = NO_BODY;
  /** Bytes of a body of known length that are still to be written. */
  #toCome = 0;
  /** What ADD_HEADERS has brought, where that was asked before it was known how to answer. */
  #added: OutgoingHeaders | null | undefined = undefined;
  // For the access log: what went out so far, the status 0 while no head did.
  #status = 0;
  #bytes = 0;
  readonly #since: number;

  constructor(connection: Connection, request: RequestHead, keepAlive: boolean) {
    this.#connection = connection;
    this.#request = request;
    this.keepAlive = keepAlive;
    this.#since = connection.host.loop.now;
  }

  get begun(): boolean {
    return this.#state !== "NONE";
  }

  get done(): boolean {
    return this.#state === "DONE";
  }

  /** True when the reply has no body, as that to HEAD: it takes what is written to it, and sends nothing. */
  get bodiless(): boolean {
    return (this.#state === "STREAMING" || this.#state === "DONE") && this.#framing === NO_BODY;
  }

  /** Answers in one go. Throws as `wsi.httpReply` says, before anything is written. */
  whole(
    status: number,
    headers: OutgoingHeaders = NO_HEADERS,
    body: string | Uint8Array | undefined = "",
  ): void {
    const size = typeof body === "string" ? Buffer.byteLength(body) : body.length;
    const head = this.#head(status, headers, size, typeof body === "string" && size > 0);
    this.#state = "DONE";
    const { link } = this.#connection;
    if (this.#framing === NO_BODY || size === 0) return writeLatin1(link, head);
    this.#bytes = size;
    // As many bytes as characters: it is ASCII, and one string with the head.
    if (size === body.length && typeof body === "string" && head.length + size <= TOGETHER) {
      return writeLatin1(link, head + body);
    }
    writeLatin1(link, head);
    link.send(typeof body === "string" ? Buffer.from(body) : body, 0, size);
  }

  /** A reply that the application did not write. An error has the page that the context makes of it. */
  builtIn(status: number, headers: OutgoingHeaders, body: string | Uint8Array): void {
    if (status < 400) return this.whole(status, headers, body);
    const page = errorPage(this.#connection.host, status, this.#request);
    this.whole(status, { ...headers, "content-type": page.contentType }, page.body);
  }

  /**
   * Answers with the whole of a small file that is kept in memory: its head is kept too. False when nothing was done, as
   * it is another kind of answer.
   */
  kept({ plan, file }: FileReply): boolean {
    const { bytes } = file;
    if (bytes === null || plan.status !== 200 || this.#state !== "NONE") return false;
    if (!this.keepAlive || this.#request.httpMinor === 0 || this.#added !== undefined) return false;
    this.#state = "HEAD";
    const added = askForHeaders(this.#connection);
    if (added !== NO_HEADERS) {
      this.#added = added;
      this.#state = "NONE";
      return false;
    }
    const head = keptHead(plan, defaultHeaders(this.#connection)).dated(dateText(Date.now())).bytes;
    writeTogether(this.#connection.link, head, bytes);
    this.#framing = LENGTH;
    this.#state = "DONE";
    this.#status = 200;
    this.#bytes = bytes.length;
    return true;
  }

  /** Sends the head of a reply whose body is streamed. With `length` its size is known and told. */
  begin(status: number, headers: OutgoingHeaders = NO_HEADERS, length?: number): void {
    writeLatin1(this.#connection.link, this.#head(status, headers, length, false));
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

  /** So many bytes of a body of known length went to the peer without passing through here. */
  passed(size: number): void {
    this.#toCome -= size;
    this.#bytes += size;
  }

  #piece(bytes: Uint8Array): void {
    const { link } = this.#connection;
    if (this.#framing === LENGTH) {
      if (bytes.length > this.#toCome) throw new RangeError("more body than content-length says");
      this.#toCome -= bytes.length;
    }
    if (bytes.length === 0) return;
    this.#bytes += bytes.length;
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

  /**
   * The text of the head, which is sent by then as far as others know.
   *
   * @param size - Bytes of the body; undefined where only the application may know, in its Content-Length.
   * @param isText - The body is text of the application's: it has a type, even if none is given.
   */
  #head(status: number, headers: OutgoingHeaders, size: number | undefined, isText: boolean): string {
    if (this.#state !== "NONE") throw repliedError();
    if (status < 200) throw new RangeError(`a reply takes a status of 200 to 599, not ${status}`);
    // What ADD_HEADERS does meanwhile is no second reply.
    this.#state = "HEAD";
    try {
      const fields = this.#fields(headers);
      if (isText && !fields.typed) fields.text += TEXT_TYPE;
      return this.#encode(status, fields, size);
    } catch (error) {
      this.#state = "NONE";
      throw error;
    }
  }

  /** The application's headers, and those that the protocol adds. */
  #fields(headers: OutgoingHeaders): OutgoingFields {
    const connection = this.#connection;
    const added = this.#added === undefined ? askForHeaders(connection) : this.#added;
    if (added === null) this.keepAlive = false;
    const fields = new OutgoingFields(defaultHeaders(connection)).add(headers);
    return added === null || added === NO_HEADERS ? fields : fields.add(added);
  }

  #encode(status: number, fields: OutgoingFields, size: number | undefined): string {
    const { httpMinor, method } = this.#request;
    // The length in the reply to HEAD is that of the body which GET would get.
    const told = size === undefined || (size === 0 && method === "HEAD");
    const length = told ? (fields.contentLength ?? size) : size;
    const bodiless = !statusHasBody(status);
    const openEnded = length === undefined && !bodiless;
    if (fields.closes || (openEnded && httpMinor === 0)) this.keepAlive = false;
    const chunked = openEnded && httpMinor > 0;
    const connection = this.keepAlive ? (httpMinor === 0 ? "keep-alive" : undefined) : ending(status);
    const date = dateText(Date.now());
    // The length in a 304 is that of the reply it stands for, which only the application knows.
    const contentLength = status === 304 ? undefined : status === 205 ? 0 : length;
    const text = encodeHead({ status, date, connection, contentLength, chunked }, fields);
    this.#status = status;
    this.#toCome = length ?? 0;
    if (bodiless || method === "HEAD") this.#framing = NO_BODY;
    else this.#framing = chunked ? CHUNKED : openEnded ? UNTIL_CLOSE : LENGTH;
    return text;
  }

  /** The reply has ended, or will not go on: the access log hears of it, once. */
  over(): void {
    const { accessLog } = this.#connection.host;
    if (accessLog === null || this.#status === 0) return;
    accessLog.add(this.#connection.remoteAddress, this.#request, this.#status, this.#bytes, this.#since);
    this.#status = 0;
  }
}

/** A reply that names what to upgrade to says so in Connection too (RFC 9110 section 7.8). */
function ending(status: number): string {
  return status === 426 ? "close, Upgrade" : "close";
}

/** The headers of a reply with those that the protocol adds in ADD_HEADERS; null when it refuses there. */
export function addedHeaders(connection: Connection, headers: OutgoingHeaders): OutgoingHeaders | null {
  const added = askForHeaders(connection);
  return added === null || added === NO_HEADERS ? added && headers : { ...headers, ...added };
}

type Added = Record<string, string | readonly string[]>;

/** What the ADD_HEADERS that runs has added; null while none runs. */
let added: Added | null = null;
const NONE_YET = NO_HEADERS as Added;

/** One function for all replies: nothing is made for those that add nothing. Who calls it later adds nothing any more. */
const addHeader: AddHeader = (name, value) => {
  checkHeader(name, value);
  if (added === null) return;
  if (added === NONE_YET) added = Object.create(null) as Added;
  const before = added[name];
  added[name] = before === undefined ? value : [before, value].flat();
};

/** What the protocol adds in ADD_HEADERS, `NO_HEADERS` for nothing; null when it refuses there. */
function askForHeaders(connection: Connection): OutgoingHeaders | null {
  // Its callback may reply on another connection.
  const outer = added;
  added = NONE_YET;
  const outcome = connection.ask(CallbackReason.ADD_HEADERS, addHeader, 0);
  const headers = added;
  added = outer;
  return outcome === REFUSED || outcome === THREW ? null : headers;
}
