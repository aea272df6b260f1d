import { codedError, errorCode } from "../base/errors.ts";
import { checkKnown } from "../base/known-options.ts";
import type { Bus } from "./bus.ts";
import { backOff, checkBacklog, checkHanded, type Handed, loadPackage } from "./options.ts";
import { SeatedBus } from "./seated-bus.ts";

export interface NatsBusOptions {
  /** One server or several of a cluster: `host:port`, `nats://host:port`. Default `127.0.0.1:4222`. */
  servers?: string | readonly string[];
  /** Buses of one subject hear each other: words with dots between them, no wildcards. Default `"sluice"`. */
  subject?: string;
  /**
   * Bytes that may wait for the broker at a time, each packet counted with 256 more. What is above is lost. Default
   * 16 MiB, which is also what it may cost in memory.
   */
  maxBacklog?: number;
  /** More options for `connect` of the package @nats-io/transport-node: `user` and `pass`, `token`, `tls`, … */
  client?: Handed;
}

interface Settings {
  servers: string[];
  subject: string;
  maxBacklog: number;
  client: Handed;
}

const NAME = "natsBus";
const PACKAGE = "@nats-io/transport-node";

/** What is used of the package. Its own types are not named here, so that ours can be read where it is missing. */
interface NatsConnection {
  readonly info?: { max_payload: number } | undefined;
  publish(subject: string, packet: Uint8Array): void;
  subscribe(
    subject: string,
    options: { callback: (error: Error | null, message: { data: Uint8Array }) => void },
  ): unknown;
  flush(): Promise<void>;
  status(): AsyncIterable<Status>;
  close(): Promise<void>;
  closed(): Promise<unknown>;
}
interface Status {
  type: string;
  error?: Error;
  server?: string;
}
type Load = () => Promise<{ connect(settings: object): Promise<NatsConnection> }>;

/**
 * A bus between machines, over a subject of NATS. It needs the package `@nats-io/transport-node`.
 *
 * `subscribe` rejects when no server can be reached, or it refuses. A connection that breaks later is tried again with
 * pauses that grow up to 5 seconds; until it is there, what is published is lost. So is a packet above the server's
 * `max_payload`, 1 MiB unless it is configured: an envelope is 36 bytes and the protocol's name more than its data.
 *
 * @param load - Where the package comes from.
 * @throws TypeError that names the option which is wrong.
 */
export function natsBus(
  options: NatsBusOptions = {},
  load: Load = () => import("@nats-io/transport-node"),
): Bus {
  checkKnown(NAME, options, ["servers", "subject", "maxBacklog", "client"]);
  return new NatsBus(
    {
      servers: checkServers(options.servers ?? "127.0.0.1:4222"),
      subject: checkSubject(options.subject ?? "sluice"),
      maxBacklog: checkBacklog(NAME, options.maxBacklog),
      client: checkHanded(NAME, options.client),
    },
    load,
  );
}

function checkServers(value: unknown): string[] {
  const servers: unknown[] = Array.isArray(value) ? [...value] : [value];
  const right = (server: unknown) =>
    typeof server === "string" && /^((nats|tls):\/\/)?[^\s/@]+$/.test(server.replace(/\/$/, ""));
  if (servers.length === 0 || !servers.every(right)) {
    // A password may be in it: what is wrong is not shown.
    throw new TypeError(`${NAME}: servers is not host:port or nats://host:port, nor a list of them`);
  }
  return servers as string[];
}

function checkSubject(value: unknown): string {
  if (typeof value !== "string" || !/^[^\s.*>]+(\.[^\s.*>]+)*$/.test(value)) {
    throw new TypeError(`${NAME}: subject is not words with dots between them, without wildcards`);
  }
  return value;
}

class NatsBus extends SeatedBus {
  readonly #settings: Settings;
  readonly #load: Load;
  #connection: NatsConnection | null = null;
  /** Sent since the last flush began. */
  #unflushed = { packets: 0, cost: 0 };
  #flushing = false;
  /** Attempts to connect since the connection broke. */
  #attempts = 0;

  constructor(settings: Settings, load: Load) {
    super("nats", NAME, settings.maxBacklog);
    this.#settings = settings;
    this.#load = load;
  }

  publish(packet: Uint8Array): void {
    const limit = this.#connection?.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (packet.length > limit) {
      const limits = `a packet of ${packet.length} bytes is above the server's max_payload, ${limit}`;
      this.seat.lose(codedError("EMSGSIZE", `${NAME}: ${limits}`));
      return;
    }
    const cost = this.seat.take(packet);
    if (cost === 0) return;
    try {
      this.#connection!.publish(this.#settings.subject, packet);
    } catch (error) {
      this.seat.release(cost);
      this.seat.lose(error as Error);
      return;
    }
    this.#unflushed.packets++;
    this.#unflushed.cost += cost;
    if (!this.#flushing) void this.#flush();
  }

  protected async open(): Promise<void> {
    const { connect } = await loadPackage(NAME, PACKAGE, this.#load);
    const { servers, subject, client } = this.#settings;
    let refused: Error | null = null;
    try {
      const connection = (this.#connection = await connect({
        timeout: 5000,
        pingInterval: 10_000,
        maxPingOut: 2,
        ...client,
        servers,
        noEcho: true,
        reconnect: true,
        maxReconnectAttempts: -1,
        ignoreAuthErrorAbort: true,
        waitOnFirstConnect: false,
        reconnectDelayHandler: () => backOff(this.#attempts),
      }));
      void this.#watch(connection);
      connection.subscribe(subject, {
        callback: (error, message) => {
          if (error === null) this.seat.packet(message.data);
          else this.seat.down((refused = error));
        },
      });
      // Errors of the subscription come before the answer to this, which never comes to one that was closed.
      await Promise.race([connection.flush(), connection.closed()]);
      if (refused !== null) throw refused;
    } catch (cause) {
      throw unreachable(servers, cause);
    }
  }

  protected async dispose(): Promise<void> {
    await this.#connection?.close();
  }

  /** The server has taken what was sent before it answers: that much is no longer on its way. */
  async #flush(): Promise<void> {
    this.#flushing = true;
    while (this.#unflushed.packets > 0) {
      const { packets, cost } = this.#unflushed;
      this.#unflushed = { packets: 0, cost: 0 };
      try {
        await this.#connection?.flush();
      } catch (error) {
        this.seat.lose(error as Error, packets);
      }
      this.seat.release(cost);
    }
    this.#flushing = false;
  }

  async #watch(connection: NatsConnection): Promise<void> {
    let latest: Error | undefined;
    for await (const status of connection.status()) {
      if (status.type === "error") latest = status.error;
      this.#onStatus(connection, status, latest);
    }
    // It ends with the connection, which is not tried again.
    this.seat.down(codedError("ENOTCONN", `${NAME}: the connection was closed`, latest));
  }

  #onStatus(connection: NatsConnection, status: Status, latest: Error | undefined): void {
    if (status.type === "reconnecting") this.#attempts++;
    else if (status.type === "disconnect") {
      this.#attempts = 0;
      this.seat.down(codedError("ECONNRESET", `${NAME}: lost ${status.server}`, latest));
    } else if (status.type === "reconnect") {
      // Once it answers, it has the subscription too. If it breaks before, it is still down.
      connection.flush().then(
        () => this.seat.up(),
        () => {},
      );
    }
  }
}

function unreachable(servers: readonly string[], cause: unknown): Error {
  const reason = (cause as Error | undefined)?.message || errorCode(cause) || String(cause);
  const message = `${NAME}: cannot connect to servers ${servers.join(", ")}: ${reason}`;
  return codedError(errorCode(cause) || "ECONNREFUSED", message, cause);
}
