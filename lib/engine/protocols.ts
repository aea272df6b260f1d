import type { Protocol } from "../api/protocol.ts";
import { isProtocolName } from "../ws/handshake-server.ts";
import type { SessionLimits } from "../ws/session.ts";
import { shown } from "./checks.ts";

/** An open session, as its protocol's table entry sees it. */
export interface Member {
  call(reason: number, input: unknown, len: number): boolean;
  callbackOnWritable(): void;
}

/** A protocol in the table of a context: what the user wrote, and what all its sessions share. */
export interface BoundProtocol {
  readonly protocol: Protocol;
  readonly limits: SessionLimits;
  readonly sessions: Set<Member>;
  /** The limits of sessions whose extensions use the reserved bits `rsv`. */
  limitsWith(rsv: number): SessionLimits;
  /** The same for sessions of which we are the client. */
  clientLimitsWith(rsv: number): SessionLimits;
}

/** What the limits of a protocol default to. */
export interface ProtocolDefaults {
  rxBufferSize: number;
  maxMessageSize: number;
  maxEmptyFragments: number;
  maxBufferedBytes: number;
  validateOutgoing: boolean;
}

/** The protocols of a context, in order. */
export class ProtocolTable {
  readonly entries: readonly BoundProtocol[];
  readonly #byName = new Map<string, BoundProtocol>();

  /** @throws TypeError when two have the same name, or a field is wrong. */
  constructor(protocols: readonly Protocol[], defaults: ProtocolDefaults) {
    this.entries = protocols.map((protocol, index) => {
      checkProtocol(protocol, index);
      if (this.#byName.has(protocol.name)) {
        throw new TypeError(`protocols: two are named "${protocol.name}"`);
      }
      const bound = bind(protocol, limitsOf(protocol, defaults));
      this.#byName.set(protocol.name, bound);
      return bound;
    });
  }

  /** The first one, which gets HTTP. */
  get first(): BoundProtocol {
    return this.entries[0];
  }

  /** The one that a user means: by its name, or by the object itself. Throws a TypeError when it is not in the table. */
  find(protocol: Protocol | string): BoundProtocol {
    const name = typeof protocol === "string" ? protocol : protocol?.name;
    const bound = this.#byName.get(name);
    if (typeof name !== "string")
      throw new TypeError(
        `what is needed is a protocol of this context, or its name, not ${shown(protocol)}`,
      );
    if (bound === undefined) throw new TypeError(`no protocol named "${name}" in this context`);
    return bound;
  }

  /** The first one of the client's list that is in the table. */
  choose(asked: readonly string[]): BoundProtocol | undefined {
    for (const name of asked) {
      const bound = this.#byName.get(name);
      if (bound !== undefined) return bound;
    }
    return undefined;
  }
}

function bind(protocol: Protocol, limits: SessionLimits): BoundProtocol {
  return {
    protocol,
    limits,
    sessions: new Set(),
    limitsWith: byRsv(limits),
    clientLimitsWith: byRsv(Object.freeze({ ...limits, server: false })),
  };
}

/** One object for all sessions with the same limits. */
function byRsv(limits: SessionLimits): (rsv: number) => SessionLimits {
  const all = new Map([[0, limits]]);
  return (rsv) => {
    const known = all.get(rsv) ?? Object.freeze({ ...limits, rsv });
    all.set(rsv, known);
    return known;
  };
}

function limitsOf(protocol: Protocol, defaults: ProtocolDefaults): SessionLimits {
  const wholeMessages = protocol.wholeMessages ?? false;
  return Object.freeze({
    server: true,
    rsv: 0,
    wholeMessages,
    // A whole message is told at once, so that cutting its frames into pieces would be work for nothing.
    pieceSize: wholeMessages ? Number.MAX_SAFE_INTEGER : (protocol.rxBufferSize ?? defaults.rxBufferSize),
    maxMessageSize: protocol.maxMessageSize ?? defaults.maxMessageSize,
    maxEmptyFragments: defaults.maxEmptyFragments,
    maxBufferedBytes: defaults.maxBufferedBytes,
    validateOutgoing: defaults.validateOutgoing,
  });
}

/** @throws TypeError that names the protocol and the field. */
export function checkProtocol(protocol: Protocol, index: number): void {
  if (typeof protocol !== "object" || protocol === null) {
    throw new TypeError(`protocols[${index}] is not an object with a name and a callback`);
  }
  const { name } = protocol;
  if (typeof name !== "string" || !isProtocolName(name)) {
    throw new TypeError(
      `protocols[${index}].name: "${String(name)}" is not a token as Sec-WebSocket-Protocol needs it`,
    );
  }
  if (typeof protocol.callback !== "function")
    throw new TypeError(`protocol "${name}": callback is not a function`);
  if (protocol.perSessionData !== undefined && typeof protocol.perSessionData !== "function") {
    throw new TypeError(`protocol "${name}": perSessionData is not a function`);
  }
  if (protocol.wholeMessages !== undefined && typeof protocol.wholeMessages !== "boolean") {
    throw new TypeError(`protocol "${name}": wholeMessages is true or false`);
  }
  for (const field of ["rxBufferSize", "maxMessageSize"] as const) {
    const value = protocol[field];
    if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) {
      throw new TypeError(`protocol "${name}": ${field} is a number of bytes above 0, not ${String(value)}`);
    }
  }
}
