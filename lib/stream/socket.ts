import type { Duplex } from "node:stream";
import type { ReadableStream, WritableStream } from "node:stream/web";
import { BINARY, NORMAL, TEXT } from "../ws/codes.ts";
import { checkClose, checkData, isText, joined, kept, limitOf } from "./arguments.ts";
import type { Connection, MessageTarget, PeerClose } from "./connection.ts";
import { type Deadline, now, type Until } from "./deadline.ts";
import { refused, WsError } from "./errors.ts";
import type { Agreement } from "./handshake.ts";
import { type Attempt, PENDING } from "./lane.ts";
import { WS_BINARY, WS_TEXT } from "./options.ts";
import { OneBuffer, Scatter } from "./targets.ts";
import { type Message, nextMessage, readableOf, writableOf } from "./web.ts";

/** How long the peer may take to answer the Close when a socket is disposed of, in milliseconds. */
const DISPOSAL = 2000;
const LINGER = 250;

/** What `recv` may be told. */
export interface RecvOptions extends Until {
  /** The most bytes that the message may have. Default: `maxMessageSize` of attach. */
  maxLength?: number | undefined;
}

/**
 * A WebSocket that is pulled: `await socket.recv()` for the next message, `await socket.send(…)` for one to go.
 *
 * - One call of each direction at a time; a second one throws EBUSY. Receiving and sending at once is right.
 * - Nothing is read while nobody receives, beyond one chunk; pings are answered as far as reading goes.
 * - A deadline that passes, and a signal that is aborted, lose nothing: a message that has come in part is kept for
 *   the next `recv`, and of one that was not sent nothing was.
 * - What the peer does wrong fails the connection: it is told by a Close, the call throws EPROTO or EMSGSIZE, and the
 *   stream is ended. Calls behind that throw ECONNRESET (EPIPE for sending), and `hclose` is all that is left.
 * - After `detach` and `hclose` every call throws EBADF. Calls that wait meanwhile throw ECANCELED.
 */
export class WsSocket {
  /** The request target: path and query. Empty without a handshake. */
  readonly resource: string;
  /** The host that the client means. Empty without a handshake. */
  readonly host: string;
  /** The sub-protocol that was agreed on; empty for none. */
  readonly protocol: string;
  /** The other side's headers by lower-case name: the client's request, or the server's answer. */
  readonly headers: Readonly<Record<string, string>>;
  readonly #flags: number;
  readonly #maxMessageSize: number;
  #connection: Connection | null;
  #readable: ReadableStream<string | Uint8Array> | null = null;
  #writable: WritableStream<string | Uint8Array> | null = null;
  #disposal: Promise<void> | null = null;

  /** Made by the functions that attach. */
  constructor(connection: Connection, flags: number, maxMessageSize: number, agreement: Agreement) {
    this.#connection = connection;
    this.#flags = flags & WS_TEXT;
    this.#maxMessageSize = maxMessageSize;
    this.resource = agreement.resource;
    this.host = agreement.host;
    this.protocol = agreement.protocol;
    this.headers = agreement.headers;
  }

  /** @throws EBADF */
  #open(): Connection {
    if (this.#connection === null) throw new WsError("EBADF", "the socket was closed or detached");
    return this.#connection;
  }

  // ── Sending ──────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Sends one message, in one frame. Resolves when the stream has taken it: at once while it has room, else when it
   * has drained. The bytes are the caller's again as soon as the call returns. libdill's `ws_send`.
   *
   * @param flags - `WS_TEXT` or `WS_BINARY`.
   * @param data - A string is sent as UTF-8. Bytes that are sent as text have to be UTF-8.
   * @throws WsError (the promise is rejected with it)
   *   - EINVAL: the flags, the data or the deadline are not what they should be.
   *   - EPIPE: a Close was sent, or the stream was ended.
   *   - ECONNRESET: the stream broke.
   *   - EBUSY: another call sends.
   *   - ETIMEDOUT, ECANCELED: nothing of the message was sent.
   *   - EBADF: the socket was closed or detached.
   */
  send(flags: number, data: string | Uint8Array, deadline?: Deadline): Promise<void> {
    return this.#send(flags, checkData, data, deadline);
  }

  /** `send` of parts that make one message. libdill's `ws_sendl`. @throws WsError as `send`. */
  sendl(flags: number, parts: readonly (string | Uint8Array)[], deadline?: Deadline): Promise<void> {
    return this.#send(flags, joined, parts, deadline);
  }

  /** `send` with the type of attach. libdill's `msend`. @throws WsError as `send`. */
  msend(data: string | Uint8Array, deadline?: Deadline): Promise<void> {
    return this.send(this.#flags, data, deadline);
  }

  /** `sendl` with the type of attach. libdill's `msendl`. @throws WsError as `send`. */
  msendl(parts: readonly (string | Uint8Array)[], deadline?: Deadline): Promise<void> {
    return this.sendl(this.#flags, parts, deadline);
  }

  #send<Input>(
    flags: number,
    check: (input: Input, text: boolean) => string | Uint8Array,
    input: Input,
    until: Deadline,
  ): Promise<void> {
    try {
      const connection = this.#open();
      const text = isText(flags);
      const opcode = text ? TEXT : BINARY;
      const checked = check(input, text);
      const data = connection.bytes.outlet.choked ? kept(checked) : checked;
      return connection.sending.run(() => connection.send(opcode, data), until);
    } catch (error) {
      return Promise.reject(refused(error));
    }
  }

  // ── Receiving ────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Receives one message, all fragments of it together. libdill's `ws_recv`.
   *
   * @throws WsError (the promise is rejected with it)
   *   - EPIPE: the peer has closed (`status()` tells how), or ended the stream without a Close (`status()` throws EAGAIN).
   *   - EMSGSIZE: the message is longer than `maxLength`; the connection fails (Close 1009).
   *   - EPROTO: the peer broke a rule; the connection fails (Close 1002, 1007 or 1008).
   *   - ENOMEM: there is no memory for the message; the connection fails (Close 1011).
   *   - ECONNRESET: the stream broke, or the connection failed before.
   *   - EINVAL: `maxLength` or the deadline is not what it should be. `recvl` also: a buffer was taken away or made
   *     smaller while the call waited; the message is lost, but the next call goes on.
   *   - EBUSY: another call receives.
   *   - ETIMEDOUT, ECANCELED: nothing is lost, the next call goes on.
   *   - EBADF: the socket was closed or detached.
   */
  recv(options: RecvOptions = {}): Promise<Message> {
    return this.#receive(
      () => new OneBuffer(limitOf(options.maxLength, this.#maxMessageSize)),
      ({ data }, flags) => ({ flags, data: data! }),
      options,
    );
  }

  /**
   * `recv` into buffers of the caller's, one filled after the other; they are written to when the whole message is
   * there. Gives its size in bytes. libdill's `ws_recvl`.
   *
   * @throws WsError as `recv`; EMSGSIZE when the buffers are too small.
   */
  recvl(buffers: readonly Uint8Array[], until?: Deadline): Promise<{ flags: number; length: number }> {
    return this.#receive(
      () => new Scatter(buffers),
      (target, flags) => ({ flags, length: target.size() }),
      until,
    );
  }

  /**
   * `recv` of the type of attach. libdill's `mrecv`.
   *
   * @throws WsError as `recv`; EPROTO also for a message of the other type, which is lost, but the next call goes on.
   */
  mrecv(options: RecvOptions = {}): Promise<Buffer> {
    return this.#receive(
      () => new OneBuffer(limitOf(options.maxLength, this.#maxMessageSize)),
      ({ data }, flags) => this.#typed(data!, flags),
      options,
    );
  }

  /** `recvl` of the type of attach; gives the size alone. libdill's `mrecvl`. @throws WsError as `mrecv`. */
  mrecvl(buffers: readonly Uint8Array[], until?: Deadline): Promise<number> {
    return this.#receive(
      () => new Scatter(buffers),
      (target, flags) => this.#typed(target.size(), flags),
      until,
    );
  }

  #receive<Target extends MessageTarget, T>(
    make: () => Target,
    give: (target: Target, flags: number) => T,
    until: Deadline,
  ): Promise<T> {
    try {
      const connection = this.#open();
      const target = make();
      const attempt: Attempt<T> = () => {
        if (connection.receive(target) === PENDING) return PENDING;
        return give(target, connection.binary ? WS_BINARY : WS_TEXT);
      };
      return connection.receiving.run(attempt, until);
    } catch (error) {
      return Promise.reject(refused(error));
    }
  }

  #typed<T>(value: T, flags: number): T {
    if (flags === this.#flags) return value;
    const name = flags === WS_TEXT ? "text" : "binary";
    throw new WsError("EPROTO", `a ${name} message has come, which is not the type of the socket`);
  }

  // ── Closing ──────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * Closes the sending half: sends a Close. Receiving goes on until the peer closes. libdill's `ws_done`.
   *
   * @param status - A code that may stand in a Close frame (1000 to 4999, but those that never may), or 0 for a Close
   *   that says nothing.
   * @param message - At most 123 bytes of UTF-8; none with status 0.
   * @throws WsError as `send`; EINVAL for another status or message, EPIPE the second time.
   */
  done(status = 0, message: string | Uint8Array = "", deadline?: Deadline): Promise<void> {
    try {
      const connection = this.#open();
      const text = checkClose(status, message);
      return connection.sending.run(() => connection.close(status, text), deadline);
    } catch (error) {
      return Promise.reject(refused(error));
    }
  }

  /**
   * Closes both halves and gives the stream back, ready for another protocol: sends a Close unless `done` has, throws
   * away what still comes up to the peer's Close or the end of the stream, and takes its hands off. Bytes behind the
   * peer's Close are there to be read. When it throws the socket stays as it is: after ETIMEDOUT it may be called
   * again. libdill's `ws_detach`.
   *
   * @throws WsError as `done`, but for EPIPE after `done`; and as `recv`, but for EPIPE. EBUSY while any call waits.
   */
  detach(status = 0, message: string | Uint8Array = "", deadline?: Deadline): Promise<Duplex> {
    try {
      const connection = this.#open();
      const text = checkClose(status, message);
      if (connection.sending.busy) throw new WsError("EBUSY", "another call sends");
      const attempt: Attempt<Duplex> = () => {
        if (connection.closeBoth(status, text) === PENDING) return PENDING;
        this.#connection = null;
        return connection.release();
      };
      return connection.receiving.run(attempt, deadline);
    } catch (error) {
      return Promise.reject(refused(error));
    }
  }

  /**
   * What the peer's Close said: its status, 0 when it had none, and its message. libdill's `ws_status`.
   *
   * @throws WsError EAGAIN while no Close was received; EBADF.
   */
  status(): PeerClose {
    const { peerClose } = this.#open();
    if (peerClose === null) throw new WsError("EAGAIN", "the peer has not closed");
    return peerClose;
  }

  /**
   * Destroys the socket and its stream at once: the peer is told nothing. Calls that wait throw ECANCELED. libdill's
   * `hclose`.
   *
   * @throws WsError EBADF the second time.
   */
  hclose(): void {
    const connection = this.#open();
    this.#connection = null;
    connection.destroy();
  }

  /**
   * For `await using`: closes politely, if the socket is open. Calls that wait throw ECANCELED. The peer has two seconds
   * to answer the Close (1000); then the stream is destroyed, as it is after everything that goes wrong. Throws nothing.
   */
  [Symbol.asyncDispose](): Promise<void> {
    // The second one, of a Web Stream that is canceled while the other one is aborted, must not cut the first one short.
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async #dispose(): Promise<void> {
    const connection = this.#connection;
    if (connection === null) return;
    connection.cancel();
    try {
      await connection.receiving.run<void>(() => connection.closeBoth(NORMAL, ""), now() + DISPOSAL);
      // Somebody else may have closed it meanwhile.
      if (this.#connection === null) return;
      this.#connection = null;
      await connection.end(LINGER);
    } catch {
      if (this.#connection !== null) this.hclose();
    }
  }

  // ── As Web Streams and the language have it ───────────────────────────────────────────────────────────────────────────────

  /**
   * The messages as a Web Stream: text as strings, binary as Uint8Arrays, each read when it is asked for. It ends at
   * the peer's Close and fails as the iterator does; `cancel` closes the socket politely. Use it in place of `recv`.
   */
  get readable(): ReadableStream<string | Uint8Array> {
    this.#readable ??= readableOf(this);
    return this.#readable;
  }

  /**
   * A Web Stream into messages: strings as text, Uint8Arrays as binary, each written when the stream below has room.
   * `close` sends a Close (1000), `abort` closes the socket politely. Use it in place of `send`.
   */
  get writable(): WritableStream<string | Uint8Array> {
    this.#writable ??= writableOf(this);
    return this.#writable;
  }

  /**
   * The messages one after the other, up to the peer's Close or the end of this socket. A stream that ends without a
   * Close throws EPIPE, for something may be missing; all else is thrown as `recv` throws it. Leaving the loop leaves
   * the socket open.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, void> {
    for (;;) {
      const message = await nextMessage(this);
      if (message === null) return;
      yield message;
    }
  }
}
