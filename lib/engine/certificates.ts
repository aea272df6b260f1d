import type { SslOptions } from "../api/tls.ts";
import type { Listener, ServerTls } from "../loop/loop.ts";
import { checkSsl, resolveSsl } from "./tls-options.ts";

/**
 * Reads what the options name, and finds out whether it fits together.
 *
 * @throws Error (as a rejection) that names the option, the file and what is wrong.
 */
export type LoadTls = (ssl: SslOptions) => Promise<ServerTls>;

/** Has what was loaded used; resolves when it is. */
export type Use = () => Promise<void>;

/** Those who serve the port in place of this process. */
export interface Others {
  /**
   * Has them all read what these options name, and go on with what they have. Resolves with null when there is nobody.
   *
   * @throws Error (as a rejection) of one that cannot.
   */
  load(ssl: SslOptions): Promise<Use | null>;
}

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

  /** The options as they are by now. */
  get options(): SslOptions {
    return this.#ssl;
  }

  load(): Promise<ServerTls> {
    return this.#load(this.#ssl);
  }

  /** Reads what other options name. The function that this resolves with has them used. */
  async prepare(listener: Listener, ssl: SslOptions): Promise<() => void> {
    const tls = await this.#load(ssl);
    return () => {
      listener.setTls!(tls);
      this.#ssl = ssl;
    };
  }

  /** Reads everything again, with some options changed, for all who connect from now on. Changes nothing when it rejects. */
  change(listener: Listener, changes: Partial<SslOptions>, others: Others): Promise<void> {
    const change = this.#before.then(() => this.#change(listener, changes, others));
    this.#before = change.catch(() => {});
    return change;
  }

  async #change(listener: Listener, changes: Partial<SslOptions>, others: Others): Promise<void> {
    const ssl = { ...this.#ssl, ...changes };
    checkSsl(ssl, "ssl");
    const resolved = resolveSsl(ssl);
    const useHere = await this.prepare(listener, resolved);
    const useThere = await others.load(resolved);
    if (useThere === null) return useHere();
    // This process listens no more.
    this.#ssl = resolved;
    await useThere();
  }
}
