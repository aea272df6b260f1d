import { Connection } from "./connection.ts";
import { WsError } from "./errors.ts";

/** The connection in a storage, whether it is in use or not. */
let connectionIn: (storage: WsStorage) => Connection;

/**
 * What a socket is made of, made by the caller and used again from one connection to the next: parser, buffers,
 * listeners. It is in use from attach until `hclose`, `detach` or a failed attach. libdill's `ws_storage`; unless
 * connections come and go by the thousands, attach without it.
 */
export class WsStorage {
  readonly #connection = new Connection();

  static {
    connectionIn = (storage) => storage.#connection;
  }

  /** True while a socket is made of it. */
  get inUse(): boolean {
    return this.#connection.inUse;
  }
}

/** @throws EBUSY while it is in use. */
export function takeStorage(storage: WsStorage): Connection {
  const connection = connectionIn(storage);
  if (connection.inUse) throw new WsError("EBUSY", "the storage is in use");
  return connection;
}
