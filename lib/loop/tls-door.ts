import { constants, createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, createServer, type SecureContext, type Server, type TLSSocket } from "node:tls";
import { monotonicMs } from "../base/clock.ts";
import type { Identity, ServerTls } from "./loop.ts";

/** Milliseconds for a TLS handshake when the options name none. */
export const HANDSHAKE_TIMEOUT = 10_000;
/** Handshakes of a listener that may be under way; each holds buffers of OpenSSL's. */
export const MAX_HANDSHAKES = 4096;
/** When there are that many, one that is older than this makes room for another: most likely it has no end. */
export const PATIENCE_MS = 1000;
/** The type of a TLS record that is a part of a handshake, and so the first byte of everybody who speaks TLS. */
export const HANDSHAKE_RECORD = 22;
/** What is spoken inside of TLS, by its name in ALPN (RFC 7301). Who offers only others is refused with an alert. */
const PROTOCOLS = ["http/1.1"];

/** Of all listeners of this process that are given none: certificates change, sessions go on. */
const ownTicketKeys = randomBytes(48);

/** Who is told of connections that a door lets in. */
export interface DoorHost {
  /** The handshake is done; or the peer speaks without TLS, and may. */
  enter(socket: Socket): void;
  /** A handshake has failed. */
  refused(error: Error, address: string): void;
}

/**
 * Where connections begin to speak TLS: sockets in, those whose handshake is done out.
 *
 * ```
 *   take ─► first byte ─► handshake ─► enter          the first byte is looked at only where plain peers are let in
 *                └─► plain ─────────────► enter
 * ```
 *
 * The server of node:tls in it never listens itself, it is handed the sockets. So other certificates are another server,
 * and handshakes that are under way end as they began.
 */
export class TlsDoor {
  readonly #host: DoorHost;
  readonly #timeout: number;
  /** Those that are not in yet, in their order, with when they came. */
  readonly #waiting = new Map<Socket, number>();
  #allowPlain = false;
  /** Rings when the time of the one that waits longest is over. */
  #alarm: NodeJS.Timeout | undefined;
  #server: Server;

  /** @throws Error for certificates that do not load. */
  constructor(tls: ServerTls, host: DoorHost, timeout = HANDSHAKE_TIMEOUT) {
    this.#host = host;
    this.#timeout = timeout;
    this.#server = this.#open(tls);
  }

  /** Others get to see these certificates from now on. Throws, and keeps the old ones, where they do not load. */
  set(tls: ServerTls): void {
    this.#server = this.#open(tls);
  }

  #open(tls: ServerTls): Server {
    const server = createServer({
      ...contextOptions(tls, tls),
      // Asking costs each handshake a turn.
      ...(tls.sni !== undefined && { SNICallback: serverNames(tls) }),
      ALPNProtocols: PROTOCOLS,
      requestCert: tls.requestCert === true,
      rejectUnauthorized: tls.rejectUnauthorized !== false,
      ticketKeys: Buffer.from(tls.ticketKeys ?? ownTicketKeys),
      // OpenSSL takes 32 bytes, Node text.
      sessionIdContext: clientRules(tls).toString("hex", 0, 16),
      handshakeTimeout: this.#timeout,
    });
    server.on("secureConnection", (socket) => this.#secured(socket));
    server.on("tlsClientError", (error, socket) => {
      this.#host.refused(error, socket.remoteAddress ?? "");
      // Node drops a client that talks nonsense, but leaves one whose time is over to us.
      socket.destroy();
    });
    this.#allowPlain = tls.allowPlain === true;
    return server;
  }

  take(socket: Socket): void {
    if (!this.#makeRoom()) return void socket.destroy();
    this.#waiting.set(socket, monotonicMs());
    socket.on("error", ignore);
    socket.once("close", () => this.#waiting.delete(socket));
    // Who ends in the handshake has ended; a link allows for half of it, as soon as there is one.
    socket.allowHalfOpen = false;
    this.#alarm ??= this.#alarmIn(this.#timeout);
    if (this.#allowPlain) this.#peek(socket);
    else this.#server.emit("connection", socket);
  }

  #makeRoom(): boolean {
    if (this.#waiting.size < MAX_HANDSHAKES) return true;
    const [[oldest, since]] = this.#waiting as unknown as [[Socket, number]];
    if (monotonicMs() - since < PATIENCE_MS) return false;
    this.#waiting.delete(oldest);
    oldest.destroy();
    return true;
  }

  #alarmIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#dropLate(), ms).unref();
  }

  /** One time limit for the whole handshake: Node's own begins anew with each byte. */
  #dropLate(): void {
    this.#alarm = undefined;
    const now = monotonicMs();
    for (const [socket, since] of this.#waiting) {
      const left = since + this.#timeout - now;
      if (left > 0) {
        this.#alarm = this.#alarmIn(left);
        return;
      }
      socket.destroy();
    }
  }

  /** Looks at the first byte, and gives it back. */
  #peek(socket: Socket): void {
    const onEnd = () => socket.destroy();
    socket.once("end", onEnd);
    socket.once("data", (bytes: Buffer) => {
      socket.off("end", onEnd).pause();
      socket.unshift(bytes);
      if (bytes[0] === HANDSHAKE_RECORD) return void this.#server.emit("connection", socket);
      this.#waiting.delete(socket);
      socket.off("error", ignore);
      this.#host.enter(socket);
      socket.resume();
    });
  }

  #secured(socket: TLSSocket): void {
    const raw = (socket as { _parent?: Socket })._parent;
    if (raw !== undefined) {
      this.#waiting.delete(raw);
      raw.allowHalfOpen = true;
    }
    this.#host.enter(socket);
  }

  /** Drops all who are not in yet. */
  close(): void {
    clearTimeout(this.#alarm);
    for (const socket of this.#waiting.keys()) socket.destroy();
  }
}

function ignore(): void {}

function contextOptions(tls: ServerTls, { cert, key, passphrase }: Identity) {
  return {
    cert,
    key,
    ...(passphrase !== undefined && { passphrase }),
    ...(tls.ciphers !== undefined && { ciphers: tls.ciphers }),
    minVersion: tls.minVersion ?? ("TLSv1.2" as const),
    honorCipherOrder: true,
    // Without any, Node would believe those of the web, who vouch for everybody.
    ca: [...(tls.ca ?? [])],
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_CIPHER_SERVER_PREFERENCE,
  };
}

type SniCallback = (name: string, done: (error: Error | null, context?: SecureContext) => void) => void;

/** By the whole name, then by all but its first label. */
function serverNames(tls: ServerTls): SniCallback {
  const contexts = new Map<string, SecureContext>();
  for (const [name, identity] of Object.entries(tls.sni ?? {}))
    contexts.set(name, createSecureContext(contextOptions(tls, identity)));
  return (asked, done) => {
    const name = asked.toLowerCase();
    const any = `*${name.slice(name.indexOf("."))}`;
    done(null, contexts.get(name) ?? contexts.get(any));
  };
}

/** By which clients are believed, as 32 bytes: a session is resumed only under those that it was begun by. */
export function clientRules({ requestCert, rejectUnauthorized, ca }: ServerTls): Buffer {
  const rules = JSON.stringify([requestCert === true, rejectUnauthorized !== false, ca ?? []]);
  return createHash("sha256").update(rules).digest();
}
