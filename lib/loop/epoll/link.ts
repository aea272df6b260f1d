import { codedError } from "../../base/errors.ts";
import type { Link, LinkHandler } from "../loop.ts";
import {
  EAGAIN,
  ECONNRESET,
  EINTR,
  EPIPE,
  EPOLLERR,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  MSG_MORE,
  MSG_NOSIGNAL,
  SHUT_WR,
  SO_ERROR,
  SOL_SOCKET,
  systemError,
  within,
} from "./libc.ts";
import type { HostedLink, LinkHost } from "./link-host.ts";
import type { Changing } from "./pollset.ts";
import { SendQueue } from "./queue.ts";

/** Bytes in front of what arrives, for a handler's host to put a header before a payload. */
export const HEADROOM = 16;
const COPIED = 4096;
/** Up to here a loop over the bytes is quicker than a call to `set`. */
const SHORT = 64;
/** The most of a file that one call sends: a disk may have to be waited for, and others want their turn. */
const SENT_AT_ONCE = 1024 * 1024;
/** What one link may send from its queue in one turn. */
const DRAIN_LIMIT = 4 * 1024 * 1024;

// The state is one word. What the kernel was told last, in epoll's own bits:
const KNOWN = EPOLLIN | EPOLLOUT;
// and what happened to the link:
const PAUSED = 1 << 8; // pause was called
const PARKED = 1 << 9; // out of epoll's set while it does not read, because a hangup cannot be masked
const PEER_ENDED = 1 << 10; // the peer's FIN was read
const ENDING = 1 << 11; // end was called
const SHUT = 1 << 12; // our FIN is sent
const BROKEN = 1 << 13; // a send failed; what the peer had sent before is still read
const ASKED = 1 << 14; // requestWritable waits for its onWritable
const CHANGING = 1 << 15; // in the pollset's list of changes
const FULL = 1 << 16; // the kernel took no more of what is not in the queue
const STALLED = 1 << 17; // what is to be read waits until the kernel takes more

/** Stands in until the loop's user has given a handler. */
const NOBODY: LinkHandler = { onBytes() {}, onEnd() {}, onWritable() {}, onClose() {} };

/** An open socket. It has no buffer of its own: eight fields are all that an idle connection holds. */
export class EpollLink implements Link, Changing, HostedLink {
  handler: LinkHandler = NOBODY;
  fd: number;
  generation = 0;
  readonly remoteAddress: string;
  readonly remotePort: number;
  protected readonly host: LinkHost;
  #state = EPOLLIN;
  #queue: SendQueue | null = null;

  constructor(host: LinkHost, fd: number, remoteAddress: string, remotePort: number) {
    this.host = host;
    this.fd = fd;
    this.remoteAddress = remoteAddress;
    this.remotePort = remotePort;
  }

  get secure(): boolean {
    return false;
  }

  /** Up to here `send` copies, so that the bytes leave together with what else is written. */
  protected get copied(): number {
    return COPIED;
  }

  get block(): Buffer {
    return this.host.cork.block;
  }

  get writable(): boolean {
    return this.fd >= 0 && (this.#state & (ENDING | BROKEN)) === 0;
  }

  get backlog(): number {
    return this.queued;
  }

  get queued(): number {
    if (this.fd < 0) return 0;
    const cork = this.host.cork;
    return (this.#queue === null ? 0 : this.#queue.size) + (cork.owner === this ? cork.used : 0);
  }

  get choked(): boolean {
    return this.#waiting;
  }

  /** The kernel is to tell when it takes more. */
  get #waiting(): boolean {
    return this.#queue !== null || (this.#state & FULL) !== 0;
  }

  get #reading(): boolean {
    return (this.#state & (PAUSED | PEER_ENDED | STALLED)) === 0;
  }

  // --- writing ---------------------------------------------------------------------------------------------

  reserve(size: number): number {
    return this.host.cork.reserve(this, size);
  }

  commit(size: number): void {
    const cork = this.host.cork;
    // Not the owner any more: destroyed since `reserve`.
    if (cork.owner === this) cork.used += size;
  }

  send(buffer: Uint8Array, start: number, end: number): void {
    // What lies beyond the buffer would be somebody else's bytes.
    if (start < 0) throw codedError("ERR_OUT_OF_RANGE", `send from byte ${start}`);
    within(buffer, end);
    const size = end - start;
    if (size <= 0 || !this.writable) return;
    const cork = this.host.cork;
    if (size > this.copied) {
      if (cork.owner === this) cork.flush(true);
      if (this.writable) this.#transmit(buffer, start, end, 0);
      return;
    }
    const at = cork.reserve(this, size);
    const block = cork.block;
    if (size <= SHORT) for (let i = 0; i < size; i++) block[at + i] = buffer[start + i];
    else block.set(buffer.subarray(start, end), at);
    cork.used += size;
  }

  /** The cork's bytes, when it is flushed. */
  transmit(block: Buffer, length: number, more: boolean): void {
    if (this.writable) this.#transmit(block, 0, length, more ? MSG_MORE : 0);
  }

  #transmit(from: Uint8Array, start: number, end: number, flags: number): void {
    if (this.#queue === null) {
      const sent = this.#sendNow(start === 0 ? from : from.subarray(start, end), end - start, flags);
      if (sent < 0 || start + sent === end) return;
      start += sent;
      this.#queue = new SendQueue();
      this.#interestChanged();
    }
    this.#queue.append(from, start, end);
  }

  sendFile(file: number, offset: number, length: number): number {
    const { cork, libc } = this.host;
    if (cork.owner === this) cork.flush(true);
    if (!this.writable) return -1;
    if (this.#waiting) return 0;
    const sent = libc.sendFile(this.fd, file, offset, Math.min(length, SENT_AT_ONCE));
    if (sent > 0) return sent;
    // 0 is the end of the file. Any other failure shows again where the file is read, or the next bytes are sent.
    const errno = sent < 0 ? libc.errno() : 0;
    if (errno !== EAGAIN && errno !== EINTR) return -1;
    this.#state |= FULL;
    this.#interestChanged();
    return 0;
  }

  /** Returns how much the kernel took, or -1 when the link is broken. */
  #sendNow(from: Uint8Array, length: number, flags: number): number {
    const sent = this.write(from, length, flags);
    if (sent >= 0) return sent;
    if (sent === -EAGAIN || sent === -EINTR) return 0;
    this.#breakOff(-sent);
    return -1;
  }

  /** Hands bytes to the kernel: how many it took, or the errno below zero. */
  protected write(from: Uint8Array, length: number, flags: number): number {
    const libc = this.host.libc;
    const sent = libc.send(this.fd, from, length, MSG_NOSIGNAL | flags);
    return sent >= 0 ? sent : -libc.errno();
  }

  /** Nothing can be sent any more. What the peer sent before it went away (a close frame, say) is read first. */
  #breakOff(errno: number): void {
    const peerWent = errno === EPIPE || errno === ECONNRESET;
    if (!peerWent || !this.#reading) {
      this.destroy(systemError(peerWent ? ECONNRESET : errno, "send"));
      return;
    }
    this.#state = (this.#state | BROKEN) & ~(FULL | STALLED);
    this.#queue = null;
    this.#interestChanged();
  }

  requestWritable(): void {
    if (!this.writable || (this.#state & ASKED) !== 0) return;
    this.#state |= ASKED;
    if (!this.#waiting) this.host.drainSoon(this);
  }

  /** Called in the drain phase; returns whether there was something to do. */
  drain(): boolean {
    if (this.fd < 0) return false;
    const cork = this.host.cork;
    if (cork.owner === this) cork.flush(false);
    if (this.#queue !== null) this.#sendQueue(this.#queue);
    if (this.#waiting || this.fd < 0) return true;
    if ((this.#state & (ENDING | SHUT)) === ENDING) {
      this.#shut();
    } else if ((this.#state & ASKED) !== 0 && this.writable) {
      this.#state &= ~ASKED;
      this.handler.onWritable();
      if (cork.owner !== null) cork.flush(false);
    }
    return true;
  }

  #sendQueue(queue: SendQueue): void {
    for (let total = 0; total < DRAIN_LIMIT; ) {
      const first = queue.first();
      const sent = this.#sendNow(first, first.length, 0);
      if (sent <= 0) return;
      queue.consume(sent);
      total += sent;
      if (queue.size === 0) {
        this.#queue = null;
        this.#interestChanged();
        return;
      }
      if (sent < first.length) return;
    }
  }

  end(): void {
    if (!this.writable) return;
    const cork = this.host.cork;
    if (cork.owner === this) cork.flush(false);
    if (!this.writable) return;
    this.#state = (this.#state | ENDING) & ~ASKED;
    if (this.#queue === null) this.#shut();
  }

  #shut(): void {
    if (!this.farewell()) return;
    this.#state |= SHUT;
    this.host.libc.shutdown(this.fd, SHUT_WR);
    if ((this.#state & PEER_ENDED) !== 0) this.destroy();
  }

  /** Says the last word before our FIN. False when the kernel does not take it yet: `waitForRoom` has been called. */
  protected farewell(): boolean {
    return true;
  }

  /** Has the kernel tell when it takes more, and reads nothing before that if `stalled`. */
  protected waitForRoom(stalled: boolean): void {
    this.#state |= stalled ? FULL | STALLED : FULL;
    this.#interestChanged();
  }

  // --- reading ---------------------------------------------------------------------------------------------

  onEvent(mask: number): void {
    if ((mask & EPOLLOUT) !== 0) this.#takesMore();
    if ((mask & ~EPOLLOUT) === 0) return;
    if (this.#reading) this.#read(mask);
    else this.#hangUp(mask);
  }

  #takesMore(): void {
    this.host.drainSoon(this);
    if ((this.#state & FULL) === 0) return;
    if ((this.#state & STALLED) !== 0) this.host.feedSoon(this);
    this.#state &= ~(FULL | STALLED);
    this.#interestChanged();
  }

  #read(mask: number): void {
    const host = this.host;
    let landing = host.landing;
    if (landing.length === 0) {
      host.renewReceived();
      landing = host.landing;
    }
    const got = this.receive(landing);
    if (got > 0) {
      this.handler.onBytes(host.received, HEADROOM, HEADROOM + got);
      if (host.cork.owner !== null) host.cork.flush(false);
      return;
    }
    if (got === 0) this.#peerEnded();
    else if (got !== -EAGAIN && got !== -EINTR) this.destroy(systemError(-got, "recv"));
    else if ((mask & EPOLLERR) !== 0) this.#fail();
  }

  /** Puts what came to `landing`: how many bytes, 0 at the peer's end, or the errno below zero. */
  protected receive(landing: Buffer): number {
    const got = this.host.libc.recv(this.fd, landing, landing.length);
    return got >= 0 ? got : -this.host.libc.errno();
  }

  /** Called in the feed phase, after `feedSoon`: reads what no event tells of. */
  feed(): void {
    if (this.fd >= 0 && this.#reading) this.#read(0);
  }

  #peerEnded(): void {
    if ((this.#state & BROKEN) !== 0) {
      this.#fail();
      return;
    }
    this.#state |= PEER_ENDED;
    this.#interestChanged();
    this.handler.onEnd();
    const cork = this.host.cork;
    if (cork.owner !== null) cork.flush(false);
    if ((this.#state & SHUT) !== 0) this.destroy();
  }

  /** An event that the mask cannot hold back, on a link that does not read. */
  #hangUp(mask: number): void {
    if ((mask & EPOLLERR) !== 0 || (this.#state & BROKEN) !== 0) {
      this.#fail();
    } else if ((mask & EPOLLHUP) !== 0) {
      // Both directions are shut: unread bytes may wait for `resume`, or the handler has not ended its side yet.
      this.#state |= PARKED;
      this.host.pollset.park(this);
    }
  }

  #fail(): void {
    const errno = this.host.libc.getOption(this.fd, SOL_SOCKET, SO_ERROR);
    this.destroy(systemError(errno > 0 && errno !== EPIPE ? errno : ECONNRESET, "connection"));
  }

  pause(): void {
    if ((this.#state & PAUSED) !== 0) return;
    this.#state |= PAUSED;
    this.#interestChanged();
  }

  resume(): void {
    if ((this.#state & PAUSED) === 0) return;
    this.#state &= ~PAUSED;
    this.#interestChanged();
  }

  // --- the life in epoll's set -----------------------------------------------------------------------------

  #interestChanged(): void {
    if (this.fd < 0 || (this.#state & CHANGING) !== 0) return;
    this.#state |= CHANGING;
    this.host.pollset.change(this);
    // Outside of a turn nobody else would see to it that there is one.
    this.host.poke();
  }

  applyInterest(): void {
    this.#state &= ~CHANGING;
    if (this.fd < 0) return;
    const wanted = (this.#reading ? EPOLLIN : 0) | (this.#waiting ? EPOLLOUT : 0);
    if ((this.#state & PARKED) !== 0) {
      if (!this.#reading) return;
      this.#state &= ~PARKED;
      this.host.pollset.unpark(this, wanted);
    } else if (wanted !== (this.#state & KNOWN)) {
      this.host.pollset.modify(this, wanted);
    }
    this.#state = (this.#state & ~KNOWN) | wanted;
  }

  destroy(error?: Error): void {
    if (this.fd < 0) return;
    const host = this.host;
    host.cork.drop(this);
    this.#queue = null;
    host.pollset.close(this);
    host.closed(this, error);
  }
}
