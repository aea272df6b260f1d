import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ClientConnectOptions } from "../api/client.ts";
import type { BroadcastOptions, BusStats, Context, DestroyOptions } from "../api/context.ts";
import type { ForkedServiceLoop, ForkOptions } from "../api/fork.ts";
import type { Protocol } from "../api/protocol.ts";
import { CallbackReason } from "../api/reasons.ts";
import type { SslOptions } from "../api/tls.ts";
import type { Wsi } from "../api/wsi.ts";
import { codedError } from "../base/errors.ts";
import { checkOptions } from "../base/known-options.ts";
import type { Logger } from "../base/log.ts";
import type { Bus } from "../bus/bus.ts";
import type { ProxiedFrom } from "../http/proxy-protocol.ts";
import type { Link, LinkHandler, Listener, ListenOptions, Loop, SharedPort, Task } from "../loop/loop.ts";
import { MountTable } from "../serve/mounts.ts";
import { SharedPayload } from "../ws/frame.ts";
import { AccessLog } from "./access-log.ts";
import { Admission } from "./admission.ts";
import { adoptedBytes } from "./adopted.ts";
import { checkBroadcast, tellSessions } from "./broadcast.ts";
import { BroadcastBus } from "./broadcast-bus.ts";
import type { Certificates } from "./certificates.ts";
import { openClient } from "./client-attempts.ts";
import { ClientConnection } from "./client-connection.ts";
import { Connection } from "./connection.ts";
import { ContextCalls } from "./context-calls.ts";
import { REFUSED, THREW } from "./dispatch.ts";
import { Ending, spreadOf } from "./ending.ts";
import type { Forkable, Forking } from "./forking.ts";
import { httpOnly } from "./http-only.ts";
import type { Settings } from "./options.ts";
import { plainRequest } from "./plain-request.ts";
import { ProtocolTable } from "./protocols.ts";
import type { Host } from "./role.ts";
import { RoleHttp } from "./role-http.ts";
import { RoleProxied } from "./role-proxied.ts";
import { checkNamedProtocols } from "./table-checks.ts";
import { WorkBudget } from "./work-budget.ts";

const { FILTER_NETWORK_CONNECTION, USER } = CallbackReason;

const newHttp = (connection: Connection) => new RoleHttp(connection);
const newPlain = (connection: Connection) => new RoleHttp(connection, plainRequest);
const newProxied = (connection: Connection) => new RoleProxied(connection);

/** A context: its table, its loop, its connections. `createContext` makes it and starts it. */
export class ServiceContext implements Context, Host, Task, Forkable {
  readonly settings: Settings;
  readonly loop: Loop;
  readonly logger: Logger;
  readonly table: ProtocolTable;
  readonly mounts: MountTable;
  readonly work: WorkBudget;
  readonly admission: Admission;
  readonly accessLog: AccessLog | null;
  readonly retries = new Set<{ stop(): void }>();
  draining = false;

  #listener: Listener | null = null;
  /** Null without TLS. */
  #certificates: Certificates | null = null;
  readonly #connections = new Set<Connection>();
  /** What to call in the coming turn, in order. */
  #puttingOff: (() => void)[] = [];
  readonly #calls = new ContextCalls(this);
  #running = false;
  #destroying: Promise<void> | null = null;
  #destroyed = false;
  readonly #ending: Ending;
  #bus: BroadcastBus | null;
  readonly #forking: Forking;
  readonly #warned = new Set<string>();

  /** @throws TypeError for a protocol or a mount that is wrong. */
  constructor(settings: Settings, protocols: readonly Protocol[], loop: Loop, forking: Forking) {
    this.settings = settings;
    this.#forking = forking;
    this.loop = loop;
    this.logger = settings.logger;
    this.table = new ProtocolTable(
      protocols.length > 0 ? protocols : [httpOnly(this)],
      settings.protocolDefaults,
    );
    checkNamedProtocols(settings, this.table);
    this.work = new WorkBudget(loop);
    this.mounts = new MountTable(settings.mounts);
    this.admission = new Admission(settings);
    this.accessLog = settings.accessLog === undefined ? null : new AccessLog(settings.accessLog, loop, this);
    this.#bus = settings.bus === undefined ? null : new BroadcastBus(settings.bus, this, settings.onBusState);
    this.#ending = new Ending({
      loop,
      open: this.#connections,
      isRunning: () => this.#running,
      putOff: (what) => this.#putOff(what),
    });
  }

  get context(): Context {
    return this;
  }
  get port(): number {
    return this.#listener?.port ?? 0;
  }
  get eventLoop(): "epoll" | "node" {
    return this.loop.name;
  }
  get user(): unknown {
    return this.settings.user;
  }
  get protocols(): readonly Protocol[] {
    return this.table.entries.map(({ protocol }) => protocol);
  }
  get connections(): number {
    return this.#connections.size;
  }
  get busStats(): BusStats | null {
    return this.#bus?.stats ?? null;
  }

  *sessions(): Iterable<Wsi> {
    for (const { sessions } of this.table.entries)
      for (const session of sessions) yield session as Connection;
  }

  // ── Starting ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Binds and listens. Nothing is accepted before the first turn. */
  async listen(options: ListenOptions, certificates: Certificates | null = null): Promise<void> {
    this.#listener = await this.loop.listen(options, this.#accept);
    this.#certificates = certificates;
  }

  /** Joins the bus, then PROTOCOL_INIT for each protocol, in order; the first one that refuses fails the start. */
  async initialise(): Promise<void> {
    await this.#bus?.join();
    await this.#calls.initialise();
  }

  // ── Connections ──────────────────────────────────────────────────────────────────────────────────────────

  readonly #accept = (link: Link): LinkHandler | null => {
    if (this.draining || !this.#hasRoom) return null;
    if (this.settings.ssl !== undefined && !link.secure) return this.#serve(link, newPlain);
    if (!this.admission.awaitsHeader(link)) return this.#serve(link);
    const connection = new Connection(this, link, newProxied);
    this.admission.await(connection);
    return this.#begin(connection);
  };

  /** Whoever accepted the socket has read its PROXY header too, and may still send some: they are told 503. */
  readonly #adopt = (link: Link): LinkHandler | null =>
    !this.#ending.dropping && this.#hasRoom ? this.#serve(link) : null;

  get #hasRoom(): boolean {
    return this.#connections.size < this.settings.maxConnections;
  }

  #serve(link: Link, role = newHttp): LinkHandler | null {
    const connection = new Connection(this, link, role);
    if (!this.#letIn(connection, null)) return null;
    return this.#begin(connection);
  }

  /** Its request, and what goes before it, has to come in time. */
  #begin(connection: Connection): LinkHandler {
    this.#connections.add(connection);
    connection.arm(this.settings.timeouts.head);
    return connection.role;
  }

  introduce(wsi: Wsi, from: ProxiedFrom): boolean {
    const connection = wsi as Connection;
    if (!this.#letIn(connection, from)) return false;
    if (connection.link.writable) connection.become(newHttp(connection));
    return true;
  }

  /** Counts a connection for its address, and asks the protocol about it. */
  #letIn(connection: Connection, from: ProxiedFrom | null): boolean {
    if (!this.admission.enter(connection, from)) return false;
    const outcome = connection.ask(FILTER_NETWORK_CONNECTION, undefined, 0);
    if (outcome !== REFUSED && outcome !== THREW) return true;
    this.admission.leave(connection);
    return false;
  }

  came(connection: Wsi): void {
    this.#connections.add(connection as Connection);
  }

  gone(connection: Wsi): void {
    if (!this.#connections.delete(connection as Connection)) return;
    if (!(connection instanceof ClientConnection)) this.admission.leave(connection as Connection);
    this.#ending.left();
  }

  warnOnce(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    this.logger.warn(message);
  }

  async setSecureContext(changes: Partial<SslOptions> = {}): Promise<void> {
    this.#mustLive();
    checkOptions("setSecureContext", changes);
    if (this.#certificates === null)
      throw codedError("ERR_NO_TLS", "setSecureContext: this context does not listen with TLS");
    await this.#certificates.change(this.#listener!, changes, this.#forking);
  }

  adoptSocket(socket: Duplex, head?: Uint8Array, request?: IncomingMessage): void {
    this.#mustLive();
    this.loop.adopt(socket, adoptedBytes(socket, head, request), this.#adopt);
  }

  clientConnect(options: ClientConnectOptions): Wsi {
    this.#mustLive();
    if (this.draining) throw codedError("ECANCELED", "the context is being destroyed");
    return openClient(this, options);
  }

  // ── Serving ──────────────────────────────────────────────────────────────────────────────────────────────

  async service(timeoutMs: number): Promise<number> {
    checkTimeout(timeoutMs);
    this.#mustLive();
    // destroy() drives the loop itself; who calls service meanwhile waits for it.
    if (this.#destroying !== null) return this.#destroying.then(() => 0);
    return this.loop.service(timeoutMs);
  }

  serviceSync(timeoutMs: number): number {
    checkTimeout(timeoutMs);
    this.#mustLive();
    return this.loop.serviceSync(timeoutMs);
  }

  async run(): Promise<void> {
    this.#mustLive();
    if (this.#destroying !== null) return this.#destroying;
    if (this.#running) throw codedError("EBUSY", "run was called already");
    const running = this.loop.run();
    this.#running = true;
    await running.catch((error: unknown) => {
      this.#running = false;
      throw error;
    });
    await this.#destroying;
  }

  async forkServiceLoop(options: ForkOptions = {}): Promise<ForkedServiceLoop> {
    this.#mustLive();
    return this.#forking.fork(options, this);
  }

  get ssl(): SslOptions | null {
    return this.#certificates?.options ?? null;
  }

  async loadCertificates(ssl: SslOptions): Promise<() => void> {
    if (this.#certificates === null) throw codedError("ERR_NO_TLS", "this process does not listen with TLS");
    return this.#certificates.prepare(this.#listener!, ssl);
  }

  cede(): SharedPort {
    if (this.draining) throw codedError("ECANCELED", "forkServiceLoop: the context is being destroyed");
    if (this.#listener === null) throw codedError("EINVAL", "forkServiceLoop: the context does not listen");
    return this.#listener.cede();
  }

  async joinBus(bus: Bus): Promise<void> {
    if (this.#bus !== null) return;
    this.#bus = new BroadcastBus(bus, this, this.settings.onBusState);
    await this.#bus.join();
  }

  cancelService(): void {
    this.#mustLive();
    this.#putOff(() => this.#calls.cancelled());
    this.loop.wake();
  }

  // ── All sessions of a protocol ───────────────────────────────────────────────────────────────────────────

  callbackOnWritableAllProtocol(protocol: Protocol | string): void {
    for (const session of this.table.find(protocol).sessions) session.callbackOnWritable();
  }

  callbackAllProtocol(protocol: Protocol | string, reason: number): void {
    const { sessions } = this.table.find(protocol);
    if (!Number.isInteger(reason) || reason < USER) {
      throw new RangeError(
        `callbackAllProtocol takes a reason of CallbackReason.USER (${USER}) or above, not ${reason}`,
      );
    }
    this.#putOff(() => {
      for (const session of sessions) session.call(reason, undefined, 0);
    });
  }

  broadcast<Session>(
    protocol: Protocol<Session> | string,
    data: string | Uint8Array,
    options?: BroadcastOptions<Session>,
  ): void {
    const bound = this.table.find(protocol as Protocol | string);
    const { filter, local } = checkBroadcast(data, options);
    const payload = new SharedPayload(data);
    // With nobody to tell, no turn may come: the parent of forked children need not run its context.
    if (bound.sessions.size > 0) this.#putOff(() => tellSessions(bound, payload, filter, this.logger));
    if (local !== true) this.#bus?.publish(bound.protocol.name, payload.data);
  }

  /** What calls many sessions waits for the end of the turn, so that no callback runs inside of another. */
  #putOff(what: () => void): void {
    if (this.#puttingOff.length === 0) this.loop.soon(this);
    this.#puttingOff.push(what);
  }

  runSoon(): void {
    const all = this.#puttingOff;
    this.#puttingOff = [];
    for (const what of all) what();
  }

  // ── Ending ───────────────────────────────────────────────────────────────────────────────────────────────

  destroy(options: DestroyOptions = {}): Promise<void> {
    try {
      const spread = spreadOf(options);
      if (this.#destroying !== null) {
        this.#ending.hurry(spread);
        void this.#forking.end(spread);
      }
      this.#destroying ??= this.#end(spread);
      return this.#destroying;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #end(spread: number): Promise<void> {
    this.draining = true;
    this.#calls.ending();
    for (const retry of this.retries) retry.stop();
    this.loop.wake();
    await this.#listener?.close();
    const forked = this.#forking.end(spread);
    await this.#ending.run(spread, this.settings.timeouts.drain);
    await forked;
    // The last CLOSED may have been put off to a turn that is still to come.
    if (this.#running) await new Promise<void>((resolve) => this.loop.soon({ runSoon: resolve }));
    else await this.loop.service(0).catch(() => 0);
    await this.#calls.destroy();
    this.#destroyed = true;
    this.accessLog?.close();
    await this.#bus?.leave();
    await this.loop.close();
  }

  #mustLive(): void {
    if (this.#destroyed) throw codedError("ECANCELED", "the context is destroyed");
  }
}

function checkTimeout(timeoutMs: number): void {
  if (!Number.isInteger(timeoutMs) || timeoutMs < -1) {
    throw new TypeError(`a service timeout is -1, 0 or a number of milliseconds, not ${String(timeoutMs)}`);
  }
}
