import type { LinkHandler } from "../loop.ts";
import type { Cork } from "./cork.ts";
import type { Libc } from "./libc.ts";
import type { Pollset } from "./pollset.ts";

/** A link as its loop serves it. */
export interface HostedLink {
  handler: LinkHandler;
  /** Called in the feed phase, after `feedSoon`: reads what no event tells of. */
  feed(): void;
  /** Called in the drain phase; returns whether there was something to do. */
  drain(): boolean;
}

/** What all links of a loop share, so that none of them carries it. */
export interface LinkHost {
  readonly libc: Libc;
  readonly pollset: Pollset;
  readonly cork: Cork;
  /** Where every recv lands: `received` from `HEADROOM` on. */
  readonly received: Buffer;
  readonly landing: Buffer;
  /** Where `landing` begins. */
  readonly landingAddress: number;
  /** Makes a new receive buffer, after a handler gave the old one away. */
  renewReceived(): void;
  /** Asks for a turn, unless one is going on. */
  poke(): void;
  /** Has `link.drain()` called in the drain phase of this turn, or of the next one. */
  drainSoon(link: HostedLink): void;
  /** Has `link.feed()` called in the feed phase of this turn, or of the next one. */
  feedSoon(link: HostedLink): void;
  /** Has `handler.onClose(error)` called once the current call into the handler is over. */
  closed(link: HostedLink, error: Error | undefined): void;
}
