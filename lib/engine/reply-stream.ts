import { Writable } from "node:stream";
import { WriteProtocol } from "../api/reasons.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { checkHeaders } from "../http/outgoing.ts";
import { statusHasBody } from "../http/response.ts";
import { abortError, type ReplySource, type Serving } from "./serving.ts";

type Done = (error?: Error | null) => void;

/**
 * A reply as a Writable. Its head goes out with the first bytes, so that a source which fails before it gave any can
 * still be answered with an error; one that fails later has the connection dropped, for a body that is cut short must
 * not look whole.
 */
export class ReplyStream extends Writable implements ReplySource {
  readonly #serving: Serving;
  readonly #status: number;
  readonly #headers: OutgoingHeaders | undefined;
  #state: "NEW" | "BEGUN" | "DONE" = "NEW";
  /** A write that waits until the peer has taken what is queued. */
  #waiting: Done | null = null;

  /** @throws Error ERR_REPLIED when the request has a reply; RangeError and TypeError for what cannot be sent as its head. */
  constructor(serving: Serving, status: number, headers: OutgoingHeaders | undefined) {
    super({ highWaterMark: 65_536 });
    // The head goes out later, when nobody could be told.
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new RangeError(`a reply takes a status of 200 to 599, not ${status}`);
    }
    checkHeaders(headers ?? {});
    this.#serving = serving;
    this.#status = status;
    this.#headers = headers;
    // A client that goes away while nobody listens yet ends no server.
    this.on("error", () => {});
    serving.attach(this);
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    const failed = this.#send(chunk, WriteProtocol.HTTP);
    if (failed !== null || !this.#serving.connection.link.choked || this.#state === "DONE")
      return done(failed);
    this.#waiting = done;
    this.#serving.connection.link.requestWritable();
  }

  override _final(done: Done): void {
    const failed = this.#send("", WriteProtocol.HTTP_FINAL);
    if (failed === null) this.#state = "DONE";
    done(failed);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#waiting = null;
    if (this.#state === "BEGUN") this.#serving.connection.link.destroy();
    else if (this.#state === "NEW") this.#serving.detach(this);
    this.#state = "DONE";
    done(error);
  }

  onWritable(): void {
    const waiting = this.#waiting;
    this.#waiting = null;
    waiting?.();
  }

  onLast(): void {}

  onOver(): void {
    if (this.#state === "DONE") return;
    this.#state = "DONE";
    this.destroy(goneError());
  }

  #send(data: Buffer | string, mode: number): Error | null {
    try {
      if (this.#state === "NEW") this.#begin();
      // A status without a body is sent by now, and whatever is written besides is nothing.
      if (this.#state === "DONE") return null;
      const last = mode === WriteProtocol.HTTP_FINAL;
      if (last) this.#state = "DONE";
      return this.#serving.write(data, mode) < 0 ? goneError() : null;
    } catch (error) {
      return error as Error;
    }
  }

  #begin(): void {
    const bodiless = !statusHasBody(this.#status);
    if (bodiless) this.#state = "DONE";
    try {
      this.#serving.writeHttpHeaders(this.#status, this.#headers);
    } catch (error) {
      this.#state = "NEW";
      throw error;
    }
    if (!bodiless) this.#state = "BEGUN";
  }
}

function goneError(): Error {
  return abortError("ECONNRESET", "the connection ended before the reply did");
}
