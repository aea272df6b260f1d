import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { createServer as createTlsServer } from "node:tls";
import { codedError } from "../base/errors.ts";
import type { TimerQueue } from "../base/timers.ts";
import type { Listener, ListenOptions, OnLink } from "./loop.ts";

/** Milliseconds for a TLS handshake when the options name none. */
const HANDSHAKE_TIMEOUT = 10_000;

/** What listeners and connectors need of their loop. */
export interface ListenHost {
  /** A stream is open: `onLink` is to hear of it in a turn. */
  welcome(stream: Duplex, onLink: OnLink): void;
  /** Has `task` run in a coming turn. */
  soon(task: { runSoon(): void }): void;
  readonly timers: TimerQueue;
  /** The clock, read now. */
  touch(): number;
  /** Accepting failed, as it does when the process is out of descriptors. */
  acceptFailed(error: Error): void;
}

/** A listening server of node:net or node:tls. */
export class NodeListener implements Listener {
  readonly port: number;
  readonly #server: Server;
  readonly #onClosed: (listener: NodeListener) => void;
  #closed: Promise<void> | undefined;

  constructor(server: Server, onClosed: (listener: NodeListener) => void) {
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
    this.#onClosed = onClosed;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    // The descriptor is closed at once. The server's own "close" event would wait for every connection to end.
    this.#server.close();
    this.#onClosed(this);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Sockets that were accepted for TLS, until they are closed: the handshake may still be going on. */
export type RawSockets = Set<Socket>;

/** Binds a server and listens; what it accepts is given to `host`. */
export async function startServer(
  host: ListenHost,
  options: ListenOptions,
  raw: RawSockets,
  onLink: OnLink,
): Promise<Server> {
  if (options.reusePort === true && !hasReusePort(process.versions.node))
    throw codedError(
      "ENOTSUP",
      `reusePort needs Node 22.12, 23.1 or newer; this is ${process.versions.node}`,
    );
  const server = makeServer(options, raw);
  server.on(options.tls === undefined ? "connection" : "secureConnection", (socket: Socket) =>
    host.welcome(socket, (link) => (server.listening ? onLink(link) : null)),
  );
  await listening(server, options);
  server.on("error", (error) => host.acceptFailed(error));
  return server;
}

function makeServer(options: ListenOptions, raw: RawSockets): Server {
  const shared = { allowHalfOpen: true, noDelay: true };
  if (options.tls === undefined) return createServer(shared);
  const { cert, key } = options.tls;
  const handshakeTimeout = options.handshakeTimeout ?? HANDSHAKE_TIMEOUT;
  const server = createTlsServer({ ...shared, cert, key, handshakeTimeout });
  server.on("connection", (socket: Socket) => {
    raw.add(socket);
    socket.on("close", () => raw.delete(socket));
  });
  // Node drops a client that talks nonsense, but leaves one whose time is over to us.
  server.on("tlsClientError", (_error, socket) => socket.destroy());
  return server;
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  const { path, backlog, reusePort } = options;
  const where = path === undefined ? { port: options.port ?? 0, host: options.host } : { path };
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    server.listen({ ...where, backlog, reusePort } as Parameters<Server["listen"]>[0]);
  });
}

function hasReusePort(version: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}
