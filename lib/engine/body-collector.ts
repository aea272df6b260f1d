import type { ReadBodyOptions } from "../api/bodies.ts";
import { HttpError } from "../api/http-error.ts";
import type { BodyFlow, BodyTaker, Serving } from "./serving.ts";

/** What is held of a body where nobody says otherwise. */
const DEFAULT_MAX = 1_048_576;
const FIRST_ROOM = 4096;

/**
 * Collects the rest of a request's body. Rejects as `wsi.readBody` says.
 *
 * @throws TypeError for a `maxLength` that is no number of bytes.
 */
export function collectBody(serving: Serving, options: ReadBodyOptions = {}): Promise<Buffer> {
  const {
    maxLength = Math.min(DEFAULT_MAX, serving.connection.host.settings.httpLimits.maxBodyBytes),
    signal,
  } = options;
  if (!Number.isSafeInteger(maxLength) || maxLength < 0) {
    throw new TypeError(`maxLength is a number of bytes, not ${String(maxLength)}`);
  }
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const collector = new BodyCollector(serving, maxLength, resolve, reject);
    collector.begin(signal);
  });
}

/** Gathers pieces in one buffer that grows with them: what a client announces, it has to send before it costs memory. */
class BodyCollector implements BodyTaker {
  readonly #serving: Serving;
  readonly #maxLength: number;
  readonly #resolve: (body: Buffer) => void;
  readonly #reject: (error: unknown) => void;
  #flow: BodyFlow | null = null;
  #signal: AbortSignal | undefined;
  #room: Buffer = Buffer.alloc(0);
  #size = 0;

  constructor(
    serving: Serving,
    maxLength: number,
    resolve: (body: Buffer) => void,
    reject: (error: unknown) => void,
  ) {
    this.#serving = serving;
    this.#maxLength = maxLength;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(signal: AbortSignal | undefined): void {
    // What is announced to be too much is not asked for.
    if (this.#serving.head.contentLength > this.#maxLength) return this.#reject(this.#tooLarge());
    this.#flow = this.#serving.takeBody(this);
    this.#signal = signal;
    signal?.addEventListener("abort", this.#aborted);
  }

  onBody(bytes: Buffer): boolean {
    if (this.#size + bytes.length > this.#maxLength) {
      this.#tooLarge();
      return true;
    }
    this.#grow(this.#size + bytes.length);
    this.#size += bytes.copy(this.#room, this.#size);
    return true;
  }

  onBodyEnd(): void {
    this.#over();
    this.#resolve(this.#room.subarray(0, this.#size));
  }

  onBodyFailed(error: Error): void {
    this.#over();
    this.#reject(error);
  }

  readonly #aborted = (): void => {
    const { reason } = this.#signal!;
    this.#over();
    this.#flow!.leave();
    this.#reject(reason);
  };

  /** The request is over with that, which `onBodyFailed` tells of a body that was taken. */
  #tooLarge(): HttpError {
    const error = new HttpError(413, "the body is too large", { code: "ERR_BODY_TOO_LARGE" });
    this.#serving.fail(error);
    return error;
  }

  #over(): void {
    this.#signal?.removeEventListener("abort", this.#aborted);
  }

  #grow(size: number): void {
    if (size <= this.#room.length) return;
    const { contentLength } = this.#serving.head;
    const wanted = Math.max(size, Math.min(2 * size, contentLength || FIRST_ROOM + size));
    const room = Buffer.allocUnsafeSlow(wanted);
    this.#room.copy(room, 0, 0, this.#size);
    this.#room = room;
  }
}
