import { isIP, connect as netConnect, type Socket } from "node:net";
import { type ConnectionOptions, connect as tlsConnect } from "node:tls";
import { codedError } from "../base/errors.ts";
import type { Timed } from "../base/timers.ts";
import { resolveName } from "./addresses.ts";
import { Race } from "./connect-race.ts";
import type { ConnectOptions, ConnectTls, OnLink, Prelude } from "./loop.ts";
import type { ListenHost } from "./node-listen.ts";
import { isPem, readPem } from "./pem.ts";

/**
 * An attempt to connect. It tells `onLink` or `onError`, whichever comes first, or nothing once it is given up.
 *
 * ```
 *   resolve ─► race ─► prelude ─► TLS ─► a turn ─► onLink          prelude and TLS only where they are asked for
 * ```
 */
export class Connector implements Timed {
  deadline = 0;
  timerSlot = -1;
  readonly #host: ListenHost;
  readonly #options: ConnectOptions;
  readonly #onLink: OnLink;
  readonly #onError: (error: Error) => void;
  readonly #onDone: (connector: Connector) => void;
  readonly #race: Race<Socket>;
  /** Gives up to resolve the name. */
  #forget: () => void = () => {};
  /** The one that has won the race; undefined before. */
  #socket: Socket | undefined;
  /** With certificates and keys as text. */
  #tls: ConnectTls | undefined;
  #done = false;
  #failure: Error | undefined;

  constructor(
    host: ListenHost,
    options: ConnectOptions,
    onLink: OnLink,
    onError: (error: Error) => void,
    onDone: (connector: Connector) => void,
  ) {
    this.#host = host;
    this.#options = options;
    this.#onLink = onLink;
    this.#onError = onError;
    this.#onDone = onDone;
    this.#race = new Race(host.timers, (address) => this.#dial(address), this.fail);
    host.timers.set(this, host.touch() + options.timeout);
    if (options.tls === undefined) this.#begin(undefined);
    else void readPems(options.tls).then((tls) => this.#begin(tls), this.fail);
  }

  /** Ends the attempt: `onError` hears of it in a coming turn. */
  readonly fail = (error: Error): void => {
    if (this.#over) return;
    this.#failure = error;
    this.#drop();
    this.#host.soon(this);
  };

  /** Ends the attempt: nobody hears of it. */
  readonly giveUp = (): void => {
    if (this.#settle()) this.#drop();
  };

  #drop(): void {
    this.#forget();
    this.#race.stop();
    this.#socket?.destroy();
  }

  get #over(): boolean {
    return this.#done || this.#failure !== undefined;
  }

  #begin(tls: ConnectTls | undefined): void {
    if (this.#over) return;
    this.#tls = tls;
    const { path, host = "localhost" } = this.#options;
    if (path !== undefined || isIP(host)) return this.#race.run([path ?? host]);
    this.#forget = resolveName(host, (error, addresses) => {
      if (error === null) this.#race.run(addresses);
      else this.fail(error);
    });
  }

  #dial(address: string): Socket {
    const { path, port = 0 } = this.#options;
    const where = path === undefined ? { host: address, port } : { path };
    const socket = netConnect({ ...where, allowHalfOpen: true, noDelay: true });
    socket.on("error", (error) => this.#race.failed(socket, error));
    socket.once("connect", () => {
      this.#race.won(socket);
      this.#connected(socket);
    });
    return socket;
  }

  #connected(socket: Socket): void {
    this.#watch(socket);
    const { prelude } = this.#options;
    const next = () => this.#secure(socket, this.#tls);
    if (prelude === undefined) next();
    else speak(socket, prelude, next, this.fail);
  }

  #secure(socket: Socket, tls: ConnectTls | undefined): void {
    if (tls === undefined) {
      this.#open(socket);
      // The prelude has paused it, and who listens now cannot know.
      return void (this.#options.prelude && socket.resume());
    }
    try {
      const secure = tlsConnect(secureOptions(socket, tls, this.#options.host));
      this.#watch(secure);
      secure.once("secureConnect", () => this.#open(secure));
    } catch (error) {
      this.fail(error as Error);
    }
  }

  #watch(socket: Socket): void {
    this.#socket = socket;
    socket.on("error", this.fail);
    socket.once("close", this.#cut);
  }

  readonly #cut = (): void =>
    this.fail(codedError("ECONNRESET", "the connection was cut before it was open"));

  #open(socket: Socket): void {
    if (this.#over) return;
    // The attempt can be given up, or run out of time, until a turn tells of the link.
    this.#host.welcome(socket, (link) => {
      if (!this.#settle()) return null;
      return this.#onLink(link);
    });
  }

  runSoon(): void {
    if (this.#settle()) this.#onError(this.#failure!);
  }

  onDeadline(): void {
    if (this.#done) return;
    this.#failure ??= codedError("ETIMEDOUT", `no connection within ${this.#options.timeout} ms`);
    this.#drop();
    this.runSoon();
  }

  /** True for the first that asks: the outcome is its own. */
  #settle(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#host.timers.clear(this);
    this.#socket?.off("close", this.#cut);
    this.#onDone(this);
    return true;
  }
}

/** Asks, and goes on when the answer is there. What came behind it is for whoever comes next. */
function speak(socket: Socket, prelude: Prelude, next: () => void, fail: (error: Error) => void): void {
  const onEnd = () => fail(codedError("ECONNRESET", "the connection was ended before it was open"));
  const onData = (bytes: Buffer) => {
    try {
      const behind = prelude.hear(bytes);
      if (behind === -1) return;
      socket.off("data", onData).off("end", onEnd).pause();
      if (behind < bytes.length) socket.unshift(bytes.subarray(behind));
      next();
    } catch (error) {
      fail(error as Error);
    }
  };
  socket.on("data", onData).once("end", onEnd);
  socket.write(prelude.ask);
}

/** What Node knows too, and its types do not. */
type SecureOptions = ConnectionOptions & { allowHalfOpen: boolean };

/** An address is checked against the certificate as `host`: it is no name that SNI could ask for. */
function secureOptions(
  socket: Socket,
  { ca, servername, ...rest }: ConnectTls,
  asked = "localhost",
): SecureOptions {
  const host = servername ?? asked;
  const options: SecureOptions = { ...rest, socket, host, allowHalfOpen: true };
  if (!isIP(host)) options.servername = host;
  if (ca !== undefined) options.ca = [ca].flat();
  return options;
}

/** Whether something of it is not PEM text, but has to be read. */
export function namesFiles({ ca, cert, key }: ConnectTls): boolean {
  return [ca, cert, key].flat().some((source) => source !== undefined && !isPem(source));
}

/** Certificates and keys as PEM text, those that are given by a path too. */
export async function readPems(tls: ConnectTls): Promise<ConnectTls> {
  const read = { ...tls };
  if (tls.ca !== undefined) read.ca = await Promise.all([tls.ca].flat().map((ca) => readPem(ca, "ca")));
  if (tls.cert !== undefined) read.cert = await readPem(tls.cert, "cert");
  if (tls.key !== undefined) read.key = await readPem(tls.key, "key");
  return read;
}
