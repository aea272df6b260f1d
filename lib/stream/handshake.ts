import { HttpFault } from "../http/fault.ts";
import type { OutgoingHeaders } from "../http/fields.ts";
import { HeadReader } from "../http/head-reader.ts";
import type { HttpLimits } from "../http/limits.ts";
import type { RequestHead } from "../http/request-head.ts";
import {
  checkHeaders,
  dateText,
  ERROR_CONTENT_TYPE,
  encodeFault,
  encodeHead,
  errorBody,
} from "../http/response.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { ResponseReader } from "../http/response-reader.ts";
import { buildUpgradeRequest, checkUpgradeResponse } from "../ws/handshake-client.ts";
import { acceptValue, asksForWebSocket, checkUpgrade, isProtocolName } from "../ws/handshake-server.ts";
import type { Taker } from "./byte-stream.ts";
import type { Connection } from "./connection.ts";
import type { Deadline } from "./deadline.ts";
import { invalid, WsError } from "./errors.ts";
import { type Attempt, PENDING } from "./lane.ts";
import type { AcceptOptions, ConnectOptions, UpgradeAsked } from "./options.ts";

/** What both sides know when the handshake is done. */
export interface Agreement {
  readonly resource: string;
  readonly host: string;
  readonly protocol: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Without a handshake nothing is known. */
export const NO_AGREEMENT: Agreement = Object.freeze({
  resource: "",
  host: "",
  protocol: "",
  headers: Object.freeze(Object.create(null)),
});

/** A request that is answered with an error, and what the caller is told. */
export class Refusal {
  /** The reply, one character a byte. */
  readonly reply: string;
  readonly error: unknown;

  /** @param error - Where it is not the request that is wrong. */
  constructor(fault: HttpFault, error?: unknown) {
    const { status, message } = fault;
    const code = status === 431 || status === 414 ? "EMSGSIZE" : "EPROTO";
    const body = errorBody(status);
    this.error = error ?? new WsError(code, message, { status });
    this.reply = encodeFault(fault, dateText(Date.now()), ERROR_CONTENT_TYPE, body.length) + body;
  }
}

/** What reads a head: `result` is undefined while more is needed. */
interface Reader<Head> extends Taker {
  readonly result: Head | HttpFault | undefined;
}

/** Reads one head; what follows it stays where it is. */
function readHead<Head>(
  connection: Connection,
  reader: Reader<Head>,
  until: Deadline,
): Promise<Head | HttpFault> {
  const { bytes } = connection;
  return connection.receiving.run<Head | HttpFault>(() => {
    while (reader.result === undefined) {
      if (bytes.more()) bytes.feed(reader);
      else if (bytes.broken !== null) throw bytes.broken;
      else if (bytes.ended) throw new WsError("ECONNRESET", "the stream has ended amid the handshake");
      else {
        bytes.want();
        return PENDING;
      }
    }
    return reader.result;
  }, until);
}

function limitsOf({
  maxHeaderBytes = 16_384,
  maxHeaderCount = 100,
}: AcceptOptions | ConnectOptions): HttpLimits {
  for (const limit of [maxHeaderBytes, maxHeaderCount]) {
    if (!Number.isInteger(limit) || limit < 1)
      throw invalid("maxHeaderBytes and maxHeaderCount are positive integers");
  }
  return { maxHeaderBytes, maxHeaderCount, maxBodyBytes: 0 };
}

// ── The server's side ────────────────────────────────────────────────────────────────────────────────────────

/** Reads the request and answers it. Throws a WsError, or a `Refusal` when there is an answer yet to be given. */
export async function acceptUpgrade(connection: Connection, options: AcceptOptions): Promise<Agreement> {
  checkAccept(options);
  checkAdded(options.headers);
  const head = await readHead<RequestHead>(connection, new HeadReader(limitsOf(options)), options);
  if (head instanceof HttpFault) throw new Refusal(head);
  if (head.method === "GET" && !asksForWebSocket(head)) throw new Refusal(NO_UPGRADE);
  const offer = checkUpgrade(head);
  if (!offer.ok) throw new Refusal(new HttpFault(offer.status, offer.message, offer.headers));
  const { host, target: resource, headers } = head;
  const asked: UpgradeAsked = { resource, host, headers, protocols: offer.protocols };
  await askUser(connection, asked, options);
  const protocol = byUser(() => chooseProtocol(asked, options));
  const { stream, broken } = connection.bytes;
  if (!stream.writable) throw broken ?? new WsError("ECONNRESET", "the stream was ended amid the handshake");
  stream.write(switching(acceptValue(offer.key), protocol, options.headers), "latin1");
  return { resource, host, protocol, headers };
}

/** @throws EINVAL: before there is a request to be wronged by it. */
function checkAccept({ accept, protocols, headers = {} }: AcceptOptions): void {
  if (accept !== undefined && typeof accept !== "function") throw invalid("accept is not a function");
  if (typeof protocols !== "function") checkNames(protocols);
  if (typeof headers !== "object" || headers === null) throw invalid("headers is not an object");
}

/** @throws EINVAL */
function checkNames(protocols: readonly string[] = []): void {
  if (!Array.isArray(protocols) || !protocols.every(isProtocolName))
    throw invalid("protocols is not a list of names, each a token");
}

/** Headers of a 101 that are not the application's. */
const OF_THE_HANDSHAKE = /^(?:upgrade|connection|sec-websocket-.*|content-length)$/i;

/** @throws EINVAL */
function checkAdded(headers: OutgoingHeaders = {}): void {
  const wrong = Object.keys(headers).find((name) => OF_THE_HANDSHAKE.test(name));
  if (wrong !== undefined) throw invalid(`header ${wrong} is the handshake's to set`);
  try {
    checkHeaders(headers);
  } catch (error) {
    throw invalid((error as Error).message, error);
  }
}

const NO_UPGRADE = new HttpFault(426, "no WebSocket was asked for", {
  upgrade: "websocket",
  "sec-websocket-version": "13",
});
const NOT_ACCEPTED = "the request was not accepted";
const FAILED = new HttpFault(500, "a callback failed");

/** What `accept` says, which may take its time, but no longer than attaching may. */
async function askUser(connection: Connection, asked: UpgradeAsked, options: AcceptOptions): Promise<void> {
  const { accept } = options;
  if (accept === undefined) return;
  const said = byUser(() => accept(asked));
  const answer = typeof said === "object" ? await within(connection, Promise.resolve(said), options) : said;
  if (answer === true) return;
  const status = answer === false ? 403 : answer;
  if (Number.isInteger(status) && status >= 400 && status <= 599) {
    throw new Refusal(new HttpFault(status, NOT_ACCEPTED));
  }
  throw new Refusal(FAILED, invalid("accept gives true, false or a status from 400 to 599"));
}

/** Waits for a promise of the user's as long as a call may wait. */
function within<T>(connection: Connection, promise: Promise<T>, until: Deadline): Promise<T> {
  let outcome: Attempt<T> = () => {
    if (connection.bytes.broken !== null) throw connection.bytes.broken;
    return PENDING;
  };
  const settled = (next: Attempt<T>) => {
    outcome = next;
    connection.sending.poke();
  };
  promise.then(
    (value) => settled(() => value),
    (error) => settled(() => refuse(error)),
  );
  return connection.sending.run(() => outcome(), until);
}

/** Runs code of the user's: what it throws is thrown on, and the client gets a 500. */
function byUser<T>(code: () => T): T {
  try {
    return code();
  } catch (error) {
    return refuse(error);
  }
}

function refuse(error: unknown): never {
  throw error instanceof Refusal ? error : new Refusal(FAILED, error);
}

/** The first that the client asks for and the server knows. @throws what the user's function throws */
function chooseProtocol(asked: UpgradeAsked, { protocols }: AcceptOptions): string {
  if (protocols === undefined || asked.protocols.length === 0) return "";
  if (typeof protocols === "function") return checkChoice(asked, protocols(asked));
  const chosen = asked.protocols.find((name) => protocols.includes(name));
  if (chosen === undefined) throw new Refusal(UNKNOWN_PROTOCOLS);
  return chosen;
}

const UNKNOWN_PROTOCOLS = new HttpFault(400, "none of the sub-protocols asked for is known here");

function checkChoice(asked: UpgradeAsked, chosen: string | undefined): string {
  if (chosen === undefined || asked.protocols.includes(chosen)) return chosen ?? "";
  throw invalid(`the sub-protocol ${JSON.stringify(chosen)} was not asked for`);
}

function switching(accept: string, protocol: string, headers: OutgoingHeaders | undefined): string {
  const ours: Record<string, string> = { Upgrade: "websocket", "Sec-WebSocket-Accept": accept };
  if (protocol !== "") ours["Sec-WebSocket-Protocol"] = protocol;
  return encodeHead({ status: 101, connection: "Upgrade", headers: { ...ours, ...headers } });
}

// ── The client's side ────────────────────────────────────────────────────────────────────────────────────────

/** Sends the request and reads the answer. */
export async function askUpgrade(connection: Connection, options: ConnectOptions): Promise<Agreement> {
  const limits = limitsOf(options);
  const request = requestOf(options);
  connection.bytes.stream.write(request.text, "latin1");
  const head = await readHead<ResponseHead>(connection, new ResponseReader(limits), options);
  if (head instanceof HttpFault) throw new WsError("EPROTO", head.message);
  const answer = checkUpgradeResponse(head, request);
  if (!answer.ok) {
    const { message, status, headers } = answer;
    throw new WsError("EPROTO", message, { status, headers });
  }
  const { resource = "", host = "" } = options;
  return { resource, host, protocol: answer.protocol ?? "", headers: head.headers };
}

function requestOf({ resource, host, origin, protocols, headers }: ConnectOptions) {
  if (resource === undefined || host === undefined)
    throw invalid("resource and host are needed for a handshake");
  checkNames(protocols);
  try {
    return buildUpgradeRequest({ path: resource, host, origin, protocols, headers });
  } catch (error) {
    throw invalid((error as Error).message.replace(/^path:/, "resource:"), error);
  }
}
