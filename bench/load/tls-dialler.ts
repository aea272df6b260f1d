import { connect, type TLSSocket } from "node:tls";
import type { ConnectOptions, Loop, OnLink } from "../../lib/loop/loop.ts";
import type { Handshake } from "../cases.ts";

/** Connects over TLS by Node's own client, which can resume a session, and has the loop adopt what is open. */
export class TlsDialler {
  readonly #loop: Loop;
  readonly #handshake: Handshake;
  /** Of the first connection, for all others to resume. */
  #session: Buffer | undefined;

  constructor(loop: Loop, handshake: Handshake) {
    this.#loop = loop;
    this.#handshake = handshake;
  }

  /** A connection that should have resumed a session and has not is a failure. */
  dial({ host, port = 0, timeout }: ConnectOptions, onLink: OnLink, onError: (error: Error) => void): void {
    const session = this.#session;
    const socket: TLSSocket = connect({
      host,
      port,
      timeout,
      rejectUnauthorized: false,
      ...(session !== undefined && { session }),
    });
    const fail = (error: Error) => {
      socket.destroy();
      onError(error);
    };
    socket.once("error", fail);
    if (this.#handshake === "resumed") socket.once("session", (ticket) => (this.#session ??= ticket));
    socket.once("secureConnect", () => {
      socket.off("error", fail);
      if (session !== undefined && !socket.isSessionReused()) fail(new Error("the session was not resumed"));
      else this.#loop.adopt(socket, undefined, onLink);
    });
  }
}
