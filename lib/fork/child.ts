import { isMainThread } from "node:worker_threads";
import type { SslOptions } from "../api/tls.ts";
import { errorCode } from "../base/errors.ts";
import { type Errand, takeErrand } from "./errand.ts";
import { type FromChild, type FromParent, fromParent } from "./messages.ts";
import { type LoadCertificates, Renewal } from "./renewal.ts";

/** How long a child's program may go on when its context has ended, and its context when it ought to have. */
const GRACE_MS = 5000;

/** What a child ends. */
interface Ending {
  destroy(options?: { spread?: number }): Promise<void>;
}

/**
 * This process as somebody's child. It serves its errand until its context is destroyed: by its own program, on the
 * parent's word, or because the parent is gone.
 *
 * A ^C in the terminal reaches the whole group of processes; that is left to the parent, which drains its children.
 */
export class Child {
  readonly errand: Errand;
  /** What TLS to speak; null for none. */
  readonly ssl: Promise<SslOptions | null>;
  #started: (ssl: SslOptions | null) => void = () => {};
  readonly #contexts = new Set<Ending>();
  #drainMs = 0;
  #serving = false;
  #renewal: Renewal | null = null;

  constructor(errand: Errand) {
    this.errand = errand;
    process.on("disconnect", () => this.#end());
    this.ssl = new Promise((resolve) => {
      this.#started = resolve;
    });
    process.on("message", (message) => {
      const told = fromParent(message);
      if (told !== undefined) this.#heard(told);
    });
    process.on("uncaughtExceptionMonitor", (error) => this.failed(error));
    process.on("SIGINT", () => {});
    if (!process.connected) this.#end();
  }

  /**
   * A context of the program, to be destroyed with the others.
   *
   * @param drainMs - What it waits for its sessions then.
   */
  add(context: Ending, drainMs: number): void {
    this.#contexts.add(context);
    this.#drainMs = Math.max(this.#drainMs, drainMs);
  }

  /** @param load - Loads other certificates when the parent has them. */
  serving(load: LoadCertificates): void {
    this.#serving = true;
    this.#renewal = new Renewal(load, (answer) => this.#tell(answer));
    this.#tell({ sluice: "serving" });
  }

  /** Tells the parent why this process is about to end, as far as it has not served yet. */
  failed(error: unknown): void {
    if (this.#serving) return;
    const code = errorCode(error);
    const text = error instanceof Error ? error.message : String(error);
    this.#tell({ sluice: "failed", reason: code === "" || text.includes(code) ? text : `${code}: ${text}` });
  }

  /** The context has ended, and with it the errand: the program may do its last, but not stay. */
  done(): void {
    exitWithin(GRACE_MS);
  }

  #heard(message: FromParent): void {
    if (message.sluice === "start") this.#start(message.ssl);
    else if (message.sluice === "drain") this.#end(message.spread);
    else this.#renewal?.asked(message);
  }

  #start(ssl: SslOptions | null): void {
    this.#started(ssl);
    // From now on, listening to the parent keeps no process whose work is done.
    process.channel?.unref();
  }

  #tell(message: FromChild): void {
    // A parent that has gone just now is heard of as "disconnect".
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  }

  #end(spread = 0): void {
    // Nobody's session is lost while nothing is served.
    if (!this.#serving) process.exit();
    for (const context of this.#contexts) void context.destroy({ spread });
    exitWithin(spread + this.#drainMs + GRACE_MS);
  }
}

/** Does not keep a process that ends by itself before. */
function exitWithin(ms: number): void {
  setTimeout(() => process.exit(), ms).unref();
}

/**
 * What this process was forked for; null in one that forkServiceLoop has not started. Known as soon as the module is
 * loaded: a program may fail before it has made a context, and its parent may be gone.
 */
export const thisChild: Child | null = asChild();

function asChild(): Child | null {
  const errand = isMainThread ? takeErrand(process.env) : null;
  return errand === null ? null : new Child(errand);
}
