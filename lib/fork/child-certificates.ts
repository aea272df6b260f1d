import type { SslOptions } from "../api/tls.ts";
import type { FromParent } from "./messages.ts";
import { Questions } from "./questions.ts";

/** What the parent knows of the certificates of one child process, each known by the options that name them. */
export class ChildCertificates {
  readonly questions: Questions;
  #serving = false;
  #loaded: SslOptions | null;
  #used: SslOptions | null;

  /**
   * @param send - Hands a message to the child.
   * @param ssl - What it starts with.
   */
  constructor(send: (message: FromParent) => void, ssl: SslOptions | null) {
    this.questions = new Questions(send);
    this.#loaded = ssl;
    this.#used = ssl;
    send({ sluice: "start", ssl });
  }

  /** The child serves; until then it is asked nothing. These are the certificates that it ought to use by now. */
  async serving(ssl: SslOptions | null): Promise<void> {
    this.#serving = true;
    if (ssl !== null) await this.use(ssl);
  }

  /** Has the child read these, and go on with those that it has. Rejects with its reason where it cannot. */
  async load(ssl: SslOptions): Promise<void> {
    if (!this.#serving) return;
    await this.questions.ask({ sluice: "load", ssl });
    this.#loaded = ssl;
  }

  /** Has the child serve with these. */
  async use(ssl: SslOptions): Promise<void> {
    if (!this.#serving || this.#used === ssl) return;
    if (this.#loaded !== ssl) await this.load(ssl);
    this.#used = ssl;
    await this.questions.ask({ sluice: "use" });
  }
}
