import type { Duplex } from "node:stream";
import { monotonicMs } from "../../base/clock.ts";
import { codedError } from "../../base/errors.ts";
import { describeError, type Logger, quietLogger } from "../../base/log.ts";
import { type TimerQueue, WatchedTimers } from "../../base/timers.ts";
import { giveVectorBuffer, takeVectorBuffer } from "../../base/vector.ts";
import type { ConnectOptions, Listener, ListenOptions, Loop, OnLink, Task } from "../loop.ts";
import { type ConnectHost, Connector } from "./connect.ts";
import { Cork } from "./cork.ts";
import { Gate } from "./gate.ts";
import { EPOLLIN, type Libc, loadLibc } from "./libc.ts";
import { EpollLink, HEADROOM } from "./link.ts";
import type { HostedLink, LinkHost } from "./link-host.ts";
import { Acceptor, addressesToBind, openListener } from "./listen.ts";
import { Notes } from "./notes.ts";
import { Pollset, type Source } from "./pollset.ts";
import { Pump } from "./pump.ts";
import { type StreamHost, Streams } from "./streams.ts";
import { type DoorHost, findOpenssl, openDoor } from "./tls-door.ts";
import { type Secured, TlsLink } from "./tls-link.ts";
import { type LoopCodec, openCodec } from "./zlib.ts";

/** The receive buffer; one recv takes as much of it as lies behind the headroom. */
const RECEIVE_SIZE = 512 * 1024;
/** How long a stream that was destroyed may take to say that it is closed. Some never do. */
const STREAM_PATIENCE_MS = 1000;
/** The longest epoll_wait: its timeout is an int. */
const MAX_WAIT = 2 ** 31 - 1;

/**
 * The loop over epoll and real descriptors. Linux, with the package koffi; throws `ENOTSUP`, and says why, elsewhere.
 *
 * It lives inside Node's own loop (`service`, `run`; main thread only) or has the thread to itself (`serviceSync`,
 * also in a worker thread). Listeners, links and connects keep the process alive once `service` or `run` was
 * called; so do its timers, tasks and the timeout of `service` while that waits.
 */
export function createEpollLoop(logger: Logger = quietLogger): Loop {
  return new EpollLoop(loadLibc(), logger);
}

class EpollLoop implements Loop, LinkHost, ConnectHost, DoorHost, StreamHost {
  readonly name = "epoll";
  readonly timers: TimerQueue;
  readonly libc: Libc;
  readonly logger: Logger;
  readonly pollset: Pollset;
  readonly codec: LoopCodec;
  readonly cork: Cork;
  readonly connectors = new Set<Connector>();
  received: Buffer = Buffer.allocUnsafeSlow(0);
  landing: Buffer = this.received;
  landingAddress = 0;
  now = monotonicMs();
  turn = 0;

  readonly #notes = new Notes((link, thrown) => this.#threw(link, thrown));
  #inTurn = false;
  #flushDue = false;
  #pump: Pump | undefined;
  #streams: Streams | undefined;
  /** Events of streams since the last turn. */
  #servedBetween = 0;
  readonly #gate = new Gate();
  #woken = false;
  #closing: Promise<void> | undefined;

  constructor(libc: Libc, logger: Logger) {
    this.libc = libc;
    this.logger = logger;
    this.timers = new WatchedTimers((deadline) => {
      if (this.#gate.open && !this.#inTurn) this.#pump!.wakeAt(deadline);
    });
    this.cork = new Cork(() => this.flushLater());
    this.pollset = new Pollset(libc);
    this.codec = openCodec(logger);
    this.renewReceived();
  }

  // --- links come and go -----------------------------------------------------------------------------------

  async listen(options: ListenOptions, onLink: OnLink): Promise<Listener> {
    this.#refuseClosed();
    const openssl = options.tls && findOpenssl(this.logger);
    if (options.tls !== undefined && openssl === undefined) {
      const listener = await this.#useStreams().listen(options, onLink);
      this.#refuseClosed();
      return listener;
    }
    const addresses = await addressesToBind(options);
    this.#refuseClosed();
    return openListener(this, addresses, options, openDoor(this, openssl, options, onLink));
  }

  connect(options: ConnectOptions, onLink: OnLink, onError: (error: Error) => void): () => void {
    this.#refuseClosed();
    const openssl = options.tls && findOpenssl(this.logger);
    // What is said before TLS is read from a stream, so that stream has the rest of it too.
    if (options.prelude !== undefined || (options.tls !== undefined && openssl === undefined))
      return this.#useStreams().connect(options, onLink, onError);
    const connector = new Connector(this, options, openssl, onLink, onError);
    return () => connector.cancel();
  }

  adopt(stream: Duplex, head: Uint8Array | undefined, onLink: OnLink): void {
    this.#refuseClosed();
    this.#useStreams().adopt(stream, head, onLink);
  }

  #useStreams(): Streams {
    this.#streams ??= new Streams(this);
    return this.#streams;
  }

  openLink(fd: number, host: string, port: number, onLink: OnLink): void {
    const link = new EpollLink(this, fd, host, port);
    this.#introduce(link, onLink);
    try {
      if (link.fd >= 0) this.pollset.add(link, EPOLLIN, false);
    } catch (error) {
      link.destroy(error as Error);
    }
  }

  openSecureLink(secured: Secured & Source, onLink: OnLink): void {
    const link = new TlsLink(this, secured);
    this.pollset.replace(secured, link, EPOLLIN);
    this.#introduce(link, onLink);
    if (link.fd >= 0) link.begin();
  }

  #introduce(link: EpollLink, onLink: OnLink): void {
    try {
      const handler = onLink(link);
      if (handler === null) link.destroy();
      else link.handler = handler;
    } catch (thrown) {
      this.#threw(link, thrown);
    }
  }

  renewReceived(): void {
    this.received = takeVectorBuffer(RECEIVE_SIZE);
    this.landing = this.received.subarray(HEADROOM);
    this.landingAddress = this.libc.address(this.landing);
  }

  feedSoon(link: HostedLink): void {
    this.#notes.feed(link);
    this.poke();
  }

  drainSoon(link: HostedLink): void {
    this.#notes.drain(link);
    this.poke();
  }

  closed(link: HostedLink, error: Error | undefined): void {
    this.#notes.gone(link, error);
    this.poke();
  }

  soon(task: Task): void {
    this.#notes.soon(task);
    this.poke();
  }

  // --- the turn, as loop.ts draws it -------------------------------------------------------------------------

  #turn(waitMs: number): number {
    this.#inTurn = true;
    this.turn++;
    try {
      // What was written since the last turn must not wait behind the wait.
      this.#flush();
      const ready = this.pollset.wait(waitMs);
      this.touch();
      let served = this.#feed(ready);
      if (this.#streams !== undefined) served += this.#streams.drain();
      served += this.#notes.drainAll() + this.#notes.tellGone() + this.#notes.runTasks();
      if (this.timers.next() <= this.now) served += this.#expireTimers();
      return served;
    } finally {
      this.#flush();
      this.#inTurn = false;
    }
  }

  #feed(ready: number): number {
    const pollset = this.pollset;
    const openers = pollset.openers > 0;
    let served = ready;
    if (openers) for (let i = 0; i < ready; i++) if (pollset.opensLinks(i)) this.#dispatch(i);
    if (this.#streams !== undefined) served += this.#streams.open() + this.#streams.feed();
    for (let i = 0; i < ready; i++) if (!openers || !pollset.opensLinks(i)) this.#dispatch(i);
    return served + this.#notes.feedAll();
  }

  #dispatch(event: number): void {
    const source = this.pollset.source(event);
    if (source === undefined) return;
    try {
      source.onEvent(this.pollset.mask(event));
    } catch (thrown) {
      this.#threw(source, thrown);
    }
  }

  #expireTimers(): number {
    try {
      return this.timers.expire(this.now);
    } catch (thrown) {
      this.#threw(undefined, thrown);
      return 1;
    }
  }

  /** A handler is not expected to throw; the loop outlives it, the link does not. */
  #threw(source: unknown, thrown: unknown): void {
    this.logger.error(`a handler threw: ${describeError(thrown)}`);
    if (source instanceof EpollLink)
      source.destroy(thrown instanceof Error ? thrown : new Error(describeError(thrown)));
  }

  /** Outside of a turn, what is written leaves when the current stack is done. */
  flushLater(): void {
    if (this.#inTurn || this.#flushDue) return;
    this.#flushDue = true;
    process.nextTick(this.#flushNow);
  }

  readonly #flushNow = (): void => {
    this.#flushDue = false;
    this.#flush();
  };

  #flush(): void {
    this.cork.flush(false);
    this.#streams?.block.flush();
  }

  enterTurn(): boolean {
    if (this.#inTurn || !this.#gate.open) return false;
    this.#inTurn = true;
    this.turn++;
    this.touch();
    return true;
  }

  leaveTurn(): void {
    this.#flush();
    this.#inTurn = false;
    this.#servedBetween++;
    this.#pump!.wakeAt(this.timers.next());
    if (this.#gate.waiting || this.#hasNotes) this.#pump!.turnSoon();
  }

  touch(): number {
    this.now = monotonicMs();
    return this.now;
  }

  // --- inside Node's loop -----------------------------------------------------------------------------------

  async service(timeoutMs: number): Promise<number> {
    this.#refuseClosed();
    this.#refuseBusy();
    this.#pumped().turnSoon();
    return this.#gate.service(timeoutMs);
  }

  async run(): Promise<void> {
    if (this.#closing !== undefined) return;
    this.#refuseBusy();
    this.#pumped().turnSoon();
    return this.#gate.run();
  }

  #pumped(): Pump {
    this.#pump ??= new Pump(this.libc, this.pollset.fd, () => this.#pumpTurn());
    return this.#pump;
  }

  #pumpTurn(): void {
    const pump = this.#pump!;
    if (!this.#gate.open) {
      pump.ignore();
      return;
    }
    const served = this.#servedBetween + this.#turn(0);
    this.#servedBetween = 0;
    if (this.#gate.endWait(served)) pump.pause();
    else if (this.#hasNotes) pump.turnSoon();
    else this.#rest(pump);
  }

  #rest(pump: Pump): void {
    this.pollset.apply();
    const deadline = Math.min(this.timers.next(), this.#gate.until);
    pump.rest(deadline, this.pollset.size > 0);
  }

  get #hasNotes(): boolean {
    return this.#notes.any || this.#streams?.hasNotes === true;
  }

  /** Something waits for a turn that nobody outside would wake us for. */
  poke(): void {
    if (!this.#inTurn && this.#gate.open) this.#pump!.turnSoon();
  }

  wake(): void {
    this.#woken = true;
    this.#gate.wake();
    if (this.#gate.waiting) this.#pump!.turnSoon();
  }

  // --- with the thread to itself ----------------------------------------------------------------------------

  serviceSync(timeoutMs: number): number {
    this.#refuseClosed();
    this.#refuseBusy();
    const until = timeoutMs < 0 ? Number.POSITIVE_INFINITY : monotonicMs() + timeoutMs;
    this.#woken = false;
    for (;;) {
      const served = this.#turn(this.#patience(until));
      if (served > 0 || this.#woken || monotonicMs() >= until) return served;
    }
  }

  /** Milliseconds that epoll_wait may take; -1 for as long as it likes. */
  #patience(until: number): number {
    if (this.#hasNotes) return 0;
    const deadline = Math.min(until, this.timers.next());
    if (deadline === Number.POSITIVE_INFINITY) return -1;
    return Math.min(Math.max(0, deadline - monotonicMs()), MAX_WAIT);
  }

  #refuseBusy(): void {
    if (this.#inTurn || this.#gate.open) throw codedError("EBUSY", "the loop is being serviced already");
  }

  #refuseClosed(): void {
    if (this.#closing !== undefined) throw codedError("ECANCELED", "the loop is closed");
  }

  // --- the end ----------------------------------------------------------------------------------------------

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Not from within the handler that may have called this.
    await null;
    this.#giveUpConnecting();
    for (const source of this.pollset.all()) {
      if (source instanceof EpollLink) source.destroy();
      else if (source instanceof Acceptor) source.release();
    }
    await this.#streams?.close();
    let served = this.#turn(0);
    const patience = monotonicMs() + STREAM_PATIENCE_MS;
    while (this.#streams !== undefined && this.#streams.size > 0 && monotonicMs() < patience) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      served += this.#turn(0);
    }
    // What the last handlers noted. No more: a task may put itself off for ever.
    served += this.#turn(0);
    this.#gate.shut(served);
    await this.#pump?.close();
    this.pollset.destroy();
    this.codec.close();
    giveVectorBuffer(this.received);
  }

  #giveUpConnecting(): void {
    const canceled = codedError("ECANCELED", "the loop was closed");
    this.#inTurn = true;
    for (const connector of this.connectors) {
      try {
        connector.fail(canceled);
      } catch (thrown) {
        this.#threw(undefined, thrown);
      }
    }
    this.#inTurn = false;
  }
}
