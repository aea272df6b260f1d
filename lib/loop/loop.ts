import type { Duplex } from "node:stream";
import type { Codec } from "../base/codec.ts";
import type { Outlet } from "../base/outlet.ts";
import type { TimerQueue } from "../base/timers.ts";

/**
 * What an event loop is to the rest of the house: bytes in, events out. It knows no protocol word.
 *
 * One **turn** of every loop, whichever it is, does this, in this order:
 *
 * ```
 *  1. now        read the clock
 *  2. accept     new links, a bounded number          -> Listener's onLink
 *  3. feed       for each readable link, one read      -> handler.onBytes(buffer, start, end)
 *                    then flush: what was written to it
 *                    meanwhile leaves in one send
 *  4. drain      for each link that can take more      -> handler.onWritable()
 *  5. soon       what was put off to "this turn"       -> task.runSoon()
 *  6. timers     what is due                           -> entry.onDeadline()
 *  7. flush      what 4-6 wrote
 * ```
 *
 * Nothing is called on a handler, a task or a timer outside of a turn, and no turn runs outside of `service`,
 * `serviceSync` and `run`. Bytes may be written at any time; outside of a turn they are flushed when the
 * current JavaScript stack is done.
 *
 * The life of a link, as its handler sees it:
 *
 * ```
 *   onLink ─► onBytes* ─► onEnd? ─► onClose       onClose comes exactly once, last, never from within a call
 *                 onWritable*                      that the handler itself made (destroy, send, …)
 * ```
 */
export interface LinkHandler {
  /**
   * Bytes `start` to `end` of `buffer` have arrived, `end > start`. The buffer is lent until this returns; the
   * handler may write to that range, and to nothing else of it.
   */
  onBytes(buffer: Buffer, start: number, end: number): void;
  /** The peer has shut down its side (FIN). What is queued still goes out, and more may be written. */
  onEnd(): void;
  /** After `requestWritable`: nothing is queued, the link takes more. */
  onWritable(): void;
  /** The link is gone. `error` is there unless both sides had shut down, or `destroy` was called without one. */
  onClose(error?: Error): void;
}

/** One byte stream in a loop: an accepted or connected socket. */
export interface Link extends Outlet {
  /** Who is told. It may be replaced at any time, as an upgrade does. */
  handler: LinkHandler;
  /** The peer's address in text form, without brackets or port; empty for a Unix socket. */
  readonly remoteAddress: string;
  /** The peer's port; 0 for a Unix socket. */
  readonly remotePort: number;
  /** True when the bytes travel encrypted (TLS). */
  readonly secure: boolean;
  /** The certificate that the peer showed, in DER; undefined without one. */
  readonly peerCertificate?: Uint8Array | undefined;
  /** True when it was asked for and OpenSSL believes it. */
  readonly peerAuthorized?: boolean;
  /** The descriptor's number, -1 where the loop does not know one or the link is gone. */
  readonly fd: number;
  /**
   * A number that falls as the peer takes what is queued, more finely than `queued` where a loop knows more. By this a
   * slow reader is told from one that has stopped.
   */
  readonly backlog: number;
  /** False as soon as `end` or `destroy` was called or the link is gone; what is sent then is dropped. */
  readonly writable: boolean;
  /**
   * Asks for one `onWritable` in a coming turn, as soon as nothing is queued. Several requests before it comes
   * are one; it never comes from within this call.
   */
  requestWritable(): void;
  /**
   * Sends bytes of an open file without reading them, behind what was written before. Only where a loop can; whoever
   * finds it missing reads and sends.
   *
   * The kernel may look at the file until the peer has the bytes: what is changed meanwhile arrives changed.
   *
   * @param file - The file's descriptor, which the caller closes when it likes.
   * @returns How many bytes the kernel took, `length` at most. 0 when it is full: the link is choked until `onWritable`,
   *   to be asked for as ever. -1 when no byte went and none will go in this way: the file ends before `offset`, cannot be
   *   sent so, or the link is gone. To read it tells which.
   */
  sendFile?(file: number, offset: number, length: number): number;
  /** Stops reading: no `onBytes` and no `onEnd` until `resume`. The peer is stalled by TCP. */
  pause(): void;
  /** Reads on. Nothing is delivered from within this call. */
  resume(): void;
  /** Shuts down our side (FIN) after all that is queued. Reading goes on. */
  end(): void;
  /** Closes at once; what is queued is lost. `onClose` follows in a coming turn. */
  destroy(error?: Error): void;
}

/** Something to do in the coming turn, or still in this one when it is put off from within a turn. */
export interface Task {
  runSoon(): void;
}

export interface ListenOptions {
  /** TCP port, 0 for any free one; unused with `path`. */
  port?: number;
  /** Address to bind; all of them when it is not there. */
  host?: string;
  /** Path of a Unix socket, instead of host and port. */
  path?: string;
  /** A bound socket that the process has inherited, instead of host and port or path: what `SharedPort` opened. */
  fd?: number | undefined;
  /** Length of the kernel's queue of connections that wait to be accepted. */
  backlog?: number;
  /** SO_REUSEPORT: several processes listen on one port, and the kernel spreads the connections. */
  reusePort?: boolean;
  /** The links are TLS. */
  tls?: ServerTls;
  /** Milliseconds that a TLS handshake may take before the connection is dropped. */
  handshakeTimeout?: number;
}

/** A certificate chain and its key, as PEM text. `checkIdentity` has found that they fit. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string;
}

/** The server's side of TLS. */
export interface ServerTls extends Identity {
  /** Certificates for single names, `"example.com"` or `"*.example.com"` (one label), in lower case; `cert` is for all others. */
  readonly sni?: Readonly<Record<string, Identity>>;
  /** Whose client certificates to believe, PEM text. */
  readonly ca?: readonly string[];
  /** Ask the client for a certificate. */
  readonly requestCert?: boolean;
  /** Drop a client whose certificate is missing or not believed. Only with `requestCert`. */
  readonly rejectUnauthorized?: boolean;
  /** The oldest version to speak. Default TLS 1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** OpenSSL's list of cipher suites, those of TLS 1.3 among them, as Node takes it. */
  readonly ciphers?: string;
  /** 48 random bytes that seal session tickets, for processes that resume each other's sessions. Default: of this process. */
  readonly ticketKeys?: Uint8Array;
  /** A peer that does not begin with TLS gets a link all the same, with `secure` false. Default: it is dropped. */
  readonly allowPlain?: boolean;
}

export interface ConnectOptions {
  /** A name or an address; all addresses of a name are tried until one answers. */
  host?: string;
  port?: number;
  /** Path of a Unix socket, instead of host and port. */
  path?: string;
  /** Said in plain to whoever answers, before TLS begins and before the link is there. */
  prelude?: Prelude;
  /** The link is TLS. */
  tls?: ConnectTls;
  /** Milliseconds from the call to the open link (name resolution and TLS included); `ETIMEDOUT` beyond. */
  timeout: number;
}

/** A question and an answer that come before everything else, as a proxy has them. */
export interface Prelude {
  /** What to send. */
  readonly ask: Uint8Array;
  /**
   * Takes bytes that came: the offset behind the last one of the answer, or -1 while more is needed. Throws the
   * error that ends the attempt.
   */
  hear(bytes: Buffer): number;
}

/** The client's side of TLS. Certificates and keys are PEM text, or the path of a file. */
export interface ConnectTls {
  /** Whom to trust, instead of the roots that Node knows. */
  ca?: string | readonly string[];
  /** Our own certificate and key, where the server asks for them. */
  cert?: string;
  key?: string;
  passphrase?: string;
  /** The name that the server is asked for (SNI), or the address, that its certificate has to hold. Default `host`. */
  servername?: string;
  /** False: any certificate is taken. */
  rejectUnauthorized?: boolean;
  /** The oldest version to speak, `"TLSv1.2"` or `"TLSv1.3"`. */
  minVersion?: "TLSv1.2" | "TLSv1.3";
}

/** Gives the handler of a new link, or null to have it closed at once. Called within a turn. */
export type OnLink = (link: Link) => LinkHandler | null;

export interface Listener {
  /** The bound port; 0 for a Unix socket. */
  readonly port: number;
  /** New links are served with these certificates; those that exist go on. Throws, and keeps the old ones, where they do not load. */
  setTls?(tls: ServerTls): void;
  /** Stops accepting, at once. Links that exist go on. Resolves when the descriptor is closed. */
  close(): Promise<void>;
  /**
   * Stops accepting, as `close`, but keeps the port (or path) for other processes to accept from. Throws the system's
   * error, and has closed the listener then, where the port cannot be kept.
   */
  cede(): SharedPort;
}

/** A port, or the path of a Unix socket, on which other processes accept: they inherit descriptors that this one has. */
export interface SharedPort {
  /**
   * A bound descriptor for one more process. Where the system can, each has a queue of its own, over which the kernel
   * spreads the connections (SO_REUSEPORT); else they are one and the same. Throws the system's error.
   */
  open(): number;
  /** Nobody accepts from that descriptor any more. What waits in a queue of its own is reset. */
  close(fd: number): void;
  /** Gives up the port, when everything is closed. */
  release(): void;
}

export interface Loop {
  readonly name: "node" | "epoll";
  /** The time of this turn in milliseconds of `monotonicMs`; read anew at each turn, and by `touch`. */
  readonly now: number;
  /** Another number in each turn: what the system has told in this one need not be asked again. */
  readonly turn: number;
  /** The timers of this loop. Fired within turns. */
  readonly timers: TimerQueue;
  /** Compression, for all links of this loop. It goes on after `close`. */
  readonly codec: Codec;

  /** Binds and listens. Rejects with the system's `code`, and leaves nothing open then. */
  listen(options: ListenOptions, onLink: OnLink): Promise<Listener>;

  /**
   * Connects. Exactly one of the two is called, once, within a turn: `onLink` with the open link, or `onError` with an
   * error that has the system's `code`. Returns a function that gives the attempt up (nothing is called then).
   */
  connect(options: ConnectOptions, onLink: OnLink, onError: (error: Error) => void): () => void;

  /**
   * Takes over a stream that something else accepted. Bytes that were read from it already are given as `head`
   * and are delivered first.
   */
  adopt(stream: Duplex, head: Uint8Array | undefined, onLink: OnLink): void;

  /** Puts `task` off to the end of this turn or to the next one. The loop is woken for it. */
  soon(task: Task): void;

  /**
   * Turns until something was serviced, at least one turn, and at most for `timeoutMs` (0: one turn without
   * waiting; -1: as long as it takes). Resolves with the number of links, tasks and timers serviced, 0 on a timeout.
   * One call at a time: a second one while the first waits rejects with `EBUSY`.
   */
  service(timeoutMs: number): Promise<number>;
  /** As `service`, blocking the thread. Throws `ENOTSUP` where the loop cannot. */
  serviceSync(timeoutMs: number): number;
  /** Turns until `close`. */
  run(): Promise<void>;
  /** Ends a waiting `service` call, from anywhere. */
  wake(): void;

  /** Destroys all links (their handlers hear of it), stops, and releases every resource. */
  close(): Promise<void>;
}
