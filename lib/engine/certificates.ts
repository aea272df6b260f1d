import type { SslOptions } from "../api/tls.ts";
import type { Listener, ServerTls } from "../loop/loop.ts";
import { checkSsl, resolveSsl } from "./tls-options.ts";

/**
 * Reads what the options name, and finds out whether it fits together.
 *
 * @throws Error (as a rejection) that names the option, the file and what is wrong.
 */
export type LoadTls = (ssl: SslOptions) => Promise<ServerTls>;

/** The certificates of a context, which may change while it runs. */
export class Certificates {
  #ssl: SslOptions;
  readonly #load: LoadTls;
  /** Changes are made one after the other. */
  #before: Promise<void> = Promise.resolve();

  constructor(ssl: SslOptions, load: LoadTls) {
    this.#ssl = ssl;
    this.#load = load;
  }

  load(): Promise<ServerTls> {
    return this.#load(this.#ssl);
  }

  /** Reads everything again, with some options changed, for all who connect from now on. Changes nothing when it rejects. */
  change(listener: Listener, changes: Partial<SslOptions>): Promise<void> {
    const change = this.#before.then(() => this.#change(listener, changes));
    this.#before = change.catch(() => {});
    return change;
  }

  async #change(listener: Listener, changes: Partial<SslOptions>): Promise<void> {
    const ssl = { ...this.#ssl, ...changes };
    checkSsl(ssl, "ssl");
    const resolved = resolveSsl(ssl);
    listener.setTls!(await this.#load(resolved));
    this.#ssl = resolved;
  }
}
