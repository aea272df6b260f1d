import type { Logger } from "../base/log.ts";
import type { Extension } from "../ws/extension.ts";
import type { Protocol } from "./protocol.ts";

/** `port`: do not listen; the context is for clients only, as in the seed of this interface. */
export const NO_LISTEN = 0;
/** `port`: listen on one that the system picks; `context.port` tells which. */
export const ANY_PORT = -1;

/** Maps a part of the URL space to files (`struct lws_http_mount`). The longest mountpoint that fits wins. */
export interface Mount {
  /** Where the part begins, `"/"` or `"/static"`; it fits at a `/` boundary only. */
  mountpoint: string;
  /** The folder that the files are in. Nothing outside of it is ever served. */
  origin: string;
  /** The file for a path that ends in `/`. Default `index.html`. */
  index?: string;
  /** Serve files and folders whose name begins with a dot (`.well-known` always is). Default false. */
  dotfiles?: boolean;
  /** Serve symbolic links that lead outside of `origin`. Default false. */
  insecureAllowEscapingLinks?: boolean;
  /** MIME types by extension without the dot, beside those that mime-types knows. */
  mimeTypes?: Readonly<Record<string, string>>;
}

/** A plugin: a path relative to the working directory, a package's module, or either with options for it. */
export type PluginSpec = string | { module: string; options?: unknown };

/** All times in milliseconds; none may be 0. Each costs one armed timer for the connections in that state. */
export interface Timeouts {
  /** From the connection (or the first byte after a reply) to the end of the head. 408 when there was a byte. */
  head: number;
  /** Between a reply and the next request on the same connection. Closed silently. */
  keepAlive: number;
  /** Between two pieces of a request's body (408), and while a reader takes nothing of a reply (closed). */
  body: number;
  /** From a request's end to the first byte of the reply, or to the decision about an upgrade, that your code gives; 503 then. */
  reply: number;
  /** From our Close to the peer's, and from the end of our bytes to the end of the connection. */
  close: number;
  /** A session that received nothing for that long is pinged. */
  ping: number;
  /** A pinged session from which then comes nothing for that long is dropped (1006). */
  pong: number;
  /** What `destroy` waits for sessions to close, all in all. */
  drain: number;
}

/** What `createContext` takes. A wrong name, type or range rejects with a TypeError that names the option. */
export interface ContextOptions {
  /** TCP port; `NO_LISTEN` (0) for a client only, `ANY_PORT` (-1) for a free one. Default `NO_LISTEN`. */
  port?: number;
  /** Address to bind. Default: every address of the machine. */
  host?: string;
  /** Path of a Unix socket to listen on, instead of `port` and `host`. */
  path?: string;
  /** The protocol table. The first one gets HTTP, and sessions that ask for no sub-protocol. */
  protocols?: readonly Protocol[];
  /** Modules whose protocols join the table behind `protocols`. */
  plugins?: readonly PluginSpec[];
  /** Certificate chain and key, each a file's path or PEM text: the port speaks TLS. */
  ssl?: { cert: string; key: string };
  /** Files to serve. What no mount takes goes to the first protocol's HTTP. */
  mounts?: readonly Mount[];
  /**
   * Extensions to agree on with clients that offer them, `[permessageDeflate()]`. Default none: compression costs
   * memory and time for each session, see `permessageDeflate`.
   */
  extensions?: readonly Extension[];
  /** Which loop to run; `auto` takes epoll where it can run, else node. Default `auto`. */
  eventLoop?: "auto" | "epoll" | "node";
  /** Origins that may open sessions, `"https://example.com"`. Unset: any. Requests without Origin are no browser's and pass. */
  origins?: readonly string[];
  /** Who gets a session that asks for no sub-protocol: a protocol's name, or false to refuse it. Default: the first. */
  defaultProtocol?: string | false;
  /** Group to change to after binding: a number or a name. */
  gid?: number | string;
  /** User to change to after binding: a number or a name. */
  uid?: number | string;
  /** For your own use: `context.user`. */
  user?: unknown;
  /** Where the context reports to. Default: errors and warnings to standard error. */
  logger?: Logger;
  /** Connections that wait in the kernel to be accepted. Default 511, and never more than the system's own limit. */
  backlog?: number;
  /** Let several processes listen on the same port (SO_REUSEPORT). Default false. */
  reusePort?: boolean;
  /** Connections at a time; one more is dropped as it is accepted. Default 65 536; about 1 KiB each when idle. */
  maxConnections?: number;
  /** As `maxConnections`, for one IPv4 address or one /64 of IPv6. Default 65 536: set it lower where no proxy stands in front. */
  maxConnectionsPerAddress?: number;
  /** Bytes of a request head; 431 beyond. Default 16 384, held only while a head is arriving. */
  maxHeaderBytes?: number;
  /** Headers in a request; 431 beyond. Default 100. */
  maxHeaderCount?: number;
  /** Bytes of a request body; 413 beyond. Default 1 MiB. Nothing is held: pieces go to HTTP_BODY as they arrive. */
  maxBodyBytes?: number;
  /** Bytes that may wait for a reader before a further write closes its session (1008). Default 16 MiB. */
  maxBufferedBytes?: number;
  /** Empty fragments in a row within one message; 1008 beyond. Default 1000. */
  maxEmptyFragments?: number;
  /**
   * Check that text which is written as bytes is UTF-8, and throw `ERR_INVALID_UTF8` where it is not. Strings always are.
   * Default false: each byte is looked at once more, and the peer would close a session that gets others (1007).
   */
  validateOutgoing?: boolean;
  /** See `Timeouts`. */
  timeouts?: Partial<Timeouts>;
}

/** The defaults of the options that have a plain value. */
export const DEFAULTS = Object.freeze({
  port: NO_LISTEN,
  eventLoop: "auto",
  backlog: 511,
  reusePort: false,
  maxConnections: 65_536,
  maxConnectionsPerAddress: 65_536,
  maxHeaderBytes: 16_384,
  maxHeaderCount: 100,
  maxBodyBytes: 1_048_576,
  maxBufferedBytes: 16_777_216,
  maxEmptyFragments: 1000,
  validateOutgoing: false,
  rxBufferSize: 65_536,
  maxMessageSize: 16_777_216,
  timeouts: Object.freeze({
    head: 10_000,
    keepAlive: 5_000,
    body: 30_000,
    reply: 30_000,
    close: 5_000,
    ping: 30_000,
    pong: 20_000,
    drain: 10_000,
  }),
} as const);
