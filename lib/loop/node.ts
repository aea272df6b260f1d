import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { monotonicMs } from "../base/clock.ts";
import { codedError } from "../base/errors.ts";
import { describeError, type Logger, quietLogger } from "../base/log.ts";
import { type TimerQueue, WatchedTimers } from "../base/timers.ts";
import { zlibCodec } from "../base/zlib-codec.ts";
import type { ConnectOptions, Listener, ListenOptions, Loop, OnLink, Task } from "./loop.ts";
import { Alarm } from "./node-alarm.ts";
import { Block } from "./node-block.ts";
import { Connector } from "./node-connect.ts";
import { type LinkHost, NodeLink } from "./node-link.ts";
import { type ListenHost, NodeListener, type RawSockets, startServer } from "./node-listen.ts";
import { Notes } from "./node-notes.ts";

/** How long a stream that was destroyed may take to say that it is closed. Some never do. */
const STREAM_PATIENCE_MS = 1000;

/**
 * The loop over node:net and node:tls. It runs everywhere.
 *
 * Node has its own event loop and calls us; so a turn is one round of Node's:
 *
 * ```
 *   Node polls ──► socket events ──► (setImmediate) tail: what was noted, onWritable, soon, timers, flush
 *                  gate open: each is dispatched at once and flushed
 *                  gate shut: noted, the socket is paused
 * ```
 *
 * The gate is open while `run` or a `service` call lasts, and while `close` tells the links.
 *
 * Listening sockets and links keep the process alive, as with node:net alone. While the gate is open, so do armed
 * timers, tasks that were put off and the timeout of `service`; `run()` or `service(-1)` with none of these lets the process exit.
 */
export function createNodeLoop(logger: Logger = quietLogger): Loop {
  return new NodeLoop(logger);
}

/** A `service` call that waits. */
interface Waiter {
  /** The moment of its timeout. */
  until: number;
  /** Rounds of Node that have to pass first: two tails have a poll between them. */
  rounds: number;
  woken: boolean;
  resolve(serviced: number): void;
}

class NodeLoop implements Loop, LinkHost, ListenHost {
  readonly name = "node";
  readonly timers: TimerQueue;
  readonly codec = zlibCodec;
  readonly block: Block;
  now = monotonicMs();
  turn = 0;

  readonly #logger: Logger;
  readonly #links = new Set<NodeLink>();
  readonly #listeners = new Set<NodeListener>();
  readonly #connectors = new Set<Connector>();
  readonly #rawSockets: RawSockets = new Set();
  readonly #notes = new Notes((thrown) => this.report(thrown));
  readonly #alarm = new Alarm(() => this.#ring());

  #open = false;
  #busy = false;
  #serviced = 0;
  #tailDue = false;
  #flushDue = false;
  #waiter: Waiter | undefined;
  #endRun: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #onEmpty: (() => void) | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
    this.timers = new WatchedTimers((deadline) => {
      if (this.#open) this.#alarm.set(deadline);
    });
    this.block = new Block(() => this.#flushLater());
  }

  // Links come and go

  async listen(options: ListenOptions, onLink: OnLink): Promise<Listener> {
    this.#refuseClosed();
    const server = await startServer(this, options, this.#rawSockets, onLink);
    const listener = new NodeListener(server, (closed) => this.#listeners.delete(closed));
    this.#listeners.add(listener);
    if (this.#closing !== undefined) await listener.close();
    this.#refuseClosed();
    return listener;
  }

  connect(options: ConnectOptions, onLink: OnLink, onError: (error: Error) => void): () => void {
    this.#refuseClosed();
    const connector = new Connector(this, options, onLink, onError, (done) => this.#connectors.delete(done));
    this.#connectors.add(connector);
    return connector.giveUp;
  }

  adopt(stream: Duplex, head: Uint8Array | undefined, onLink: OnLink): void {
    this.#refuseClosed();
    (stream as Partial<Socket>).setTimeout?.(0);
    (stream as Partial<Socket>).setNoDelay?.(true);
    this.#notes.arrival(this.#newLink(stream, head), onLink);
    this.#tailSoon();
  }

  welcome(stream: Duplex, onLink: OnLink): void {
    if (this.#closing !== undefined) {
      stream.destroy();
      return;
    }
    const link = this.#newLink(stream);
    if (this.enter()) {
      link.introduce(onLink);
      this.leave();
    } else {
      this.#notes.arrival(link, onLink);
      this.#tailSoon();
    }
  }

  #newLink(stream: Duplex, head?: Uint8Array): NodeLink {
    const link = new NodeLink(this, stream, head);
    this.#links.add(link);
    return link;
  }

  gone(link: NodeLink): void {
    this.#links.delete(link);
    if (this.#links.size === 0) this.#onEmpty?.();
  }

  acceptFailed(error: Error): void {
    this.#logger.warn(`cannot accept: ${error.message}`);
  }

  handshakeFailed(error: Error, address: string): void {
    this.#logger.debug(`a TLS handshake with ${address || "a peer"} failed: ${error.message}`);
  }

  report(thrown: unknown): void {
    this.#logger.error(`a handler threw: ${describeError(thrown)}`);
  }

  // Dispatch

  enter(): boolean {
    if (!this.#open || this.#busy) return false;
    this.#busy = true;
    this.turn++;
    this.now = monotonicMs();
    return true;
  }

  leave(): void {
    this.block.flush();
    this.#busy = false;
    this.#serviced++;
    if (this.#waiter !== undefined || this.#notes.some) this.#tailSoon();
  }

  note(link: NodeLink): void {
    if (link.noted) return;
    link.noted = true;
    this.#notes.link(link);
    this.#tailSoon();
  }

  want(link: NodeLink): void {
    this.#notes.wanting(link);
    this.#tailSoon();
  }

  soon(task: Task): void {
    this.#notes.task(task);
    this.#tailSoon();
  }

  touch(): number {
    this.now = monotonicMs();
    return this.now;
  }

  /** Outside of a dispatch, what is written leaves when the current stack is done. */
  #flushLater(): void {
    if (this.#busy || this.#flushDue) return;
    this.#flushDue = true;
    queueMicrotask(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    this.#flushDue = false;
    this.block.flush();
  };

  #tailSoon(): void {
    if (!this.#open || this.#tailDue) return;
    this.#tailDue = true;
    setImmediate(this.#tail);
  }

  readonly #tail = (): void => {
    this.#tailDue = false;
    this.#finishTurn();
  };

  #finishTurn(): void {
    if (!this.#open) return;
    this.#busy = true;
    this.turn++;
    this.now = monotonicMs();
    this.#serviced += this.#notes.work(this.block, this.timers, this.now);
    this.#busy = false;
    this.#endWait();
    if (this.#notes.some) this.#tailSoon();
  }

  #ring(): void {
    this.#finishTurn();
    this.#arm();
  }

  /** Sets the alarm for whatever comes first. */
  #arm(): void {
    if (this.#open)
      this.#alarm.set(Math.min(this.timers.next(), this.#waiter?.until ?? Number.POSITIVE_INFINITY));
  }

  // The gate

  async service(timeoutMs: number): Promise<number> {
    this.#refuseClosed();
    if (this.#open) throw codedError("EBUSY", "the loop is being serviced already");
    const until = timeoutMs <= 0 ? Number.POSITIVE_INFINITY : monotonicMs() + timeoutMs;
    return new Promise((resolve) => {
      this.#waiter = { until, rounds: 2, woken: timeoutMs === 0, resolve };
      this.#serviced = 0;
      this.#openGate();
    });
  }

  serviceSync(_timeoutMs: number): number {
    throw codedError("ENOTSUP", "the node loop cannot block the thread: Node's own loop has to run");
  }

  async run(): Promise<void> {
    if (this.#closing !== undefined) return;
    if (this.#open) throw codedError("EBUSY", "the loop is being serviced already");
    await new Promise<void>((resolve) => {
      this.#endRun = resolve;
      this.#openGate();
    });
  }

  wake(): void {
    if (this.#waiter === undefined) return;
    this.#waiter.woken = true;
    this.#tailSoon();
  }

  #openGate(): void {
    this.#open = true;
    this.#tailSoon();
    this.#arm();
  }

  /** Ends the `service` call when its turn is over. */
  #endWait(): void {
    const waiter = this.#waiter;
    if (waiter === undefined) return;
    if (waiter.rounds > 0 && --waiter.rounds > 0) {
      this.#tailSoon();
      return;
    }
    if (this.#serviced === 0 && !waiter.woken && monotonicMs() < waiter.until) return;
    this.#waiter = undefined;
    if (this.#closing === undefined) {
      this.#open = false;
      this.#alarm.clear();
    }
    waiter.resolve(this.#serviced);
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw codedError("ECANCELED", "the loop is closed");
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Not from within the handler that may have called this.
    await null;
    const listeners = [...this.#listeners].map((listener) => listener.close());
    for (const connector of [...this.#connectors])
      connector.fail(codedError("ECANCELED", "the loop was closed"));
    this.#notes.refuseArrivals();
    for (const link of this.#links) link.destroy();
    for (const raw of this.#rawSockets) raw.destroy();
    this.#openGate();
    this.wake();
    await this.#emptied();
    await Promise.all(listeners);
    this.#open = false;
    this.#alarm.clear();
    this.#endRun?.();
  }

  /** Resolves once every link's `onClose` was delivered, and a whole turn has passed. */
  async #emptied(): Promise<void> {
    if (this.#links.size > 0)
      await new Promise<void>((resolve) => {
        // It keeps the process: whoever awaits `close` has nothing else that would.
        const late = setTimeout(resolve, STREAM_PATIENCE_MS);
        this.#onEmpty = () => {
          clearTimeout(late);
          resolve();
        };
      });
    do await new Promise((resolve) => setImmediate(resolve));
    while (this.#tailDue || this.#waiter !== undefined);
  }
}
