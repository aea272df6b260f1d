import type { Logger } from "../base/log.ts";
import type { Bus } from "../bus/bus.ts";
import type { AccessLogEntry } from "../http/access-log.ts";
import type { Extension } from "../ws/extension.ts";
import type { Protocol } from "./protocol.ts";
import type { SslOptions } from "./tls.ts";

export type { AccessLogEntry } from "../http/access-log.ts";

/** `port`: do not listen; the context is for clients and adopted sockets (`CONTEXT_PORT_NO_LISTEN`). */
export const NO_LISTEN = 0;
/** `port`: listen on one that the system picks; `context.port` tells which. */
export const ANY_PORT = -1;

/**
 * Who may have what lies in a mount, by HTTP's Basic scheme (RFC 7617); anybody else gets 401. Passwords go over the wire as
 * they are: use it over TLS only. It says nothing about WebSocket sessions, nor about a mount with a longer mountpoint.
 */
export type MountAuth =
  | {
      /** What the browser asks a password for. Printable ASCII. */
      readonly realm: string;
      /** A file of lines `user:password`, read again when it has changed. It may not lie in `origin`. One that cannot be read: 500. */
      readonly file: string;
    }
  | {
      /** What the browser asks a password for. Printable ASCII. */
      readonly realm: string;
      /**
       * Decides by itself: true lets the request in, anything else does not, a throw is 500. Compare with `timingSafeEqual`.
       *
       * @param path - Decoded and without dot segments: the one that the file is found by.
       */
      readonly check: (user: string, password: string, path: string) => boolean | Promise<boolean>;
    };

/**
 * Maps a part of the URL space to files, or to what one of `redirect`, `protocol` and `pass` says in place of `origin`
 * (`struct lws_http_mount`). The longest mountpoint that fits wins, and it alone counts.
 */
export interface Mount {
  /** Where the part begins, `"/"` or `"/static"`; it fits at a `/` boundary only. */
  mountpoint: string;
  /** The folder that the files are in. Nothing outside of it is ever served. */
  origin?: string;
  /** Answers every request with this redirect. `location` goes out as it stands. */
  redirect?: { status: 301 | 302 | 303 | 307 | 308; location: string };
  /** The name of the protocol whose callback gets HTTP for every request. */
  protocol?: string;
  /** True: requests go to the first protocol's HTTP, as if no mount were there. */
  pass?: boolean;
  /** Who may have it. Default everybody. Not along with `pass`. */
  auth?: MountAuth;

  // These go with `origin` only.

  /** The file for a path that ends in `/`. Default `index.html`. */
  index?: string;
  /**
   * A file below `origin` that answers, with 200, for paths that name nothing: for single-page applications, `"index.html"`.
   * Only where the last name of the path has no dot, and Accept names text/html, as a browser's does that goes to a page.
   * Default none: 404.
   */
  fallback?: string;
  /** Answer for a folder without an index file with a page that lists it, at most 2000 entries. Default false: 404. */
  listing?: boolean;
  /**
   * Send `app.js.br`, `.zst` or `.gz` in place of `app.js` to clients that take it, where it is not older. Each request
   * costs a look for each of them, therefore default false.
   */
  precompressed?: boolean;
  /** Cache-Control of every file, such as `"no-cache"`. Default none: browsers then guess by Last-Modified. */
  cacheControl?: string;
  /**
   * Files whose contents never change, which get `public, max-age=31536000, immutable` (with `auth`, `private`): true for
   * those with a hash in their names, as bundlers make them (`index-DxY3k9ab.css`), or a pattern of names. Default false.
   */
  immutable?: boolean | RegExp;
  /** Serve files and folders whose name begins with a dot (`.well-known` always is). Default false. */
  dotfiles?: boolean;
  /** Serve symbolic links that lead outside of `origin`. Default false. */
  insecureAllowEscapingLinks?: boolean;
  /** MIME types by extension without the dot, beside those that mime-types knows. */
  mimeTypes?: Readonly<Record<string, string>>;
}

/** A plugin: a path relative to the working directory, a package's module, or either with options for it. */
export type PluginSpec = string | { module: string; options?: unknown };

/** A line for each reply. */
export interface AccessLogOptions {
  /**
   * `"common"` and `"combined"` are the formats that every log reader knows. A function gives the line without its end,
   * an empty string for none; what a peer sent stands in the entry as it came, so escape it (`JSON.stringify` does).
   * Default `"combined"`.
   */
  format?: "common" | "combined" | ((entry: AccessLogEntry) => string);
  /** Where lines go, `process.stdout` or `fs.createWriteStream("access.log", { flags: "a" })`. It is never ended. */
  stream: AccessLogStream;
}

/** What the access log needs of a stream; every stream of Node's that can be written fits. */
export interface AccessLogStream {
  /** False asks to wait for `drain`. */
  write(text: string): unknown;
  /** False when nothing is taken any more. */
  readonly writable?: boolean;
  once?(event: "drain", listener: () => void): unknown;
  on?(event: "error", listener: () => void): unknown;
}

/** What is known of a request that gets an error; each an empty string where it could not be read. */
export interface FailedRequest {
  method: string;
  path: string;
  /** The header `Accept`. */
  accept: string;
}

/** Makes the page of an error; undefined for the server's own. A throw is logged, and the server's own sent. */
export type ErrorPage = (
  status: number,
  request: FailedRequest,
) => { contentType: string; body: string | Uint8Array } | undefined;

/**
 * What `securityHeaders: true` adds to each reply. To change one: `{ ...SECURITY_HEADERS, "X-Frame-Options": "DENY" }`.
 *
 * - Content-Security-Policy: scripts, sockets and everything else from this origin only; styles and pictures may stand
 *   in the page itself; nobody else frames it.
 * - Cross-Origin-Opener-Policy, Cross-Origin-Resource-Policy: other sites' pages share no process with these, and embed nothing.
 * - Referrer-Policy: other sites learn the origin, not the page.
 * - Strict-Transport-Security: over TLS for a year. Sent over TLS only, and not for sub-domains, which may be others'.
 * - X-Content-Type-Options: a type is believed, not guessed.
 * - X-Frame-Options: what the policy says, for browsers that do not read it.
 */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  "Content-Security-Policy":
    "default-src 'self'; base-uri 'self'; font-src 'self' data:; form-action 'self'; frame-ancestors 'self'; " +
    "img-src 'self' data:; object-src 'none'; script-src 'self'; script-src-attr 'none'; style-src 'self' 'unsafe-inline'",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Referrer-Policy": "strict-origin-when-cross-origin",
  "Strict-Transport-Security": "max-age=31536000",
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "SAMEORIGIN",
});

/** Milliseconds, 1 to 2147483647: none can be switched off. They cost no memory: a connection has one timer for all. */
export interface Timeouts {
  /**
   * From the connection (or the first byte after a reply) to the end of the head; 408 when there was a byte. Also a TLS
   * handshake, dropped then. Default 10 000.
   */
  head: number;
  /** Between a reply and the next request on the same connection. Closed silently. Default 5000. */
  keepAlive: number;
  /** Between two pieces of a request's body (408), and while a reader takes nothing of a reply (dropped). Default 30 000. */
  body: number;
  /** From a request's end to the first byte of the reply, or to the decision about an upgrade, that your code gives; 503 then. Default 30 000. */
  reply: number;
  /** From our Close to the peer's, and from the end of our bytes to the end of the connection; dropped then. Default 5000. */
  close: number;
  /** A session that received nothing for that long is pinged. Default 30 000. */
  ping: number;
  /** A pinged session from which then comes nothing for that long is dropped (1006). Default 20 000. */
  pong: number;
  /** From `destroy`, or the last Close of its `spread`, to the drop of what is still open. Default 10 000. */
  drain: number;
  /**
   * From `clientConnect` to CLIENT_ESTABLISHED: the name, TCP, TLS, proxy, redirects and the handshake, all in all;
   * `ETIMEDOUT` then. Default 20 000.
   */
  connect: number;
}

/** What `createContext` takes. A wrong name, type or range rejects with a TypeError that names the option. */
export interface ContextOptions {
  /** TCP port; `NO_LISTEN` (0) for a client only, `ANY_PORT` (-1) for a free one. Default `NO_LISTEN`. */
  port?: number;
  /** Address to bind. Default: every address of the machine. */
  host?: string;
  /** Path of a Unix socket to listen on, instead of `port` and `host`; a TypeError with either. */
  path?: string;
  /** The protocol table. The first one gets HTTP, and sessions that ask for no sub-protocol. */
  protocols?: readonly Protocol[];
  /** Modules whose protocols join the table behind `protocols`. */
  plugins?: readonly PluginSpec[];
  /** The port speaks TLS: certificate and key, `{ cert: "chain.pem", key: "key.pem" }`, and what else `SslOptions` has. */
  ssl?: SslOptions;
  /** Files to serve. What no mount takes goes to the first protocol's HTTP. */
  mounts?: readonly Mount[];
  /**
   * Extensions to agree on with clients that offer them, `[permessageDeflate()]`. Default none: compression costs
   * memory and time for each session, see `permessageDeflate`.
   */
  extensions?: readonly Extension[];
  /**
   * Which loop to run; `auto` takes epoll where it can run, else node; `epoll` rejects with `ENOTSUP` where it cannot. The
   * environment variable `SLUICE_EVENT_LOOP` goes before this. Default `auto`.
   */
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
  /**
   * Carries broadcasts to other threads, processes or machines, and theirs here. The context joins it before PROTOCOL_INIT, and
   * leaves it when it is destroyed; `createContext` rejects with its error when it cannot be joined. Default: none,
   * but for those that `forkServiceLoop` makes.
   */
  bus?: Bus;
  /**
   * The bus's broker went away, with the error, or came back; broadcasts reach this context only in between. Called as the
   * bus tells it, in a turn or outside. The log has a line each time, with this or without.
   */
  onBusState?: (state: "up" | "down", error?: Error) => void;
  /** Where the context reports to. Default: errors and warnings to standard error. */
  logger?: Logger;
  /** Connections that wait in the kernel to be accepted. Default 511, and never more than the system's own limit. */
  backlog?: number;
  /**
   * Let several processes listen on the same port (SO_REUSEPORT). Default false: it hides that a port is taken. `ENOTSUP` on
   * the node loop before Node 22.12 and 23.1.
   */
  reusePort?: boolean;
  /** Connections at a time; one more is dropped as it is accepted. Default 65 536; an idle session costs some 2 KiB on the epoll loop, 4 on the node loop. */
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
  /** Writes a line for each reply, those to bad requests and upgrades included. Default: none. */
  accessLog?: AccessLogOptions;
  /**
   * Proxies that are believed: addresses, ranges (`"10.0.0.0/8"`), `"loopback"`, `"private"` or `"unix"`. What they say
   * in `X-Forwarded-For` and `X-Forwarded-Proto` is then what `wsi.remoteAddress` and `wsi.secure` tell, and what
   * `maxConnectionsPerAddress` counts. Default: none.
   */
  trustedProxies?: readonly string[];
  /**
   * Connections begin with a header of the PROXY protocol (1 or 2): those of `trustedProxies` where that is set, else all.
   * One without is dropped. Not with `ssl`: the proxy has to end TLS. Default false.
   */
  proxyProtocol?: boolean;
  /**
   * Headers that every reply has, unless you give it one of the same name: true for `SECURITY_HEADERS`, or those to use
   * instead. Default false: nothing is sent unasked.
   */
  securityHeaders?: boolean | Readonly<Record<string, string>>;
  /** Makes the pages of 404, 400, 503 and all other errors that the server answers by itself. Default: its own short ones. */
  errorPage?: ErrorPage;
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
  proxyProtocol: false,
  securityHeaders: false,
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
    connect: 20_000,
  }),
} as const);
