import type { ClientConnectOptions } from "../api/client.ts";
import type { AddHeader, ConnectionError } from "../api/protocol.ts";
import { CallbackReason } from "../api/reasons.ts";
import type { WsiState } from "../api/wsi.ts";
import { codedError } from "../base/errors.ts";
import { describeError } from "../base/log.ts";
import { HttpFault } from "../http/fault.ts";
import type { ResponseHead } from "../http/response-head.ts";
import { ResponseReader } from "../http/response-reader.ts";
import type { ConnectOptions, Link, LinkHandler } from "../loop/loop.ts";
import { parseExtensions } from "../ws/extension-header.ts";
import { agreeOn, NO_EXTENSIONS, offerHeader } from "../ws/extensions.ts";
import {
  buildUpgradeRequest,
  checkRequestHeader,
  checkUpgradeResponse,
  type UpgradeRequest,
} from "../ws/handshake-client.ts";
import type { ClientConnection } from "./client-connection.ts";
import { connectionError, refusal } from "./client-error.ts";
import { type ClientAsk, redirectedClient } from "./client-options.ts";
import { placeOf, proxyFor, Tunnel } from "./client-proxy.ts";
import { GO_ON, makeUser, NO_USER, type Outcome, PENDING, type Settled, THREW } from "./dispatch.ts";
import { writeLatin1 } from "./reply.ts";
import type { Piece, Role } from "./role.ts";
import { RoleWs, type SessionExtensions } from "./role-ws.ts";

const { CLIENT_APPEND_HANDSHAKE_HEADER, CLIENT_CONNECTION_ERROR } = CallbackReason;
const NO_PIECE: Piece = Object.freeze({ remaining: 0, first: false, final: false, binary: false });
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];

/**
 * A client's connection until it is a session, or will never be one.
 *
 * ```
 *   connect ─► CLIENT_APPEND_HANDSHAKE_HEADER ─► request ─► reply ─┬─► RoleWs, CLIENT_ESTABLISHED
 *      ▲         (the first time only)                             ├─► CLIENT_CONNECTION_ERROR, as from everywhere
 *      └────────────────────────── redirect ◄──────────────────────┘
 * ```
 */
export class RoleClient implements Role, Settled {
  readonly #connection: ClientConnection;
  readonly #options: ClientConnectOptions;
  readonly #timeout: number;
  #ask: ClientAsk;
  #redirects: number;
  /** The server's choice says which protocol of the table it is. */
  #bindable = true;
  /** Gives up an attempt to connect. */
  #cancel: () => void = () => {};
  /** What the callback has added to the request; null before it was asked. */
  #added: Record<string, string[]> | null = null;
  /** The callback was asked, and its promise is settled. */
  #asked = false;
  #request: UpgradeRequest | null = null;
  #reader: ResponseReader | null = null;
  /** What the user asked for already. */
  #held = false;
  #wants = false;
  #over = false;

  constructor(connection: ClientConnection, ask: ClientAsk, options: ClientConnectOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#ask = ask;
    this.#redirects = options.maxRedirects ?? 0;
    this.#timeout = options.timeout ?? connection.host.settings.timeouts.connect;
  }

  /** @param bindable - Nobody has said which protocol of the table it is. */
  start(bindable: boolean): void {
    this.#bindable = bindable;
    // To make it may have aborted the signal, or closed the attempt before.
    if (!this.#makeUser() || this.#over) return;
    this.#connection.arm(this.#timeout);
    this.#connect();
  }

  #makeUser(): boolean {
    const { bound, host } = this.#connection;
    const given = Object.hasOwn(this.#options, "user");
    const user = given ? this.#options.user : makeUser(bound.protocol, host.logger);
    this.#connection.user = user === NO_USER ? undefined : user;
    if (user === NO_USER) this.#fail(codedError("ERR_CALLBACK", "perSessionData threw"));
    return user !== NO_USER;
  }

  // ── Connecting ───────────────────────────────────────────────────────────────────────────────────────────

  #connect(): void {
    const { loop } = this.#connection.host;
    try {
      this.#cancel = loop.connect(this.#connectOptions(), this.#opened, (error) => {
        this.#fail(connectionError(error));
      });
    } catch (error) {
      this.#fail(connectionError(error as Error));
    }
  }

  #connectOptions(): ConnectOptions {
    const { target, tls, proxy: choice } = this.#ask;
    const { httpLimits } = this.#connection.host.settings;
    const options: ConnectOptions = { timeout: this.#timeout };
    const proxy = proxyFor(target, choice, process.env);
    if (target.socketPath !== undefined) options.path = target.socketPath;
    else
      Object.assign(
        options,
        proxy === undefined ? { host: target.address, port: target.port } : placeOf(proxy),
      );
    if (proxy !== undefined) options.prelude = new Tunnel(proxy, target, httpLimits);
    if (target.secure) options.tls = { servername: nameIn(target.host), ...tls };
    return options;
  }

  readonly #opened = (link: Link): LinkHandler => {
    this.#connection.link = link;
    this.#connection.later(() => this.#begin());
    return this;
  };

  // ── The request ──────────────────────────────────────────────────────────────────────────────────────────

  #begin(): void {
    if (this.#over || !this.#connection.link.writable) return;
    if (this.#added !== null) return this.#send();
    this.#added = Object.create(null) as Record<string, string[]>;
    const outcome = this.#connection.ask(CLIENT_APPEND_HANDSHAKE_HEADER, this.#addHeader, 0, this);
    if (outcome !== PENDING) this.#appended(outcome);
  }

  readonly #addHeader: AddHeader = (name, value) => {
    if (this.#asked) throw codedError("ERR_REQUEST_SENT", "the request is made, add comes too late");
    checkRequestHeader(name, value);
    const added = this.#added!;
    added[name] = [...(added[name] ?? []), value];
  };

  /** The promise of CLIENT_APPEND_HANDSHAKE_HEADER, which may have been waiting for a token. */
  settled(_reason: number, outcome: Outcome): void {
    this.#connection.later(() => this.#appended(outcome));
  }

  #appended(outcome: Outcome): void {
    this.#asked = true;
    if (outcome !== GO_ON) return this.refused(CLIENT_APPEND_HANDSHAKE_HEADER, outcome);
    this.#ask = { ...this.#ask, headers: joined(this.#ask.headers, this.#added!) };
    this.#send();
  }

  #send(): void {
    const { host, link } = this.#connection;
    if (this.#over || !link.writable) return;
    const { target, origin, protocols, headers } = this.#ask;
    try {
      const extensions = offerHeader(host.settings.extensions);
      this.#request = buildUpgradeRequest({ ...target, origin, protocols, headers, extensions });
    } catch (error) {
      host.logger.error(`an upgrade request could not be made: ${describeError(error)}`);
      return this.#fail(codedError("ERR_CALLBACK", "the request could not be made", error));
    }
    this.#reader = new ResponseReader(host.settings.httpLimits);
    writeLatin1(link, this.#request.text);
  }

  // ── The reply ────────────────────────────────────────────────────────────────────────────────────────────

  onBytes(buffer: Buffer, start: number, end: number): void {
    if (this.#reader === null) return this.#failHandshake("the server spoke before it was asked");
    const behind = this.#reader.feed(buffer, start, end);
    const { result } = this.#reader;
    if (result === undefined) return;
    if (result instanceof HttpFault) return this.#failHandshake(result.message);
    if (REDIRECTS.includes(result.status) && this.#redirect(result)) return;
    if (this.#accept(result)) this.#deliver(buffer, behind, end);
  }

  #redirect(head: ResponseHead): boolean {
    const location = head.get("location");
    if (this.#redirects === 0 || location === undefined) return false;
    const next = redirectedClient(this.#ask, location);
    if (next === undefined) return false;
    this.#redirects--;
    this.#ask = next;
    this.#request = null;
    this.#reader = null;
    this.#connection.dropLink();
    this.#connect();
    return true;
  }

  #accept(head: ResponseHead): boolean {
    const accepted = checkUpgradeResponse(head, this.#request!);
    const terms = accepted.ok ? this.#agree(accepted.extensions) : null;
    if (!accepted.ok || terms === null) {
      const message = accepted.ok ? "the server's extensions answer no offer" : accepted.message;
      this.#fail(refusal("ERR_HANDSHAKE", message, head.status, head.headers));
      return false;
    }
    this.#connection.reply = head;
    if (!this.#bind(accepted.protocol) || this.#over) return false;
    this.#establish(terms);
    return true;
  }

  /** Null when the server answered what was not offered, or an extension threw; those of others are code like any callback. */
  #agree(header: string | undefined): SessionExtensions | null {
    const { loop, logger, settings } = this.#connection.host;
    const answers = header === undefined ? [] : parseExtensions(header);
    if (answers === null) return null;
    try {
      const agreed = answers.length === 0 ? NO_EXTENSIONS : agreeOn(settings.extensions, answers);
      return agreed && { rsv: agreed.rsv, stack: agreed.open({ codec: loop.codec }) };
    } catch (error) {
      logger.error(`an extension threw at the server's answer: ${describeError(error)}`);
      return null;
    }
  }

  /** The session belongs to the protocol that the server chose, where the table has it. */
  #bind(chosen: string | undefined): boolean {
    const connection = this.#connection;
    if (!this.#bindable || chosen === undefined) return true;
    const bound = connection.host.table.choose([chosen]);
    if (bound === undefined || bound === connection.bound) return true;
    connection.bound = bound;
    return this.#makeUser();
  }

  #establish(terms: SessionExtensions): void {
    const connection = this.#connection;
    this.#over = true;
    if (this.#held) connection.link.pause();
    const role = new RoleWs(connection, terms, this.#held, true);
    connection.become(role);
    connection.opened();
    role.establish();
    if (this.#wants) role.callbackOnWritable();
  }

  /** What came glued to the 101. */
  #deliver(buffer: Buffer, start: number, end: number): void {
    if (start < end) this.#connection.role.onBytes(buffer, start, end);
  }

  onEnd(): void {
    this.#fail(codedError("ECONNRESET", "the server ended the connection in place of a reply"));
  }

  onWritable(): void {}

  onClose(error?: Error): void {
    this.#fail(connectionError(error ?? codedError("ECONNRESET", "the connection was cut before the reply")));
  }

  onDeadline(): void {
    const missing = this.#connection.link.writable ? "reply to the handshake" : "connection";
    this.#fail(codedError("ETIMEDOUT", `no ${missing} within ${this.#timeout} ms`));
  }

  // ── Failing ──────────────────────────────────────────────────────────────────────────────────────────────

  #failHandshake(message: string): void {
    this.#fail(codedError("ERR_HANDSHAKE", message));
  }

  /** There will be no session; told once, in a turn. */
  #fail(error: ConnectionError): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancel();
    const connection = this.#connection;
    connection.dropLink();
    connection.disarm();
    connection.forget();
    connection.later(() => {
      connection.tellEnd(CLIENT_CONNECTION_ERROR, error);
      connection.gone();
    });
  }

  refused(_reason: number, outcome: Outcome): void {
    const threw = outcome === THREW;
    // What fails behind the end fails because of it, as a token that was fetched for too long.
    if (!threw || !this.#over) this.#connection.stopRetrying();
    this.#fail(
      codedError(threw ? "ERR_CALLBACK" : "ECANCELED", threw ? "a callback failed" : "a callback refused"),
    );
  }

  // ── What the user asks of it ─────────────────────────────────────────────────────────────────────────────

  get state(): WsiState {
    return this.#over ? "CLOSED" : "CONNECTING";
  }

  get piece(): Piece {
    return NO_PIECE;
  }

  get bufferedAmount(): number {
    return 0;
  }

  get held(): boolean {
    return this.#held;
  }

  write(): number {
    return -1;
  }

  rxFlowControl(enable: boolean): void {
    this.#held = !enable;
  }

  callbackOnWritable(): void {
    this.#wants = true;
  }

  close(): void {
    this.#fail(codedError("ECANCELED", "it was closed before it was open"));
  }

  terminate(): void {
    this.close();
  }

  drain(): void {
    this.#fail(codedError("ECANCELED", "the context is being destroyed"));
  }
}

/** The name or address in a Host header, without its port. */
function nameIn(host: string): string {
  return host.replace(/:\d*$/, "").replace(/^\[|\]$/g, "");
}

/** Of a header that both have, both values are sent; of credentials, which are one, those that were added last. */
function joined(own: ClientAsk["headers"], added: Record<string, string[]>): ClientAsk["headers"] {
  const all = new Map<string, { name: string; values: readonly string[] }>();
  for (const [name, value] of [...Object.entries(own), ...Object.entries(added)]) {
    const key = name.toLowerCase();
    const before = key === "authorization" ? undefined : all.get(key);
    const values = [value].flat().map(String);
    all.set(key, { name: before?.name ?? name, values: [...(before?.values ?? []), ...values] });
  }
  return Object.fromEntries(Array.from(all.values(), ({ name, values }) => [name, values]));
}
