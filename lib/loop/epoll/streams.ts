import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { codedError } from "../../base/errors.ts";
import { describeError, type Logger } from "../../base/log.ts";
import type { TimerQueue } from "../../base/timers.ts";
import type { ConnectOptions, Listener, ListenOptions, OnLink, Task } from "../loop.ts";
import { Block } from "../node-block.ts";
import { Connector } from "../node-connect.ts";
import { NodeLink, type LinkHost as StreamLinkHost } from "../node-link.ts";
import {
  NodeListener,
  type RawSockets,
  type ListenHost as StreamListenHost,
  startServer,
} from "../node-listen.ts";

/** What links over Node's streams need of the epoll loop, to keep to its gate and its turns. */
export interface StreamHost {
  readonly logger: Logger;
  readonly timers: TimerQueue;
  soon(task: Task): void;
  touch(): number;
  /** Begins a turn for one event of a stream. False while the gate is shut or a turn goes on. */
  enterTurn(): boolean;
  /** Ends it; everything is flushed. */
  leaveTurn(): void;
  /** Bytes are written to the block, and somebody has to flush it. */
  flushLater(): void;
  /** Has a turn come. */
  poke(): void;
}

/**
 * The links that are streams of Node's and not descriptors of ours: what `adopt` takes over, what proxies lead to, and
 * TLS where OpenSSL cannot be called.
 *
 * The links themselves are those of the node loop. Here is only what makes them part of our turns: an event of a
 * stream is dispatched at once where the gate allows it, and noted for the coming turn otherwise.
 */
export class Streams implements StreamLinkHost, StreamListenHost {
  readonly block: Block;
  readonly timers: TimerQueue;
  readonly #host: StreamHost;
  readonly #links = new Set<NodeLink>();
  readonly #listeners = new Set<NodeListener>();
  readonly #connectors = new Set<Connector>();
  readonly #rawSockets: RawSockets = new Set<Socket>();
  #arrivals: { link: NodeLink; onLink: OnLink }[] = [];
  #noted: NodeLink[] = [];
  #wanting: NodeLink[] = [];
  #closed = false;

  constructor(host: StreamHost) {
    this.#host = host;
    this.timers = host.timers;
    this.block = new Block(() => host.flushLater());
  }

  get size(): number {
    return this.#links.size;
  }

  get hasNotes(): boolean {
    return this.#arrivals.length + this.#noted.length + this.#wanting.length > 0;
  }

  async listen(options: ListenOptions, onLink: OnLink): Promise<Listener> {
    const server = await startServer(this, options, this.#rawSockets, onLink);
    const listener = new NodeListener(server, (closed) => this.#listeners.delete(closed));
    this.#listeners.add(listener);
    if (this.#closed) await listener.close();
    return listener;
  }

  connect(options: ConnectOptions, onLink: OnLink, onError: (error: Error) => void): () => void {
    const connector = new Connector(this, options, onLink, onError, (done) => this.#connectors.delete(done));
    this.#connectors.add(connector);
    return connector.giveUp;
  }

  adopt(stream: Duplex, head: Uint8Array | undefined, onLink: OnLink): void {
    (stream as Partial<Socket>).setTimeout?.(0);
    (stream as Partial<Socket>).setNoDelay?.(true);
    this.#arrive(stream, head, onLink);
  }

  welcome(stream: Duplex, onLink: OnLink): void {
    if (this.#closed) stream.destroy();
    else this.#arrive(stream, undefined, onLink);
  }

  #arrive(stream: Duplex, head: Uint8Array | undefined, onLink: OnLink): void {
    const link = new NodeLink(this, stream, head);
    this.#links.add(link);
    this.#arrivals.push({ link, onLink });
    this.#host.poke();
  }

  // --- three steps of a turn; each returns how many it served ------------------------------------------------

  open(): number {
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    for (const { link, onLink } of arrivals) link.introduce(onLink);
    return arrivals.length;
  }

  feed(): number {
    const noted = this.#noted;
    this.#noted = [];
    for (const link of noted) {
      link.noted = false;
      link.serve();
      this.block.flush();
    }
    return noted.length;
  }

  drain(): number {
    const wanting = this.#wanting;
    this.#wanting = [];
    let served = 0;
    for (const link of wanting) if (link.drain()) served++;
    return served;
  }

  // --- what the links call -----------------------------------------------------------------------------------

  enter(): boolean {
    return this.#host.enterTurn();
  }

  leave(): void {
    this.#host.leaveTurn();
  }

  note(link: NodeLink): void {
    if (link.noted) return;
    link.noted = true;
    this.#noted.push(link);
    this.#host.poke();
  }

  want(link: NodeLink): void {
    this.#wanting.push(link);
    this.#host.poke();
  }

  gone(link: NodeLink): void {
    this.#links.delete(link);
  }

  report(thrown: unknown): void {
    this.#host.logger.error(`a handler threw: ${describeError(thrown)}`);
  }

  // --- what the listeners call -------------------------------------------------------------------------------

  soon(task: Task): void {
    this.#host.soon(task);
  }

  touch(): number {
    return this.#host.touch();
  }

  acceptFailed(error: Error): void {
    this.#host.logger.warn(`cannot accept: ${error.message}`);
  }

  handshakeFailed(error: Error, address: string): void {
    this.#host.logger.debug(`a TLS handshake with ${address || "a peer"} failed: ${error.message}`);
  }

  /** Closes everything. The links are gone when `size` is 0, some turns later. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const connector of [...this.#connectors])
      connector.fail(codedError("ECANCELED", "the loop was closed"));
    for (const arrival of this.#arrivals) arrival.onLink = () => null;
    const closed = [...this.#listeners].map((listener) => listener.close());
    for (const link of this.#links) link.destroy();
    for (const raw of this.#rawSockets) raw.destroy();
    await Promise.all(closed);
  }
}
