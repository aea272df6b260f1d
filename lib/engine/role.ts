import type { Context } from "../api/context.ts";
import type { OutgoingHeaders, Wsi, WsiState } from "../api/wsi.ts";
import type { Logger } from "../base/log.ts";
import type { ProxiedFrom } from "../http/proxy-protocol.ts";
import type { LinkHandler, Loop } from "../loop/loop.ts";
import type { MountTable } from "../serve/mounts.ts";
import type { AccessLog } from "./access-log.ts";
import type { Admission } from "./admission.ts";
import type { Outcome } from "./dispatch.ts";
import type { Settings } from "./options.ts";
import type { ProtocolTable } from "./protocols.ts";
import type { Serving } from "./serving.ts";
import type { WorkBudget } from "./work-budget.ts";

/** What a connection needs of the context that it belongs to. */
export interface Host {
  readonly context: Context;
  readonly settings: Settings;
  readonly table: ProtocolTable;
  readonly mounts: MountTable;
  readonly loop: Loop;
  readonly logger: Logger;
  /** What extensions may do in a turn. */
  readonly work: WorkBudget;
  /** True once `destroy` was called: no new sessions, no keep-alive. */
  readonly draining: boolean;
  /** Null without one. */
  readonly accessLog: AccessLog | null;
  readonly admission: Admission;
  /** The PROXY header of a connection is there: it begins to speak HTTP. False when it is not let in. */
  introduce(connection: Wsi, from: ProxiedFrom): boolean;
  /** Clients that wait to connect again. */
  readonly retries: Set<{ stop(): void }>;
  /** A client begins to connect. */
  came(connection: Wsi): void;
  /** A connection's link is gone. */
  gone(connection: Wsi): void;
  /** Warns, but only the first time for the same text. */
  warnOnce(message: string): void;
}

/** What is told of the payload in a RECEIVE. */
export interface Piece {
  /** Bytes of the frame that are still to come. */
  readonly remaining: number;
  readonly first: boolean;
  readonly final: boolean;
  readonly binary: boolean;
}

/**
 * What a connection is at present: HTTP, a WebSocket session, …. Upgrading swaps the role, and the state of the old one
 * goes with it. A role hears the link, and answers what users ask of the connection.
 */
export interface Role extends LinkHandler {
  readonly state: WsiState;
  write(data: string | Uint8Array, mode: number): number;
  rxFlowControl(enable: boolean): void;
  /** The user holds receiving back. */
  readonly held: boolean;
  callbackOnWritable(): void;
  close(code: number | undefined, reason: string): void;
  /** Drops the connection; nothing more is told but its end. */
  terminate(): void;
  /** Bytes that wait for the peer. */
  readonly bufferedAmount: number;
  /** The payload that is being told. */
  readonly piece: Piece;
  /** The connection's own timer has come. */
  onDeadline(): void;
  /** A callback ended otherwise than by going on, or the promise that it gave did. Within a turn. */
  refused(reason: number, outcome: Outcome): void;
  /** The context is being destroyed. */
  drain(): void;
}

/** What an HTTP role answers besides. */
export interface HttpRole extends Role {
  /** The request that is being served; null between two of them, and while an upgrade is decided about. */
  readonly serving: Serving | null;
  reject(status: number, headers: OutgoingHeaders | undefined, body: string | Uint8Array | undefined): void;
  httpReply(
    status: number,
    headers: OutgoingHeaders | undefined,
    body: string | Uint8Array | undefined,
  ): void;
  writeHttpHeaders(status: number, headers: OutgoingHeaders | undefined): void;
  serveHttpFile(file: string, contentType: string | undefined): void;
}
