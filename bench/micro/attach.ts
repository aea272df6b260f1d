import { Duplex } from "node:stream";
import { WS_NOHTTP, WsStorage, wsAttachServer, wsAttachServerMem } from "../../lib/stream/index.ts";

/** An empty Close of a client's: final, opcode 8, masked with a key of zeros (RFC 6455 section 5.2). */
const CLOSE = Buffer.from([0x88, 0x80, 0, 0, 0, 0]);

/** A stream that brings a Close whenever it is asked, and swallows what is written. */
class ClosingStream extends Duplex {
  override _read(): void {
    this.push(CLOSE);
  }
  override _write(_chunk: unknown, _encoding: string, callback: () => void): void {
    callback();
  }
}

export interface AttachSubject {
  name: string;
  call(): Promise<unknown>;
}

/** What the stream itself takes for the same bytes. */
export function controlSubject(): AttachSubject {
  const stream = new ClosingStream();
  const answer = Buffer.from([0x88, 0x00]);
  return {
    name: "the stream alone",
    call: async () => {
      stream.read();
      stream.write(answer);
    },
  };
}

/** A stream that is attached to and detached from, again and again: with a storage of the caller's, or without. */
export function attachSubject(stored: boolean): AttachSubject {
  const stream = new ClosingStream();
  const options = { flags: WS_NOHTTP, storage: new WsStorage() };
  const attach = stored ? wsAttachServerMem : wsAttachServer;
  return {
    name: stored ? "attach and detach, in a storage" : "attach and detach",
    call: async () => (await attach(stream, options)).detach(),
  };
}
