import { codedError, errorCode } from "../base/errors.ts";
import { checkKnown } from "../base/known-options.ts";
import type { Bus } from "./bus.ts";
import { backOff, checkBacklog, checkHanded, checkName, type Handed, loadPackage } from "./options.ts";
import { SeatedBus, withinTime } from "./seated-bus.ts";

export interface RedisBusOptions {
  /** `redis://[[user]:password@]host[:port]`, or `rediss://` for TLS. Default `redis://127.0.0.1:6379`. */
  url?: string;
  /** Buses of one channel hear each other. Default `"sluice"`. */
  channel?: string;
  /**
   * Bytes that may wait for the broker at a time, each packet counted with 256 more. What is above is lost. Default
   * 16 MiB, which is also what it may cost in memory.
   */
  maxBacklog?: number;
  /** More options for `createClient` of the package redis: `socket` for TLS, `credentialsProvider`, … */
  client?: Handed;
}

const NAME = "redisBus";
/** For a connection, and for all that `subscribe` waits for, in milliseconds. */
const CONNECT_TIMEOUT = 5000;
const OPENING_TIMEOUT = 10_000;
/** A connection that has been silent for so long is asked, in milliseconds, and given up when silence goes on. */
const PING_INTERVAL = 10_000;
const SILENCE = 30_000;

/** What is used of the package. Its own types are not named here, so that ours can be read where it is missing. */
interface RedisClient {
  readonly isReady: boolean;
  connect(): Promise<unknown>;
  subscribe(channel: string, listener: (packet: Buffer) => void, bufferMode: true): Promise<void>;
  publish(channel: string, packet: Buffer): Promise<unknown>;
  on(event: "ready" | "error", listener: (cause: unknown) => void): unknown;
  destroy(): void;
}
type Load = () => Promise<{ createClient(settings: object): RedisClient }>;

/**
 * A bus between machines, over publish and subscribe of Redis (or Valkey, KeyDB, …). It needs the package `redis`.
 *
 * `subscribe` rejects when the server cannot be reached or refuses. A connection that breaks later is tried again with
 * pauses that grow up to 5 seconds; until it is there, what is published is lost. Redis itself drops a subscriber
 * that does not read (`client-output-buffer-limit pubsub`), which is then such a break.
 *
 * @param load - Where the package comes from.
 * @throws TypeError that names the option which is wrong.
 */
export function redisBus(options: RedisBusOptions = {}, load: Load = () => import("redis")): Bus {
  checkKnown(NAME, options, ["url", "channel", "maxBacklog", "client"]);
  return new RedisBus(
    {
      url: checkUrl(options.url ?? "redis://127.0.0.1:6379"),
      channel: checkName(NAME, "channel", options.channel ?? "sluice"),
      maxBacklog: checkBacklog(NAME, options.maxBacklog),
      client: checkHanded(NAME, options.client),
    },
    load,
  );
}

function checkUrl(value: unknown): string {
  const url = typeof value === "string" && URL.canParse(value) ? new URL(value) : null;
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === "") {
    // A password may be in it: what is wrong is not shown.
    throw new TypeError(`${NAME}: url is not redis://host:port or rediss://host:port`);
  }
  return url.href;
}

class RedisBus extends SeatedBus {
  readonly #options: Required<RedisBusOptions>;
  readonly #load: Load;
  #publisher: RedisClient | null = null;
  #subscriber: RedisClient | null = null;
  /** Both connections were there once. */
  #connected = false;
  /** Rejects with what keeps them from it. */
  readonly #failure: Promise<never>;
  #fail: (cause: unknown) => void = () => {};

  constructor(options: Required<RedisBusOptions>, load: Load) {
    super("redis", NAME, options.maxBacklog);
    this.#options = options;
    this.#load = load;
    this.#failure = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#failure.catch(() => {});
  }

  publish(packet: Uint8Array): void {
    const cost = this.seat.take(packet);
    if (cost === 0) return;
    const bytes = Buffer.from(packet.buffer, packet.byteOffset, packet.length);
    this.#publisher!.publish(this.#options.channel, bytes).then(
      () => this.seat.release(cost),
      (error: Error) => {
        this.seat.release(cost);
        this.seat.lose(error);
      },
    );
  }

  protected async open(): Promise<void> {
    const { createClient } = await loadPackage(NAME, "redis", this.#load);
    const settings = this.#settings();
    const publisher = (this.#publisher = this.#watch(createClient(settings)));
    const subscriber = (this.#subscriber = this.#watch(createClient(settings)));
    const connecting = Promise.allSettled([publisher.connect(), subscriber.connect()]);
    const timeout = setTimeout(() => this.#fail(new Error("no answer")), OPENING_TIMEOUT);
    try {
      await Promise.race([this.#begin(connecting), this.#failure]);
      this.#connected = true;
    } catch (cause) {
      this.dispose();
      // One that waits for its server's answer does not always hear that it was destroyed.
      await withinTime(connecting);
      throw this.seat.isGone ? cause : unreachable(this.#options.url, cause);
    } finally {
      clearTimeout(timeout);
    }
  }

  async #begin(connecting: Promise<PromiseSettledResult<unknown>[]>): Promise<void> {
    for (const outcome of await connecting) if (outcome.status === "rejected") throw outcome.reason;
    if (this.seat.isGone) return;
    const { channel } = this.#options;
    await this.#subscriber!.subscribe(channel, (packet) => this.seat.packet(packet), true);
  }

  protected dispose(): void {
    this.#fail(new Error(`${NAME}: closed while it connected`));
    for (const client of [this.#publisher, this.#subscriber]) client?.destroy();
  }

  #settings(): object {
    const { url, client } = this.#options;
    const socket = {
      connectTimeout: CONNECT_TIMEOUT,
      socketTimeout: SILENCE,
      ...checkHanded(`${NAME}: client.socket`, client["socket"]),
      // The first attempt is the only one, so that a wrong address is told at once.
      reconnectStrategy: (retries: number) => (this.#connected ? backOff(retries) : false),
    };
    return {
      pingInterval: PING_INTERVAL,
      ...client,
      url,
      socket,
      // The older of the two dialects: every server knows it.
      RESP: 2,
      disableOfflineQueue: true,
    };
  }

  /** The bus is up while both connections are. */
  #watch(client: RedisClient): RedisClient {
    const bothReady = () => this.#publisher?.isReady === true && this.#subscriber?.isReady === true;
    client.on("ready", () => {
      if (bothReady()) this.seat.up();
    });
    client.on("error", (cause: unknown) => {
      this.#fail(cause);
      // A command that was refused is told to whoever gave it.
      if (!bothReady()) this.seat.down(broken(this.#options.url, cause));
    });
    return client;
  }
}

/** The address without user and password. */
function shown(url: string): string {
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

function unreachable(url: string, cause: unknown): Error {
  const code = errorCode(cause) || "ECONNREFUSED";
  return codedError(code, `${NAME}: cannot connect to url ${shown(url)}: ${reason(cause)}`, cause);
}

function broken(url: string, cause: unknown): Error {
  return codedError(errorCode(cause) || "ECONNRESET", `${NAME}: lost ${shown(url)}: ${reason(cause)}`, cause);
}

function reason(cause: unknown): string {
  return (cause as Error | undefined)?.message || errorCode(cause) || String(cause);
}
