import type { Protocol } from "./protocol.ts";
import type { OutgoingHeaders } from "./wsi.ts";

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
 * Where `clientConnect` connects to, and what it asks for (`libwebsocket_client_connect`). Either `url`, or `address` and
 * those that go with it, or `socketPath`.
 */
export interface ClientConnectOptions {
  /** `"wss://example.com/chat?room=1"`, instead of `address`, `port` and `path`. A name and password in it go out as `Authorization`. */
  url?: string | URL;
  /** A name, or an IPv4 or IPv6 address. All addresses of a name are tried, of both families, until one answers. */
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
   * How many redirects (301, 302, 303, 307, 308) to follow. To another host, port or from TLS to plain, `Authorization` and
   * `Cookie` are left out. Default 0: a redirect is a refusal.
   */
  maxRedirects?: number;
}
