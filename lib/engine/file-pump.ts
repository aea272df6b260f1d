import { FileReader, type OpenFile } from "../serve/source.ts";
import type { Connection } from "./connection.ts";
import type { Reply } from "./reply.ts";

/** Pieces that one file may send in a row before others have their turn: 1 MiB. */
const PIECES_A_TURN = 16;

/**
 * Sends a file as a reply, a piece at a time, and only as fast as the peer takes it: what waits in memory is never
 * more than one turn's pieces. The descriptor is closed whatever happens.
 */
export class FilePump {
  readonly #connection: Connection;
  readonly #reply: Reply;
  readonly #reader: FileReader;
  readonly #done: () => void;

  /** @param done - Told once, when the file is sent whole. */
  constructor(connection: Connection, reply: Reply, file: OpenFile, done: () => void) {
    this.#connection = connection;
    this.#reply = reply;
    this.#reader = new FileReader(file.handle, 0, file.size);
    this.#done = done;
  }

  /** Sends the head and the first pieces. */
  start(file: OpenFile): void {
    this.#reply.begin(200, headersOf(file), file.size);
    if (!this.#reply.bodiless) return this.go();
    this.#reply.write("", true);
    this.#finish();
  }

  /** Sends what the link takes now. */
  go(): void {
    const { link } = this.#connection;
    for (let pieces = 0; pieces < PIECES_A_TURN && !link.choked; pieces++) {
      const size = this.#reader.read();
      if (size === 0) return this.#readOut();
      const last = this.#reader.remaining === 0;
      this.#reply.write(this.#reader.piece.subarray(0, size), last);
      if (last) return this.#finish();
    }
    link.requestWritable();
  }

  /** The connection ends: the file is closed, and nobody is told. */
  cancel(): void {
    this.#reader.close();
  }

  #readOut(): void {
    if (this.#reader.truncated) {
      // More was promised than is there now; only the end of the connection tells the peer so.
      this.#reader.close();
      return this.#connection.link.destroy();
    }
    this.#reply.write("", true);
    this.#finish();
  }

  #finish(): void {
    this.#reader.close();
    this.#done();
  }
}

function headersOf(file: OpenFile): Record<string, string> {
  return { "content-type": file.contentType, "last-modified": new Date(file.mtime).toUTCString() };
}
