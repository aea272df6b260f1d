import type { CloseInfo, ConnectionError, Protocol } from "./protocol.ts";
import type { OutgoingHeaders, Wsi } from "./wsi.ts";

/** The client's side of TLS. Certificates and keys are PEM text, or the path of a file. */
export interface ClientTls {
  /** Whom to trust, instead of the roots that Node knows. */
  ca?: string | readonly string[];
  /** The client's own certificate, where the server asks for one, and its key. */
  cert?: string;
  key?: string;
  /** What the key is encrypted with. */
  passphrase?: string;
  /** The name that the server is asked for (SNI) and that its certificate has to hold. Default: the name in `host`. */
  servername?: string;
  /** False takes any certificate, as `ssl: 2` does. Default true. */
  rejectUnauthorized?: boolean;
  /** The oldest version to speak. Default: Node's, which is TLS 1.2. */
  minVersion?: "TLSv1.2" | "TLSv1.3";
}

/**
 * Connecting again, by `retry` of `clientConnect`; `{}` takes all defaults. Exponential back-off with jitter, as RFC 6455
 * section 7.2.3 asks for it. Milliseconds throughout.
 *
 * What may be better the next time is retried: errors of the network (names and time limits too), the statuses 408, 425,
 * 429 and from 500 on (but 501 and 505), a session that broke (1006), and the server's close codes 1001, 1011, 1012, 1013
 * and 1014. Whatever else a server closes with, other statuses, answers that are no handshake, certificates and a failure
 * of this side are not. What this side ends is never retried, and `when` not asked: `close` or `terminate` of any of the
 * connections, a callback that returns nonzero or throws, `signal`, `destroy`. Only a promise of a callback that is
 * rejected when its connection has ended already has no say, unless it was told of the end.
 */
export interface ClientRetry {
  /** The delay behind the first attempt, and behind a session that has lasted. Default 1000. */
  minDelay?: number;
  /** The longest delay. Default 30 000. */
  maxDelay?: number;
  /** How much longer each delay is than the one before. Default 2. */
  factor?: number;
  /** Which part of each delay is up to chance: 0.5 takes off up to half of it. From 0 to 1, default 0.5. */
  jitter?: number;
  /** Attempts in a row without a session that has lasted, the first one counted. May be Infinity. Default 20. */
  maxAttempts?: number;
  /** How long a session has to last to count: then delays and numbers begin anew. Default 10 000. */
  resetAfter?: number;
  /**
   * A server that answers with Retry-After is left alone that long, and the delay longer; but not longer than this and
   * the delay. Default 300 000.
   */
  maxRetryAfter?: number;
  /**
   * Decides in place of the rules above, at once. To throw, or to give a promise, is false, and logged.
   *
   * @param outcome - The `input` of CLIENT_CONNECTION_ERROR or CLIENT_CLOSED, which come behind this.
   * @param usual - What the rules say.
   */
  when?: (outcome: ConnectionError | CloseInfo, usual: boolean, wsi: Wsi) => boolean;
}

/**
 * Where `clientConnect` connects to, and what it asks for (`libwebsocket_client_connect`). Either `url`, or `address` and
 * those that go with it, or `socketPath`.
 */
export interface ClientConnectOptions {
  /** `"wss://example.com/chat?room=1"`, instead of `address`, `port` and `path`. A name and password in it go out as `Authorization`. */
  url?: string | URL;
  /** A name, or an IPv4 or IPv6 address. All addresses of a name are tried side by side, of both families, until one answers. */
  address?: string;
  /** Default 443 with `ssl`, else 80. */
  port?: number;
  /** Path of a Unix socket, instead of `address` and `port`. */
  socketPath?: string;
  /**
   * 0 plain; 1 TLS, the server's certificate is verified; 2 TLS, any certificate is taken: nobody listens in, but nothing
   * says who the server is. An object is 1 with more to say. Default: by `url`, else 0.
   */
  ssl?: 0 | 1 | 2 | ClientTls;
  /** Path and query, percent-encoded. Default `"/"`. */
  path?: string;
  /** The Host header. Default `address`, and `port` where it is not the scheme's own. */
  host?: string;
  /** The Origin header. Default none. */
  origin?: string;
  /** Sub-protocols to ask for, the most preferred first. Default none. */
  protocol?: string | readonly string[];
  /**
   * The protocol of the context's table whose callback is called. Default: the one that the server chose of those in
   * the table; before it has chosen, the first of `protocol` that is there; else `protocols[0]`.
   */
  localProtocol?: Protocol | string;
  /** More headers of the request, `authorization` or `cookie`. Those of the handshake itself are not yours. */
  headers?: OutgoingHeaders;
  /** `wsi.user` of the session, instead of what `perSessionData` would make. */
  user?: unknown;
  /** Milliseconds from the call to CLIENT_ESTABLISHED. Default `timeouts.connect` of the context. */
  timeout?: number;
  /**
   * An HTTP proxy that leads there (`"http://user:password@10.0.0.1:3128"`), by CONNECT; false for none. Default: what the
   * environment says in `http_proxy` (for ws; never in capitals, which CGI gives to strangers), `https_proxy` (for wss) and
   * `no_proxy`. The environment has no say about this machine itself.
   */
  proxy?: string | false;
  /**
   * How many redirects (301, 302, 303, 307, 308) to follow. To another address, port or from TLS to plain, `Authorization`
   * and `Cookie` are left out, and the certificate is verified. Default 0: a redirect is a refusal.
   */
  maxRedirects?: number;
  /**
   * Connects again when the connection fails or ends. Each attempt is a `Wsi` of its own with its own outcome, whose `retryIn`
   * tells when the next one begins; names are resolved, and CLIENT_APPEND_HANDSHAKE_HEADER is asked, each time. Default: no.
   */
  retry?: ClientRetry;
  /** To abort it is to `close` the connection, whatever state it is in; there is no further attempt. */
  signal?: AbortSignal;
}
