import { Readable } from "node:stream";
import type { BodyFlow, BodyTaker, Serving } from "./serving.ts";

/** Bytes that wait for a slow reader before the client is stalled; one read of the loop may come on top of them. */
const HIGH_WATER = 65_536;

/**
 * A request's body as a Readable. A reader that does not read stalls the client by TCP. Destroyed with an error when
 * the body ends before its time; when the reader destroys it, the rest of the body is dropped.
 */
export class BodyStream extends Readable implements BodyTaker {
  readonly #flow: BodyFlow;
  #wanted = true;

  constructor(serving: Serving) {
    super({ highWaterMark: HIGH_WATER });
    // A client that goes away while nobody listens yet ends no server.
    this.on("error", () => {});
    this.#flow = serving.takeBody(this);
  }

  onBody(bytes: Buffer): boolean {
    this.#wanted = false;
    // A reader that flows asks for more from within `push`, and not again.
    return this.push(Buffer.from(bytes)) || this.#wanted;
  }

  onBodyEnd(): void {
    this.push(null);
  }

  onBodyFailed(error: Error): void {
    this.destroy(error);
  }

  override _read(): void {
    this.#wanted = true;
    this.#flow.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#flow.leave();
    done(error);
  }
}
