import {
  EPOLL_CTL_ADD,
  EPOLL_CTL_DEL,
  EPOLL_CTL_MOD,
  EVENT_DATA,
  EVENT_WORDS,
  type Libc,
  systemError,
} from "./libc.ts";

/** One descriptor in the set. */
export interface Source {
  /** The descriptor, -1 when it is closed. */
  fd: number;
  /** Told apart from whatever had the same descriptor before. Set by `add`. */
  generation: number;
  /** Something of `mask` (EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR) is the case. */
  onEvent(mask: number): void;
}

/** A source whose interest changes, in the list of changes to come. */
export interface Changing extends Source {
  /** Tells the kernel what is wanted by now, if it differs from what the kernel knows. */
  applyInterest(): void;
}

const BATCH = 1024;
const GENERATIONS = 0x3fffffff;

/**
 * An epoll descriptor and who stands behind each number in it.
 *
 * ```
 *   event:  mask | fd | generation        sources[fd].generation must be the same,
 *                                         or the event is for one that is closed already
 * ```
 *
 * What opens links (listeners, attempts to connect) has a negative generation, so that a turn can serve it first
 * without looking at the source.
 */
export class Pollset {
  readonly fd: number;
  /** Sources in the set. */
  size = 0;
  /** Those among them that open links. */
  openers = 0;
  readonly #libc: Libc;
  readonly #events = new Int32Array(BATCH * EVENT_WORDS);
  readonly #change = new Int32Array(32);
  readonly #sources: (Source | undefined)[] = [];
  readonly #changes: Changing[] = [];
  #generation = 0;

  constructor(libc: Libc) {
    this.#libc = libc;
    this.fd = libc.epollCreate();
    if (this.fd < 0) throw systemError(libc.errno(), "epoll_create1");
  }

  /** Puts `source` in. Throws the system's error when the kernel takes no more. */
  add(source: Source, mask: number, opensLinks: boolean): void {
    this.#name(source, opensLinks);
    const failure = this.control(EPOLL_CTL_ADD, source, mask);
    if (failure !== 0) throw systemError(failure, "epoll_ctl");
    this.#put(source);
  }

  /** Puts `next`, with the same descriptor, in the place of `source`, which has none any more. */
  replace(source: Source, next: Source, mask: number): void {
    this.#forget(source);
    this.#name(next, false);
    this.modify(next, mask);
    this.#put(next);
  }

  #name(source: Source, opensLinks: boolean): void {
    this.#generation = (this.#generation % GENERATIONS) + 1;
    source.generation = opensLinks ? -this.#generation : this.#generation;
  }

  #put(source: Source): void {
    // Filled up, not left with holes: V8 would make a dictionary of it.
    while (this.#sources.length <= source.fd) this.#sources.push(undefined);
    this.#sources[source.fd] = source;
    this.size++;
    if (source.generation < 0) this.openers++;
  }

  /** Forgets `source` and closes its descriptor. The kernel drops a closed descriptor by itself. */
  close(source: Source): void {
    if (source.fd >= 0) this.#libc.close(this.#forget(source));
  }

  /** Takes `source` out and hands over its descriptor, still open. */
  detach(source: Source): number {
    this.control(EPOLL_CTL_DEL, source, 0);
    return this.#forget(source);
  }

  #forget(source: Source): number {
    const fd = source.fd;
    source.fd = -1;
    if (this.#sources[fd] !== source) return fd;
    this.#sources[fd] = undefined;
    this.size--;
    if (source.generation < 0) this.openers--;
    return fd;
  }

  /** Returns 0 or the errno. */
  control(operation: number, source: Source, mask: number): number {
    const change = this.#change;
    change[0] = mask;
    change[EVENT_DATA] = source.fd;
    change[EVENT_DATA + 1] = source.generation;
    return this.#libc.epollControl(this.fd, operation, source.fd, change) < 0 ? this.#libc.errno() : 0;
  }

  modify(source: Source, mask: number): void {
    this.control(EPOLL_CTL_MOD, source, mask);
  }

  /** Takes the descriptor out of the kernel's set, for events that no mask can hold back. */
  park(source: Source): void {
    this.control(EPOLL_CTL_DEL, source, 0);
  }

  /** Puts it back. */
  unpark(source: Source, mask: number): void {
    this.control(EPOLL_CTL_ADD, source, mask);
  }

  /** Has `applyInterest` called just before the next wait: what is undone until then costs no system call. */
  change(source: Changing): void {
    this.#changes.push(source);
  }

  /** Tells the kernel what changed. To be called before anybody waits for it, here or in Node's own loop. */
  apply(): void {
    const changes = this.#changes;
    for (let i = 0; i < changes.length; i++) changes[i].applyInterest();
    if (changes.length > 0) changes.length = 0;
  }

  /** Waits, -1 for as long as it takes, and returns the number of events. */
  wait(timeoutMs: number): number {
    this.apply();
    const ready = this.#libc.epollWait(this.fd, this.#events, BATCH, timeoutMs);
    return Math.max(ready, 0);
  }

  mask(event: number): number {
    return this.#events[event * EVENT_WORDS];
  }

  /** Whether the event is for a listener or an attempt to connect. */
  opensLinks(event: number): boolean {
    return this.#events[event * EVENT_WORDS + EVENT_DATA + 1] < 0;
  }

  /** Who the event is for, unless it has gone or been replaced since the wait. */
  source(event: number): Source | undefined {
    const at = event * EVENT_WORDS + EVENT_DATA;
    const source = this.#sources[this.#events[at]];
    return source !== undefined && source.generation === this.#events[at + 1] ? source : undefined;
  }

  /** Every source there is, for closing down. */
  all(): Source[] {
    return this.#sources.filter((source) => source !== undefined);
  }

  destroy(): void {
    this.#libc.close(this.fd);
  }
}
