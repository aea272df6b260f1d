import type { ForkedServiceLoop, ForkOptions } from "../api/fork.ts";
import type { SslOptions } from "../api/tls.ts";
import { codedError, errorCode } from "../base/errors.ts";
import type { Bus } from "../bus/bus.ts";
import { processBus } from "../bus/processes.ts";
import { type Child, thisChild } from "./child.ts";
import { type ParentContext, ParentForking, processesOf } from "./parent.ts";

/** What forking needs of its context. */
interface ForkableContext extends ParentContext {
  loadCertificates(ssl: SslOptions): Promise<() => void>;
  run(): Promise<void>;
  destroy(): Promise<void>;
}

/** Those settings that are others in a child. */
interface ForkSettings {
  readonly port: number;
  readonly path: string | undefined;
  readonly bus: Bus | undefined;
  readonly timeouts: { readonly drain: number };
}

/** How one context is forked, and what it is in a process that was forked. */
export interface ContextForking {
  /** The socket to listen on, in place of one's own. */
  readonly fd: number | undefined;
  /** Somebody has forked this process. */
  readonly isForked: boolean;
  adapt<Settings extends ForkSettings>(settings: Settings): Settings;
  /** What TLS to speak, in place of what the program says: its parent may have changed it since. */
  ssl(own: SslOptions | undefined): Promise<SslOptions | undefined>;
  /** The context is there, but nothing of it has happened yet. */
  made(context: ForkableContext): void;
  /** The context could not be made. */
  failed(error: unknown): void;
  fork(options: ForkOptions, context: ForkableContext): Promise<ForkedServiceLoop>;
  load(ssl: SslOptions): Promise<(() => Promise<void>) | null>;
  end(spread: number): Promise<void>;
}

/** A context of an ordinary process, which may become a parent. */
class FreeForking extends ParentForking implements ContextForking {
  readonly fd = undefined;
  readonly isForked = false;

  adapt<Settings>(settings: Settings): Settings {
    return settings;
  }
  async ssl(own: SslOptions | undefined): Promise<SslOptions | undefined> {
    return own;
  }
  made(): void {}
  failed(): void {}
}

/** A context of a child. */
class InChild {
  readonly isForked = true;
  readonly child: Child;

  constructor(child: Child) {
    this.child = child;
  }

  made(context: ForkableContext): void {
    this.child.add(context, context.settings.timeouts.drain);
  }

  failed(error: unknown): void {
    this.child.failed(error);
  }

  /** Nobody serves in place of a child. */
  async load(): Promise<null> {
    return null;
  }
}

/** The one that a child was forked for. */
class ChildForking extends InChild implements ContextForking {
  readonly fd: number;
  #called = false;
  #ended = () => {};
  readonly #untilEnd = new Promise<void>((resolve) => {
    this.#ended = resolve;
  });

  constructor(child: Child) {
    super(child);
    this.fd = child.errand.fd;
  }

  adapt<Settings extends ForkSettings>(settings: Settings): Settings {
    return { ...settings, bus: settings.bus ?? processBus() };
  }

  async ssl(own: SslOptions | undefined): Promise<SslOptions | undefined> {
    return own && ((await this.child.ssl) ?? own);
  }

  async fork(options: ForkOptions, context: ForkableContext): Promise<ForkedServiceLoop> {
    processesOf(options);
    if (this.#called) throw codedError("EBUSY", "forkServiceLoop was called already");
    this.#called = true;
    const running = context.run().catch((error: unknown) => {
      // Somebody runs it already.
      if (errorCode(error) !== "EBUSY") throw error;
      return this.#untilEnd;
    });
    this.child.serving((ssl) => context.loadCertificates(ssl));
    await running;
    await context.destroy();
    this.child.done();
    return { isChild: true, place: this.child.errand.place, pids: [] };
  }

  async end(): Promise<void> {
    this.#ended();
  }
}

/** Another one of its program: it listens nowhere, and is not forked once more. */
class BystanderForking extends InChild implements ContextForking {
  readonly fd = undefined;

  adapt<Settings extends ForkSettings>(settings: Settings): Settings {
    return { ...settings, port: 0, path: undefined };
  }

  async ssl(own: SslOptions | undefined): Promise<SslOptions | undefined> {
    return own;
  }

  /** As in the parent, so that the program gets on to the context that it was started for. */
  async fork(options: ForkOptions): Promise<ForkedServiceLoop> {
    processesOf(options);
    return { isChild: false, place: -1, pids: [] };
  }

  async end(): Promise<void> {}
}

let contexts = 0;

/** To be called once for each context, as soon as its making begins: the order tells which one a child serves. */
export function newForking(): ContextForking {
  const index = contexts++;
  if (thisChild === null) return new FreeForking(index);
  const isErrand = index === thisChild.errand.context;
  return isErrand ? new ChildForking(thisChild) : new BystanderForking(thisChild);
}
