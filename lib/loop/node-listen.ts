import { createServer, type Server, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { codedError } from "../base/errors.ts";
import type { TimerQueue } from "../base/timers.ts";
import type { Listener, ListenOptions, OnLink, ServerTls, SharedPort } from "./loop.ts";
import { NodePort } from "./node-port.ts";
import { TlsDoor } from "./tls-door.ts";

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
  /** A TLS handshake has failed: the peer's doing, mostly. */
  handshakeFailed(error: Error, address: string): void;
}

/** A server that listens, and where its connections begin to speak TLS. */
export interface OpenServer {
  readonly server: Server;
  readonly door: TlsDoor | undefined;
}

/** A listening server of node:net. */
export class NodeListener implements Listener {
  readonly port: number;
  readonly #server: Server;
  readonly #door: TlsDoor | undefined;
  readonly #onClosed: (listener: NodeListener) => void;
  #closed: Promise<void> | undefined;

  constructor({ server, door }: OpenServer, onClosed: (listener: NodeListener) => void) {
    const address = server.address();
    this.port = typeof address === "object" && address !== null ? address.port : 0;
    this.#server = server;
    this.#door = door;
    this.#onClosed = onClosed;
  }

  setTls(tls: ServerTls): void {
    if (this.#door === undefined) throw codedError("ENOTSUP", "this listener does not speak TLS");
    this.#door.set(tls);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  cede(): SharedPort {
    const address = this.#server.address();
    // Its descriptor is closed at once.
    void this.close();
    return new NodePort(address);
  }

  async #close(): Promise<void> {
    // The descriptor is closed at once. The server's own "close" event would wait for every connection to end.
    this.#server.close();
    this.#door?.close();
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
): Promise<OpenServer> {
  if (options.reusePort === true && options.fd === undefined && !hasReusePort(process.versions.node))
    throw codedError(
      "ENOTSUP",
      `reusePort needs Node 22.12, 23.1 or newer; this is ${process.versions.node}`,
    );
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const enter = (socket: Socket) => host.welcome(socket, (link) => (server.listening ? onLink(link) : null));
  const door = openDoor(host, options, enter);
  server.on("connection", (socket) => {
    if (door === undefined) return enter(socket);
    raw.add(socket);
    socket.on("close", () => raw.delete(socket));
    door.take(socket);
  });
  await listening(server, options);
  server.on("error", (error) => host.acceptFailed(error));
  return { server, door };
}

function openDoor(
  host: ListenHost,
  { tls, handshakeTimeout }: ListenOptions,
  enter: (socket: Socket) => void,
): TlsDoor | undefined {
  if (tls === undefined) return undefined;
  const refused = (error: Error, address: string) => host.handshakeFailed(error, address);
  return new TlsDoor(tls, { enter, refused }, handshakeTimeout);
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  const { backlog } = options;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    // Of an inherited descriptor, Node takes the backlog from here only.
    server.listen(placeOf(options) as Parameters<Server["listen"]>[0], backlog);
  });
}

function placeOf({ fd, path, port = 0, host, reusePort }: ListenOptions): object {
  if (fd !== undefined) return { fd };
  return path === undefined ? { port, host, reusePort } : { path };
}

function hasReusePort(version: string): boolean {
  const [major, minor] = version.split(".").map(Number);
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12);
}
