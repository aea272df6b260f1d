import type { SslOptions } from "../api/tls.ts";
import { errorCode } from "../base/errors.ts";
import type { FromChild, FromParent } from "./messages.ts";

/** What has certificates loaded, and resolves with what has them used. */
export type LoadCertificates = (ssl: SslOptions) => Promise<() => void>;

/** A child's side of a change of certificates: does what the parent asks, one after the other, and answers. */
export class Renewal {
  readonly #load: LoadCertificates;
  readonly #tell: (message: FromChild) => void;
  #before: Promise<void> = Promise.resolve();
  #use: (() => void) | null = null;

  constructor(load: LoadCertificates, tell: (message: FromChild) => void) {
    this.#load = load;
    this.#tell = tell;
  }

  asked(question: Extract<FromParent, { number: number }>): void {
    const { number } = question;
    this.#before = this.#before
      .then(() => this.#do(question))
      .then(() => this.#tell({ sluice: "answer", number }))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        this.#tell({ sluice: "answer", number, refusal: { code: errorCode(error), message } });
      });
  }

  async #do(question: Extract<FromParent, { number: number }>): Promise<void> {
    const use = this.#use;
    this.#use = null;
    if (question.sluice === "load") this.#use = await this.#load(question.ssl);
    else if (use === null) throw new Error("no certificates were loaded");
    else use();
  }
}
