import { familyCpuSeconds } from "../proc.ts";
import { percentile } from "../stats.ts";
import { createDriver, type Driver } from "./driver.ts";
import { Fleet, plainRequest, type Target } from "./fleet.ts";
import { DeflatedVolley, EqualVolley, RequestVolley, type Volley } from "./volley.ts";
import { createWorkload, type Mode } from "./workloads.ts";

export interface LoadOptions extends Target {
  mode: Mode;
  connections: number;
  /** Payload of each message. */
  bytes: number;
  /** Messages in flight on each connection; of a broadcast, on the one that sends. */
  depth: number;
  /** The time that is measured. */
  seconds: number;
  /** The time before it, under the same load. */
  warmupSeconds: number;
  /** The server's process, whose CPU time is read at both ends of the measured time; 0 for none. */
  pid: number;
  loop: "auto" | "epoll" | "node";
  /** Messages that each connection exchanges before it rests, in `idle`. */
  exchanged?: number;
}

/** What one run gives, whichever program puts the load on. */
export interface LoadFigures {
  /** Connections that failed. */
  errors: number;
  /** The time that was measured, in seconds. */
  seconds: number;
  /** Messages or answers that arrived; in `connect`, connections that were upgraded. */
  count: number;
  /** Their payload, also of those that have not arrived whole. */
  bytes: number;
  /** Round trips, in microseconds; null where none are taken. */
  p50: number | null;
  p99: number | null;
  /** CPU time of the server and of the generator itself, in seconds. */
  serverCpu: number | null;
  loadCpu: number;
}

/** The one line that the generator prints. */
export interface LoadResult extends LoadFigures {
  /** The loop under the generator itself. */
  loop: "epoll" | "node";
  opened: number;
  perSecond: number;
  megabytesPerSecond: number;
  /** How fast the connections were opened before the measured time. */
  openedPerSecond: number;
}

interface Snapshot {
  at: number;
  count: number;
  payload: number;
  serverCpu: number | null;
  loadCpu: number;
}

function createVolley({ port, path, deflate, bytes, depth }: LoadOptions): Volley {
  if (path !== undefined) return new RequestVolley(plainRequest(port, path));
  return deflate === undefined ? new EqualVolley(bytes, depth) : new DeflatedVolley(bytes, depth);
}

/** A load on its connections, from the first one to the last. */
export class Generator {
  readonly #options: LoadOptions;
  readonly #driver: Driver;
  readonly #fleet: Fleet;
  readonly #workload: ReturnType<typeof createWorkload>;
  #openedPerSecond = 0;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#driver = createDriver(options.tls === "resumed" ? "node" : options.loop);
    this.#workload = createWorkload(options.mode, createVolley(options), options.exchanged);
    this.#fleet = new Fleet(this.#driver.loop, options, this.#workload);
  }

  /** Opens the connections. Rejects when none of them could be. */
  async open(): Promise<number> {
    const fleet = this.#fleet;
    const start = performance.now();
    if (!this.#workload.keeps) {
      fleet.open(Number.POSITIVE_INFINITY);
      return 0;
    }
    fleet.open(this.#options.connections);
    await this.#driver.until(() => fleet.settled);
    this.#openedPerSecond = fleet.opened / ((performance.now() - start) / 1000);
    if (fleet.opened === 0) throw new Error(`no connection to port ${this.#options.port} could be opened`);
    return fleet.opened;
  }

  /** Puts the load on, and measures. */
  async measure(): Promise<LoadResult> {
    const { seconds, warmupSeconds } = this.#options;
    this.#workload.start(this.#fleet.clients);
    await this.#turnFor(warmupSeconds);
    this.#workload.latencies.clear();
    const before = this.#snapshot();
    await this.#turnFor(seconds);
    return this.#result(before, this.#snapshot());
  }

  /** Exchanges what an idle load exchanges before it rests. */
  async exchange(): Promise<void> {
    const { exchanged = 0 } = this.#options;
    const fleet = this.#fleet;
    this.#workload.start(fleet.clients);
    await this.#driver.until(() => fleet.messages >= fleet.clients.length * exchanged || fleet.errors > 0);
  }

  async close(): Promise<void> {
    this.#fleet.stop();
    await this.#driver.loop.close();
  }

  #turnFor(seconds: number): Promise<void> {
    const end = performance.now() + seconds * 1000;
    return this.#driver.until(() => performance.now() >= end);
  }

  #snapshot(): Snapshot {
    const { mode, pid } = this.#options;
    const { user, system } = process.cpuUsage();
    let payload = 0;
    for (const client of this.#fleet.clients) payload += client.counter.payloadBytes;
    return {
      serverCpu: pid > 0 ? familyCpuSeconds(pid) : null,
      at: performance.now(),
      count: mode === "connect" ? this.#fleet.opened : this.#fleet.messages,
      payload,
      loadCpu: (user + system) / 1e6,
    };
  }

  #result(before: Snapshot, after: Snapshot): LoadResult {
    const seconds = (after.at - before.at) / 1000;
    const count = after.count - before.count;
    const bytes = after.payload - before.payload;
    const sorted = this.#workload.latencies.sorted();
    const microseconds = (share: number) => (sorted.length === 0 ? null : percentile(sorted, share) * 1000);
    return {
      loop: this.#driver.loop.name,
      opened: this.#fleet.opened,
      errors: this.#fleet.errors,
      seconds,
      count,
      bytes,
      perSecond: count / seconds,
      megabytesPerSecond: bytes / seconds / 1e6,
      p50: microseconds(0.5),
      p99: microseconds(0.99),
      openedPerSecond: this.#openedPerSecond,
      serverCpu: after.serverCpu === null ? null : after.serverCpu - before.serverCpu!,
      loadCpu: after.loadCpu - before.loadCpu,
    };
  }
}
