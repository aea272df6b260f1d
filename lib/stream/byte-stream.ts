import { Duplex } from "node:stream";
import { brokenBy, WsError } from "./errors.ts";
import { StreamOutlet } from "./outlet.ts";

/** Who is told that something has happened to a stream; what it was can be asked. */
export interface ByteStreamOwner {
  /** Bytes have come, or no more will. */
  onInput(): void;
  /** There is room for bytes again, or there never will be. */
  onRoom(): void;
}

/** What takes bytes: it returns the offset behind the last one taken. */
export interface Taker {
  feed(buffer: Buffer, start: number, end: number): number;
}

type Listener = (...args: unknown[]) => void;

const NOTHING: Buffer = Buffer.alloc(0);
/** Reading for others: they get their bytes back when the stream is given back. */
const READERS = ["readable", "data"] as const;

/** Stands where there is no stream: nothing comes of what a call does that was under way. */
const NO_STREAM = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });

/** The streams that somebody has attached to. */
const owned = new WeakMap<Duplex, ByteStream>();

/** True while a socket of this package owns the stream. */
export function isOwned(stream: Duplex): boolean {
  return owned.has(stream);
}

/** For streams that are let go broken: nobody is there to hear of it. */
const unheard = () => {};

/*
 * One listener of an event for all streams. It looks up whose the stream is now: an event is told to all who listened
 * when it began, so also to one that was let go by a listener before it.
 */
function onData(this: Duplex, chunk: unknown): void {
  owned.get(this)?.onData(chunk);
}
function onEnd(this: Duplex): void {
  owned.get(this)?.onEnd();
}
function onDrain(this: Duplex): void {
  owned.get(this)?.onDrain();
}
function onError(this: Duplex, error: unknown): void {
  owned.get(this)?.onError(error);
}
function onClose(this: Duplex): void {
  owned.get(this)?.onClose();
}

/**
 * The bytes of a Duplex, pulled: the stream flows while somebody wants bytes and rests while nobody does, so that at
 * most one chunk is held here, and none while the process waits for events: what nobody has taken goes back, because a
 * socket whose peer ends it takes nothing back any more. Whoever listened for bytes before is set aside until the stream is given back.
 *
 * ```
 *   stream ──'data'──► held chunk ──feed()──► taker          held and nobody wants: paused
 *      ▲                   │                                 nothing held and somebody wants: flowing
 *      └─────unshift()─────┘ by the next event
 * ```
 */
export class ByteStream {
  /** The peer has ended the stream. */
  ended = false;
  /** What broke the stream; null while it is whole. */
  broken: WsError | null = null;
  readonly outlet = new StreamOutlet(NO_STREAM);
  readonly #owner: ByteStreamOwner;
  #stream: Duplex = NO_STREAM;
  #held = NOTHING;
  #at = 0;
  #paused = true;
  /** We take from the stream ourselves: nobody needs to be told. */
  #pulling = false;
  #setAside: [event: string, listener: Listener][] = [];
  /** What is held is going to be given back. */
  #returning = false;

  constructor(owner: ByteStreamOwner) {
    this.#owner = owner;
  }

  get stream(): Duplex {
    return this.#stream;
  }

  /** Takes a stream over, when the last one was let go. @param initial - Bytes that were read from it already. */
  open(stream: Duplex, initial: Uint8Array): void {
    owned.set(stream, this);
    this.#stream = stream;
    this.outlet.open(stream);
    this.ended = !stream.readable;
    this.broken = null;
    this.#hold(initial);
    if (this.holds) this.#returnSoon();
    for (const event of READERS) {
      if (stream.listenerCount(event) === 0) continue;
      for (const listener of stream.rawListeners(event)) this.#setAside.push([event, listener as Listener]);
      stream.removeAllListeners(event);
    }
    stream.pause();
    this.#paused = true;
    stream.on("data", onData).on("end", onEnd).on("drain", onDrain).on("error", onError).on("close", onClose);
  }

  /** True while bytes are held that nobody has taken. */
  get holds(): boolean {
    return this.#at < this.#held.length;
  }

  /** True when there are bytes to feed: those that are held, or what the stream has at once, even if it is broken. */
  more(): boolean {
    if (!this.holds && !this.ended && (this.#paused || this.broken !== null)) {
      this.#pulling = true;
      try {
        const rest: unknown = this.#stream.read();
        // A stream that is broken gives them, but does not tell.
        if (this.broken !== null && !this.holds && rest instanceof Uint8Array) this.#hold(rest);
      } finally {
        this.#pulling = false;
      }
    }
    return this.holds;
  }

  /** Asks for more: the owner is told when it has come. */
  want(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#stream.resume();
  }

  /** Gives what is held to `taker`. What it leaves is held on, in front of what may have come meanwhile. */
  feed(taker: Taker): void {
    const stream = this.#stream;
    const held = this.#held;
    const at = this.#at;
    this.#held = NOTHING;
    this.#at = 0;
    const taken = taker.feed(held, at, held.length);
    // A taker may have let the stream go.
    if (taken === held.length || this.#stream !== stream) return;
    const came = this.#held;
    this.#held = came.length === 0 ? held : Buffer.concat([held.subarray(taken), came]);
    this.#at = came.length === 0 ? taken : 0;
    this.#keep();
  }

  /**
   * Sees to it that what is held does not outlive the stream's end. A stream that has given its last bytes ends with
   * this turn: what is held of those goes back at once. Whether it is so far is told nowhere else.
   */
  #keep(): void {
    const stream = this.#stream as Duplex & { _readableState?: { ended?: boolean } };
    if (stream._readableState?.ended === true) this.#return();
    else this.#returnSoon();
  }

  /** Behind all that is done about the event that is being told now, and before the next one. */
  #returnSoon(): void {
    if (this.#returning) return;
    this.#returning = true;
    // Callbacks of ticks go before promises, but those that are asked for behind a promise.
    queueMicrotask(() => process.nextTick(returnHeld, this));
  }

  /** For `returnHeld`. */
  onTurn(): void {
    this.#returning = false;
    this.#return();
  }

  #return(): void {
    if (!this.holds || !this.#stream.readable) return;
    this.#pause();
    this.#stream.unshift(this.#held.subarray(this.#at));
    this.#held = NOTHING;
    this.#at = 0;
  }

  /** Gives the stream back to whoever had it, with what is held in front of what will come. */
  release(): Duplex {
    this.#return();
    const stream = this.#letGo();
    this.#held = NOTHING;
    if (stream.destroyed) stream.on("error", unheard);
    // Neither flowing nor paused, as a stream that nobody has read from yet; its type says that it cannot be set.
    stream.pause();
    (stream as { readableFlowing: boolean | null }).readableFlowing = null;
    for (const [event, listener] of this.#setAside) stream.on(event, listener);
    this.#setAside.length = 0;
    return stream;
  }

  /** Lets the stream go for good: what becomes of it is heard by nobody. */
  abandon(): Duplex {
    const stream = this.#letGo();
    this.#held = NOTHING;
    this.#setAside.length = 0;
    return stream.on("error", unheard);
  }

  #letGo(): Duplex {
    const stream = this.#stream;
    owned.delete(stream);
    this.#stream = NO_STREAM;
    this.outlet.open(NO_STREAM);
    stream.off("data", onData).off("end", onEnd).off("drain", onDrain);
    return stream.off("error", onError).off("close", onClose);
  }

  #hold(bytes: Uint8Array): void {
    this.#held = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = 0;
  }

  #pause(): void {
    this.#paused = true;
    this.#stream.pause();
  }

  // ── What the stream tells ────────────────────────────────────────────────────────────────────────────────

  onData(chunk: unknown): void {
    if (!(chunk instanceof Uint8Array))
      return this.#break(new WsError("ENOTSUP", "the stream is not one of bytes"));
    if (this.holds) this.#hold(Buffer.concat([this.#held.subarray(this.#at), chunk]));
    else this.#hold(chunk);
    if (this.#pulling) return;
    this.#owner.onInput();
    if (!this.holds) return;
    // Somebody else may have set it going again.
    this.#pause();
    this.#keep();
  }

  onEnd(): void {
    this.ended = true;
    this.#owner.onInput();
  }

  onDrain(): void {
    this.#owner.onRoom();
  }

  onError(error: unknown): void {
    this.#break(brokenBy(error));
  }

  onClose(): void {
    if (this.ended) this.#owner.onRoom();
    else this.#break(brokenBy());
  }

  #break(error: WsError): void {
    this.broken ??= error;
    this.#owner.onInput();
    this.#owner.onRoom();
  }
}

function returnHeld(bytes: ByteStream): void {
  bytes.onTurn();
}
