/** A certificate and its key, each the path of a file or PEM text. */
export interface SslCertificate {
  /** The certificate, and behind it those that lead to the root, without the root itself. */
  readonly cert: string;
  /** The private key. */
  readonly key: string;
  /** What the key is encrypted with. */
  readonly passphrase?: string;
}

/** What a port says of itself in TLS, and whom it believes: the option `ssl` of a context. */
export interface SslOptions extends SslCertificate {
  /**
   * Certificates for the names that clients ask for (SNI): `"example.com"`, or `"*.example.com"` for one label more. A full
   * name goes before a pattern. Whoever asks for another name, or for none, gets `cert`.
   */
  readonly sni?: Readonly<Record<string, SslCertificate>>;
  /** The oldest version to speak. Default TLS 1.2. */
  readonly minVersion?: "TLSv1.2" | "TLSv1.3";
  /** Cipher suites, in OpenSSL's notation. Default: those of your Node, `tls.DEFAULT_CIPHERS`. */
  readonly ciphers?: string;
  /** Ask clients for a certificate, which is `wsi.peerCertificate` then. Default false. */
  readonly requestCert?: boolean;
  /**
   * Drop a client in the handshake that shows no certificate, or one that is not believed. Default true with `requestCert`;
   * if false, look at `wsi.peerAuthorized`.
   */
  readonly rejectUnauthorized?: boolean;
  /**
   * Whose client certificates to believe: the path of a file, PEM text, or several of either. With `requestCert`, which
   * needs it unless `rejectUnauthorized` is false: the certificate authorities of the web vouch for no client of yours.
   */
  readonly ca?: string | readonly string[];
  /**
   * 48 secret random bytes that seal session tickets. Processes with the same ones resume each other's sessions. Default:
   * random ones of this process, and of all children of `forkServiceLoop`. Who knows them reads recorded TLS 1.2: change them
   * every day, by `setSecureContext`.
   */
  readonly ticketKeys?: Uint8Array;
  /**
   * Answer HTTP that comes to this port without TLS: requests with 308 to `https:`, upgrades with 400. False drops
   * such connections. Default true.
   */
  readonly redirect?: boolean;
}
