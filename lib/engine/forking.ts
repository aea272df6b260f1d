import type { ForkedServiceLoop, ForkOptions } from "../api/fork.ts";
import type { SslOptions } from "../api/tls.ts";
import type { Logger } from "../base/log.ts";
import type { Bus } from "../bus/bus.ts";
import type { SharedPort } from "../loop/loop.ts";
import type { Use } from "./certificates.ts";

/** What forks the service loop of a context, which itself knows nothing of processes. */
export interface Forking {
  fork(options: ForkOptions, context: Forkable): Promise<ForkedServiceLoop>;
  /** As `Others.load`. */
  load(ssl: SslOptions): Promise<Use | null>;
  /** Has the children end, their Close frames spread over so many milliseconds; resolves when they are gone. */
  end(spread: number): Promise<void>;
}

/** What that needs of the context. */
export interface Forkable {
  readonly settings: { readonly timeouts: { readonly drain: number } };
  readonly logger: Logger;
  /** What TLS is spoken with; null without it. */
  readonly ssl: SslOptions | null;
  /** Reads certificates, and resolves with what has them used. Rejects, and nothing is changed, where they do not load. */
  loadCertificates(ssl: SslOptions): Promise<() => void>;
  run(): Promise<void>;
  destroy(): Promise<void>;
  /** Stops listening, for others to accept on the same port. */
  cede(): SharedPort;
  /** Broadcasts over this bus from now on, unless the options have named another one. */
  joinBus(bus: Bus): Promise<void>;
}
