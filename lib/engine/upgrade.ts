import { CallbackReason } from "../api/reasons.ts";
import type { OutgoingHeaders } from "../api/wsi.ts";
import { describeError } from "../base/log.ts";
import type { RequestHead } from "../http/request-head.ts";
import { encodeHead } from "../http/response.ts";
import { negotiate } from "../ws/extensions.ts";
import { acceptValue, checkUpgrade, type UpgradeOffer } from "../ws/handshake-server.ts";
import { originAllowed } from "../ws/origin.ts";
import type { Connection } from "./connection.ts";
import { GO_ON, makeUser, NO_USER, type Outcome, PENDING, type Settled, THREW } from "./dispatch.ts";
import type { BoundProtocol } from "./protocols.ts";
import { addedHeaders, writeLatin1 } from "./reply.ts";
import { RoleWs, type SessionExtensions } from "./role-ws.ts";

/** Headers of a 101 that are not the application's. */
const OF_THE_HANDSHAKE = /^(?:upgrade|connection|sec-websocket-.*|content-length)$/i;

/** Answers an upgrade request that is not accepted. */
export type Refuse = (status: number, message: string, headers: OutgoingHeaders) => void;

/**
 * Takes an upgrade request from its head to the open session, or to its refusal:
 *
 * ```
 *   check ─► origin ─► sub-protocol ─► FILTER_PROTOCOL_CONNECTION (may take its time) ─► ADD_HEADERS ─► 101 ─► ESTABLISHED
 *   4xx      403       400             403, or wsi.reject                                500
 * ```
 *
 * Returns true when the filter's promise is being waited for; `upgraded` is called when it is kept and the session open.
 */
export function beginUpgrade(
  connection: Connection,
  head: RequestHead,
  refuse: Refuse,
  upgraded: () => void,
): boolean {
  const { host } = connection;
  const offer = checkUpgrade(head);
  if (!offer.ok) {
    refuse(offer.status, offer.message, offer.headers);
    return false;
  }
  if (host.draining) {
    refuseDraining(refuse);
    return false;
  }
  if (!originAllowed(host.settings.origins, head.get("origin"))) {
    refuse(403, "this origin is not allowed", {});
    return false;
  }
  if (
    host.settings.origins === undefined &&
    head.get("origin") !== undefined &&
    head.get("cookie") !== undefined
  ) {
    host.warnOnce(
      "browsers send cookies, and any origin may open sessions: set the option origins to the sites that may",
    );
  }
  const bound = chooseProtocol(connection, offer);
  if (bound === undefined) {
    refuse(400, "none of the sub-protocols asked for is known here", {});
    return false;
  }
  return filter(connection, bound, new PendingUpgrade(connection, offer, refuse, upgraded));
}

/** Who serves from now on is there in a moment, or is already. */
export function refuseDraining(refuse: Refuse): void {
  refuse(503, "the server is going away", { "retry-after": "1" });
}

function chooseProtocol(connection: Connection, offer: UpgradeOffer): BoundProtocol | undefined {
  const { table, settings } = connection.host;
  return offer.protocols.length > 0 ? table.choose(offer.protocols) : settings.defaultProtocol(table);
}

function filter(connection: Connection, bound: BoundProtocol, upgrade: PendingUpgrade): boolean {
  connection.bound = bound;
  connection.user = makeUser(bound.protocol, connection.host.logger);
  const outcome = connection.user === NO_USER ? THREW : upgrade.ask();
  if (outcome === PENDING) return true;
  if (outcome === GO_ON) upgrade.accepted();
  else upgrade.refused(outcome);
  return false;
}

/** What the handshake has agreed on beside the sub-protocol. */
interface SessionTerms extends SessionExtensions {
  /** The value of Sec-WebSocket-Extensions. */
  readonly header: string | undefined;
}

/** An upgrade that its protocol is asked about. Nobody else's promise decides about it. */
class PendingUpgrade implements Settled {
  readonly #connection: Connection;
  readonly #offer: UpgradeOffer;
  readonly #refuse: Refuse;
  readonly #upgraded: () => void;

  constructor(connection: Connection, offer: UpgradeOffer, refuse: Refuse, upgraded: () => void) {
    this.#connection = connection;
    this.#offer = offer;
    this.#refuse = refuse;
    this.#upgraded = upgraded;
  }

  ask(): Outcome {
    const { protocols } = this.#offer;
    return this.#connection.ask(CallbackReason.FILTER_PROTOCOL_CONNECTION, protocols, protocols.length, this);
  }

  settled(_reason: number, outcome: Outcome): void {
    this.#connection.later(() => {
      if (outcome !== GO_ON) return this.refused(outcome);
      this.accepted();
      this.#upgraded();
    });
  }

  refused(outcome: Outcome): void {
    if (outcome === THREW) this.#refuse(500, "a callback failed", {});
    else this.#refuse(403, "refused by the protocol", {});
  }

  /** The filter has nothing against it; it may have answered by `wsi.reject` itself. */
  accepted(): void {
    const connection = this.#connection;
    if (connection.state !== "HTTP" || !connection.link.writable) return;
    const headers = addedHeaders(connection, {});
    if (headers === null) return this.#refuse(500, "refused as its headers were made", {});
    // The callback may have ended the connection.
    if (connection.state !== "HTTP" || !connection.link.writable) return;
    if (!this.#mayBeAdded(headers)) return this.#refuse(500, "its headers contradict the handshake", {});
    const agreed = this.#negotiate();
    if (agreed === null) return this.#refuse(500, "an extension failed", {});
    writeLatin1(connection.link, this.#switching(headers, agreed.header));
    const role = new RoleWs(connection, agreed, connection.role.held);
    connection.become(role);
    role.establish();
  }

  #mayBeAdded(headers: OutgoingHeaders): boolean {
    const wrong = Object.keys(headers).find((name) => OF_THE_HANDSHAKE.test(name));
    if (wrong === undefined) return true;
    this.#connection.host.logger.error(`ADD_HEADERS: ${wrong} is the handshake's to set in a 101`);
    return false;
  }

  /** Null when an extension throws; those of others are code like any callback. */
  #negotiate(): SessionTerms | null {
    const { loop, logger, settings } = this.#connection.host;
    try {
      const { header, rsv, open } = negotiate(settings.extensions, this.#offer.extensions);
      return { header, rsv, stack: open({ codec: loop.codec }) };
    } catch (error) {
      logger.error(`an extension threw at its offers: ${describeError(error)}`);
      return null;
    }
  }

  #switching(headers: OutgoingHeaders, extensions: string | undefined): string {
    const { bound } = this.#connection;
    const named = this.#offer.protocols.length > 0;
    return encodeHead({
      status: 101,
      connection: "Upgrade",
      headers: {
        Upgrade: "websocket",
        "Sec-WebSocket-Accept": acceptValue(this.#offer.key),
        ...(named ? { "Sec-WebSocket-Protocol": bound.protocol.name } : undefined),
        ...(extensions === undefined ? undefined : { "Sec-WebSocket-Extensions": extensions }),
        ...headers,
      },
    });
  }
}
