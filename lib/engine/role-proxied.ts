import type { WsiState } from "../api/wsi.ts";
import { ProxyHeaderReader } from "../http/proxy-protocol.ts";
import type { Connection } from "./connection.ts";
import type { Piece, Role } from "./role.ts";

const NO_PIECE: Piece = Object.freeze({ remaining: 0, first: true, final: true, binary: true });

/**
 * A connection whose proxy has still to say whose it is: nobody has heard of it yet, and it speaks HTTP as soon as the
 * header of the PROXY protocol is there. One that says anything else, or nothing in time, is dropped without a byte.
 */
export class RoleProxied implements Role {
  readonly state: WsiState = "HTTP";
  readonly held = false;
  readonly bufferedAmount = 0;
  readonly piece = NO_PIECE;
  readonly #connection: Connection;
  readonly #reader = new ProxyHeaderReader();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  onBytes(buffer: Buffer, start: number, end: number): void {
    const reader = this.#reader;
    const at = reader.feed(buffer, start, end);
    if (reader.fault !== undefined) return this.#drop(reader.fault);
    if (reader.result === undefined) return;
    const connection = this.#connection;
    if (!connection.host.introduce(connection, reader.result)) return connection.link.destroy();
    if (at < end && connection.link.writable) connection.role.onBytes(buffer, at, end);
  }

  #drop(why: string): void {
    const { host, link } = this.#connection;
    host.logger.debug(`a connection from ${link.remoteAddress} was dropped: ${why}`);
    link.destroy();
  }

  onDeadline(): void {
    this.#drop("its PROXY header did not come in time");
  }

  onEnd(): void {
    this.#connection.link.destroy();
  }

  onClose(): void {
    this.#connection.gone();
  }

  drain(): void {
    this.#connection.link.destroy();
  }

  terminate(): void {
    this.#connection.link.destroy();
  }

  close(): void {
    this.#connection.link.destroy();
  }

  /** FILTER_NETWORK_CONNECTION has ended otherwise than by going on, after its promise. */
  refused(): void {
    this.#connection.link.destroy();
  }

  write(): number {
    return -1;
  }

  onWritable(): void {}
  callbackOnWritable(): void {}
  rxFlowControl(): void {}
}
