import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ClientConnectOptions } from "./client.ts";
import type { ForkedServiceLoop, ForkOptions } from "./fork.ts";
import type { Protocol } from "./protocol.ts";
import type { SslOptions } from "./tls.ts";
import type { Wsi } from "./wsi.ts";

/** Who gets a broadcast. */
export interface BroadcastOptions<Session = unknown> {
  /**
   * Asked for each session of this context: only those that it returns true for get BROADCAST, `(each) => each !== wsi` all
   * but the one. Called in the turn that tells them; one that throws leaves that session out, and is logged. A function does
   * not travel: sessions of other contexts get it all the same, unless `local` is set.
   */
  filter?: (wsi: Wsi<Session>, user: Session) => boolean;
  /** Do not give it to the bus: for the sessions of this context only. Default false. */
  local?: boolean;
}

/** What went over the bus, in broadcasts, since the context was made. */
export interface BusStats {
  /** False while the broker is away, and once the context is destroyed. */
  up: boolean;
  /** Broadcasts that were given to the bus. */
  sent: number;
  /** Broadcasts that came from others, and were or will be told to the sessions. */
  received: number;
  /** What came and was dropped: nothing of ours, of another version, for an unknown protocol, or more than may wait. */
  dropped: number;
  /** What was given to the bus and dropped there: while the broker was away, or since it could not keep up. */
  lost: number;
}

export interface DestroyOptions {
  /**
   * Milliseconds over which the Close frames are spread evenly, so that not all clients come back at once to whoever serves
   * them next. Sessions go on until it is their turn. 0 to 2147483647. Default 0: all at once.
   */
  spread?: number;
}

/** A context: a listening socket, a service loop and all connections (`struct lws_context`). */
export interface Context {
  /** The bound port; 0 when not listening, or on a Unix socket. */
  readonly port: number;
  /** Which loop runs. */
  readonly eventLoop: "epoll" | "node";
  /** `user` of the options. */
  readonly user: unknown;
  /** The protocol table: `protocols` of the options, then those of the plugins. */
  readonly protocols: readonly Protocol[];
  /** Connections that are open: HTTP requests, sessions until CLOSED was told, and clients that are connecting. */
  readonly connections: number;
  /** What went over the bus so far, and whether it is up; null without a bus: the option, or `forkServiceLoop`. */
  readonly busStats: BusStats | null;
  /** The open WebSocket sessions of all protocols, as they are at this moment. */
  sessions(): Iterable<Wsi>;

  /**
   * Services what is ready (`lws_service`).
   *
   * @param timeoutMs - 0 does not wait; a positive number waits at most that long for something to service; -1 waits
   *   for something.
   * @returns The number of connections, timers and put-off calls serviced in that round; 0 on a timeout.
   * @throws (as a rejection) TypeError for another timeout; Error `EBUSY` while another call waits, `ECANCELED` once the
   *   context is destroyed, `ENOTSUP` for the epoll loop in a worker thread, which has `serviceSync` only.
   */
  service(timeoutMs: number): Promise<number>;
  /** As `service`, blocking the thread. Throws `ENOTSUP` on the node loop. */
  serviceSync(timeoutMs: number): number;
  /** Services for ever: resolves when the context is destroyed. Rejects as `service`. */
  run(): Promise<void>;
  /**
   * Has several processes serve the port (`libwebsockets_fork_service_loop`). The program's own file is started again, once
   * for each child, up to this very call; a child serves here, and this process, the parent, goes on:
   *
   * ```ts
   * const context = await createContext({ port: 7681, protocols: [chat] });
   * process.on("SIGTERM", () => context.destroy());
   * const fork = await context.forkServiceLoop({ processes: 4 });
   * if (fork.isChild) process.exit(); // its context has ended
   * setInterval(() => context.broadcast(chat, "tick"), 1000);
   * await context.run(); // for sessions that it has already, and clients of its own
   * ```
   *
   * Resolves in the parent as soon as all children serve, and in a child when its context is destroyed. What stands before
   * it runs in every process: let the program make its contexts in the same order each time, and open other ports behind it.
   *
   * The parent stops listening, its sessions go on. Broadcasts of every process reach the sessions of all, without the
   * option `bus` too. A child that ends is started again, after 100 ms up to 30 s, with a line in the log. When the parent
   * ends, in whichever way, its children drain and end. `destroy` in the parent drains all of them; in a child it ends that
   * one, whose place another takes. A child hears no ^C of the terminal unless the program listens for it itself.
   *
   * @throws TypeError, as a rejection, that names what is wrong; Error `ERR_CHILD` with the reason when a child ends before it
   *   has served, once all have ended, and the context listens no more; `ECANCELED` when it is destroyed meanwhile; the system's where the port cannot be handed over,
   *   as on the node loop with a port below 1024 once privileges are dropped (`EACCES`); `EINVAL` for a context that does not
   *   listen; `EBUSY` when called again; `ENOTSUP` where there is no file to run again, or no socket that a child can inherit
   *   (Windows).
   */
  forkServiceLoop(options?: ForkOptions): Promise<ForkedServiceLoop>;
  /** Ends a waiting `service` call from anywhere; every protocol gets EVENT_WAIT_CANCELLED (`lws_cancel_service`). */
  cancelService(): void;

  /** `callbackOnWritable` for every session of a protocol. @throws TypeError for one that is not in the table. */
  callbackOnWritableAllProtocol(protocol: Protocol | string): void;
  /**
   * Calls every session of a protocol with a reason of your own, `CallbackReason.USER` or above, in a coming turn.
   *
   * @throws TypeError for a protocol that is not in the table; RangeError for another reason.
   */
  callbackAllProtocol(protocol: Protocol | string, reason: number): void;
  /**
   * Calls every session of a protocol with BROADCAST and `data`, the caller's own included, in this context and in all that
   * share its bus (`libwebsockets_broadcast`). Sends nothing itself. Message boundaries are kept; `data` is copied. Sessions
   * that `write` the very `input` share one frame.
   *
   * Here it is told in a coming turn, once. Elsewhere at most once: what the bus drops while its broker is away is lost. The
   * broadcasts of one context arrive in their order.
   *
   * @throws TypeError for a protocol that is not in the table, for what is neither a string nor bytes, and for a wrong option.
   */
  broadcast<Session = unknown>(
    protocol: Protocol<Session> | string,
    data: string | Uint8Array,
    options?: BroadcastOptions<Session>,
  ): void;

  /**
   * Other certificates for whoever connects from now on; connections that are open go on, and sessions are still resumed
   * (not where it changes whose client certificates are believed). Without arguments the files are read again, as after
   * a renewal:
   *
   * ```ts
   * process.on("SIGHUP", () => context.setSecureContext().catch((error) => console.error(error.message)));
   * ```
   *
   * The parent of forked children has all of them do it, and those that start later: all read the files, or take what is
   * given, and when all could, all use them. In a child it is for that one.
   *
   * @param changes - Fields of the option `ssl` to change. They stay changed.
   * @throws Error (as a rejection) that names the option, the file and what is wrong: everything stays as it was. `ERR_NO_TLS`
   *   for a context that listens without TLS, or not at all; `ETIMEDOUT` where a child has not answered in 10 s.
   */
  setSecureContext(changes?: Partial<SslOptions>): Promise<void>;

  /**
   * Takes over a socket that another server accepted, so that both share one port:
   *
   * ```ts
   * httpServer.on("upgrade", (request, socket, head) => context.adoptSocket(socket, head, request));
   * ```
   *
   * @param socket - The stream; it belongs to the context from now on.
   * @param head - Bytes that were read from it already.
   * @param request - The request that was read from it already. Without it `head` begins with the request.
   * @throws TypeError that names the argument which is wrong; Error with code `ECANCELED` once the context is destroyed.
   */
  adoptSocket(socket: Duplex, head?: Uint8Array, request?: IncomingMessage): void;

  /**
   * Connects to a server (`libwebsocket_client_connect`):
   *
   * ```ts
   * context.clientConnect({ url: "wss://example.com/chat", protocol: "chat" });
   * ```
   *
   * Returns at once, with a connection whose state is CONNECTING. Its protocol then gets CLIENT_ESTABLISHED or
   * CLIENT_CONNECTION_ERROR, one of them, once, and never from within this call. To `close` or `terminate` it before that
   * gives up, and is CLIENT_CONNECTION_ERROR with `ECANCELED`.
   *
   * The `code` of the error: the system's (`ECONNREFUSED`, `ENOTFOUND`, …) or that of TLS; `ETIMEDOUT`; `ECONNRESET`
   * when the server ended the connection; `ERR_HANDSHAKE` when it answered anything but a right 101; `ERR_PROXY` when
   * the proxy refused; `ERR_CALLBACK` when a callback threw, `ECANCELED` when it refused.
   *
   * A name is resolved, and a file of certificates or keys read, by Node's own loop: neither comes to an end while
   * `serviceSync` has the thread.
   *
   * @throws TypeError that names the option which is wrong; Error with code `ECANCELED` once the context is being destroyed.
   */
  clientConnect(options: ClientConnectOptions): Wsi;

  /**
   * Stops listening, sends Close 1001 to every session, waits for the answers for at most `timeouts.drain`, then drops
   * what is left; CLOSED for each session, PROTOCOL_DESTROY for each protocol; leaves the bus. From the call on upgrades
   * get 503 with Retry-After, and connections end with the reply to the request that has begun.
   *
   * With `spread` the Close frames go out one after the other, and `timeouts.drain` begins at the last of them. Calling it again gives
   * the same promise; a call with a shorter `spread`, or none, hurries one that is under way.
   *
   * @throws TypeError, as a rejection, for a wrong option; nothing is ended then.
   */
  destroy(options?: DestroyOptions): Promise<void>;
}
