import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type { ClientConnectOptions } from "./client.ts";
import type { Protocol } from "./protocol.ts";
import type { Wsi } from "./wsi.ts";

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
  /** Connections that are open: HTTP requests and sessions. */
  readonly connections: number;
  /** The open WebSocket sessions of all protocols, as they are at this moment. */
  sessions(): Iterable<Wsi>;

  /**
   * Services what is ready (`lws_service`).
   *
   * @param timeoutMs - 0 does not wait; a positive number waits at most that long for something to service; -1 waits
   *   for something.
   * @returns The number of connections, timers and put-off calls serviced in that round; 0 on a timeout.
   * @throws Error `EBUSY` while another call waits, `ECANCELED` once the context is destroyed.
   */
  service(timeoutMs: number): Promise<number>;
  /** As `service`, blocking the thread. Throws `ENOTSUP` on the node loop. */
  serviceSync(timeoutMs: number): number;
  /** Services for ever: resolves when the context is destroyed. */
  run(): Promise<void>;
  /** Ends a waiting `service` call from anywhere; every protocol gets EVENT_WAIT_CANCELLED (`lws_cancel_service`). */
  cancelService(): void;

  /** `callbackOnWritable` for every session of a protocol. */
  callbackOnWritableAllProtocol(protocol: Protocol | string): void;
  /** Calls every session of a protocol with a reason of your own, `CallbackReason.USER` or above. */
  callbackAllProtocol(protocol: Protocol | string, reason: number): void;
  /**
   * Calls every session of a protocol with BROADCAST and `data`, the caller's own included
   * (`libwebsockets_broadcast`). Sends nothing itself. Message boundaries are kept; `data` is copied.
   */
  broadcast(protocol: Protocol | string, data: string | Uint8Array): void;

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
   * A name is resolved, and TLS spoken, by Node's own loop: they come to nothing while `serviceSync` has the thread.
   *
   * @throws TypeError that names the option which is wrong; Error with code `ECANCELED` once the context is being destroyed.
   */
  clientConnect(options: ClientConnectOptions): Wsi;

  /**
   * Stops listening, sends Close 1001 to every session, waits for the answers for at most `timeouts.drain`, then drops
   * what is left; CLOSED for each session, PROTOCOL_DESTROY for each protocol. Calling it again gives the same promise.
   */
  destroy(): Promise<void>;
}
