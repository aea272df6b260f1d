import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TLSSocket } from "node:tls";
import { codedError } from "../base/errors.ts";
import { describeError } from "../base/log.ts";
import { MAX_RESERVE } from "../base/outlet.ts";
import type { Link, LinkHandler } from "./loop.ts";
import type { Block, BlockOwner } from "./node-block.ts";

/** What a link needs of its loop. */
export interface LinkHost {
  readonly block: Block;
  /** Begins a dispatch. False while the gate is shut or another dispatch goes on: the link leaves a note then. */
  enter(): boolean;
  /** Ends the dispatch that `enter` began. */
  leave(): void;
  /** Has `link.serve` called in a coming turn. */
  note(link: NodeLink): void;
  /** Has `link.drain` called in a coming turn. */
  want(link: NodeLink): void;
  /** The link's `onClose` is about to be called. */
  gone(link: NodeLink): void;
  /** A handler threw. */
  report(thrown: unknown): void;
}

/** The stream's way back to its link, so that listeners are shared functions and not closures for each link. */
const LINK = Symbol("link");
type LinkedStream = Duplex & { [LINK]: NodeLink };

/** Up to here a loop over bytes is quicker than a native copy. */
const SHORT_COPY = 64;
const EMPTY = Buffer.alloc(0);
const copyBytes = Buffer.prototype.copy;

/** The handler of a link that nobody was told of. */
const nobody: LinkHandler = { onBytes() {}, onEnd() {}, onWritable() {}, onClose() {} };

/**
 * A link over a `net.Socket`, a `tls.TLSSocket` or any other duplex stream.
 *
 * What the stream tells comes at the stream's own time. When the loop may dispatch, it goes straight to the handler;
 * otherwise it is noted here (`held`, `ended`, `closed`) and `serve` delivers it in a turn. A stream that has a chunk
 * held here is paused, so one chunk is the most that a link holds.
 */
export class NodeLink implements Link, BlockOwner {
  handler: LinkHandler = nobody;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly secure: boolean;
  readonly peerCertificate: Uint8Array | undefined;
  readonly peerAuthorized: boolean;
  /** In the loop's list of links to serve. */
  noted = false;

  readonly #host: LinkHost;
  readonly #stream: Duplex;
  /** The stream has handed the bytes to the kernel when it says that they are written. */
  readonly #direct: boolean;
  /** Nothing is delivered: by the handler's wish, and before `introduce`. */
  #paused = true;
  #introduced = false;
  #held: Buffer | null = null;
  #ended = false;
  #closed = false;
  /** The handler was told of the end. */
  #told = false;
  #open = true;
  #dropped = false;
  #wants = false;
  #error: Error | undefined;

  constructor(host: LinkHost, stream: Duplex, head?: Uint8Array) {
    this.#host = host;
    this.#stream = stream;
    const socket = stream instanceof Socket ? stream : undefined;
    this.secure = (stream as Partial<TLSSocket>).encrypted === true;
    // Taken now, because the stream forgets it when it is closed.
    this.peerCertificate = stream instanceof TLSSocket ? stream.getPeerX509Certificate()?.raw : undefined;
    // Node says so of a session that was resumed without a certificate, too.
    this.peerAuthorized = this.peerCertificate !== undefined && (stream as TLSSocket).authorized;
    this.#direct = socket !== undefined && !(socket instanceof TLSSocket);
    this.remoteAddress = plainAddress(socket?.remoteAddress ?? "");
    this.remotePort = socket?.remotePort ?? 0;
    if (head !== undefined && head.length > 0) {
      this.#held = Buffer.from(head);
      stream.pause();
    }
    this.#listen(stream);
  }

  #listen(stream: Duplex): void {
    (stream as LinkedStream)[LINK] = this;
    stream.allowHalfOpen = true;
    stream.on("error", onError);
    stream.on("close", onClose);
    stream.on("end", onEnd);
    stream.on("data", onData);
    if (stream.readableEnded) this.#ended = true;
    if (stream.closed) this.#closed = true;
  }

  get fd(): number {
    const { _handle } = this.#stream as { _handle?: { fd?: number } | null };
    return _handle?.fd ?? -1;
  }

  get queued(): number {
    if (this.#dropped || this.#closed) return 0;
    return this.#stream.writableLength + this.#host.block.pending(this);
  }

  /** A stream counts a write until the kernel has taken all of it; how much is left of that, its handle knows. */
  get backlog(): number {
    const { _handle } = this.#stream as { _handle?: { writeQueueSize?: number } | null };
    return this.queued + (_handle?.writeQueueSize ?? 0) / 2 ** 32;
  }

  /** What the kernel refuses is seen on a plain socket only; of any other stream, that it asks its writer to wait. */
  get choked(): boolean {
    if (this.#dropped || this.#closed) return false;
    return this.#direct ? this.#stream.writableLength > 0 : this.#stream.writableNeedDrain;
  }

  get writable(): boolean {
    return this.#open;
  }

  get block(): Buffer {
    return this.#host.block.buffer;
  }

  reserve(size: number): number {
    return this.#host.block.reserve(this, size);
  }

  commit(size: number): void {
    this.#host.block.commit(size);
  }

  /**
   * Always copies: a socket keeps looking at what the kernel did not take, and the caller may write to its bytes as
   * soon as this returns.
   */
  send(buffer: Uint8Array, start: number, end: number): void {
    if (!this.#open) return;
    const { block } = this.#host;
    while (start < end) {
      if (end - start > MAX_RESERVE && this.#stream.writableLength > 0) {
        this.#queueCopy(buffer, start, end);
        return;
      }
      const piece = Math.min(end - start, MAX_RESERVE);
      const at = block.reserve(this, piece);
      copyInto(block.buffer, at, buffer, start, start + piece);
      block.commit(piece);
      start += piece;
    }
  }

  /** The kernel is full: what is left waits as one buffer of its own size, not in many blocks. */
  #queueCopy(buffer: Uint8Array, start: number, end: number): void {
    if (this.#host.block.pending(this) > 0) this.#host.block.flush();
    const copy = Buffer.allocUnsafeSlow(end - start);
    copyInto(copy, 0, buffer, start, end);
    this.#stream.write(copy);
  }

  take(bytes: Buffer): boolean {
    if (!this.#open) return true;
    this.#stream.write(bytes);
    return this.#direct && this.#stream.writableLength === 0;
  }

  requestWritable(): void {
    if (this.#wants || !this.#open) return;
    this.#wants = true;
    this.#host.want(this);
  }

  pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#held !== null || this.#ended) this.#host.note(this);
    else this.#stream.resume();
  }

  end(): void {
    if (!this.#open) return;
    if (this.#host.block.pending(this) > 0) this.#host.block.flush();
    this.#open = false;
    this.#stream.end();
  }

  destroy(error?: Error): void {
    if (this.#dropped || this.#closed) return;
    this.#dropped = true;
    this.#open = false;
    this.#held = null;
    this.#error = error;
    this.#stream.destroy();
  }

  /** Tells the world of this link, within a turn. From here on it is delivered to. */
  introduce(onLink: (link: Link) => LinkHandler | null): void {
    this.#introduced = true;
    this.#paused = false;
    try {
      const handler = onLink(this);
      if (handler === null) this.destroy();
      else this.handler = handler;
    } catch (thrown) {
      this.#fail(thrown);
    }
    if (this.#held !== null || this.#ended || this.#closed) this.#host.note(this);
  }

  /** Delivers what was noted, within a turn: the held bytes, the end, the close. */
  serve(): void {
    const chunk = this.#held;
    if (chunk !== null && !this.#paused) {
      this.#held = null;
      this.#feed(chunk);
      if (!this.#paused && !this.#dropped) this.#stream.resume();
    }
    if (this.#ended && !this.#paused && !this.#dropped) this.#tellEnd();
    if (this.#closed) this.#tellClose();
  }

  /** Tells that the link takes more, within a turn; or waits until the stream has nothing queued. Returns whether it told. */
  drain(): boolean {
    if (!this.#open) return false;
    if (this.#host.block.pending(this) > 0) this.#host.block.flush();
    if (this.#stream.writableLength > 0) {
      // No "drain" event comes below the stream's high-water mark. An empty write waits behind all others.
      this.#stream.write(EMPTY, () => this.#host.want(this));
      return false;
    }
    this.#wants = false;
    try {
      this.handler.onWritable();
    } catch (thrown) {
      this.#fail(thrown);
    }
    return true;
  }

  /** The stream gave a chunk. */
  arrived(chunk: Buffer): void {
    if (this.#dropped) return;
    if (this.#held === null && !this.#paused && this.#host.enter()) {
      this.#feed(chunk);
      this.#host.leave();
      return;
    }
    this.#held = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#stream.pause();
    if (!this.#paused) this.#host.note(this);
  }

  /** The stream said that nothing more comes. */
  sawEnd(): void {
    this.#ended = true;
    if (!this.#paused && !this.#dropped) this.#serveOrNote();
  }

  sawError(error: Error): void {
    this.#open = false;
    if (!this.#dropped) this.#error ??= error;
    // A TLS stream that was sent a bad record says so, and stays as it is.
    this.#stream.destroy();
  }

  sawClose(): void {
    this.#closed = true;
    this.#open = false;
    if (this.#introduced) this.#serveOrNote();
  }

  #serveOrNote(): void {
    if (!this.noted && this.#host.enter()) {
      this.serve();
      this.#host.leave();
    } else {
      this.#host.note(this);
    }
  }

  #feed(chunk: Buffer): void {
    try {
      this.handler.onBytes(chunk, 0, chunk.length);
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #tellEnd(): void {
    this.#ended = false;
    try {
      this.handler.onEnd();
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  #tellClose(): void {
    if (this.#told) return;
    this.#told = true;
    this.#host.gone(this);
    const cut = !this.#dropped && !(this.#stream.readableEnded && this.#stream.writableFinished);
    if (cut) this.#error ??= codedError("ECONNRESET", "the stream was closed before both sides had ended");
    try {
      this.handler.onClose(this.#error);
    } catch (thrown) {
      this.#host.report(thrown);
    }
  }

  #fail(thrown: unknown): void {
    this.#host.report(thrown);
    this.destroy(thrown instanceof Error ? thrown : new Error(describeError(thrown)));
  }
}

function onData(this: Duplex, chunk: Buffer): void {
  (this as LinkedStream)[LINK].arrived(chunk);
}

function onEnd(this: Duplex): void {
  (this as LinkedStream)[LINK].sawEnd();
}

function onError(this: Duplex, error: Error): void {
  (this as LinkedStream)[LINK].sawError(error);
}

function onClose(this: Duplex): void {
  (this as LinkedStream)[LINK].sawClose();
}

function copyInto(target: Buffer, at: number, source: Uint8Array, start: number, end: number): void {
  if (end - start > SHORT_COPY) {
    copyBytes.call(source, target, at, start, end);
    return;
  }
  while (start < end) target[at++] = source[start++];
}

/** An IPv4 address that came in on an IPv6 socket, as IPv4. */
function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
