import type { Context } from "../api/context.ts";
import { CallbackReason } from "../api/reasons.ts";
import { codedError } from "../base/errors.ts";
import type { Logger } from "../base/log.ts";
import { ContextWsi } from "./context-wsi.ts";
import { dispatch, GO_ON, type Outcome, PENDING, THREW } from "./dispatch.ts";
import type { BoundProtocol, ProtocolTable } from "./protocols.ts";

const { EVENT_WAIT_CANCELLED, PROTOCOL_DESTROY, PROTOCOL_INIT } = CallbackReason;

/** The context that is called for. */
interface CalledContext extends Context {
  readonly table: ProtocolTable;
  readonly logger: Logger;
}

/** What protocols are told about the context itself: one PROTOCOL_DESTROY for each PROTOCOL_INIT that went well. */
export class ContextCalls {
  readonly #context: CalledContext;
  readonly #initialised: BoundProtocol[] = [];
  /** `begun` from the call of `destroy` on, `told` once PROTOCOL_DESTROY is over. */
  #end: "none" | "begun" | "told" = "none";

  constructor(context: CalledContext) {
    this.#context = context;
  }

  /** PROTOCOL_INIT for each protocol, in order; the first one that refuses fails the start. */
  async initialise(): Promise<void> {
    for (const bound of this.#context.table.entries) {
      const outcome = await this.#call(bound, PROTOCOL_INIT, bound.protocol.options);
      if (outcome !== GO_ON) {
        const how = outcome === THREW ? "threw in" : "returned nonzero from";
        throw codedError("ERR_PROTOCOL_INIT", `protocol "${bound.protocol.name}" ${how} PROTOCOL_INIT`);
      }
      this.#initialised.push(bound);
      if (this.#end === "none") continue;
      // Nor does destroy wait for a promise of PROTOCOL_INIT, which may be waiting for destroy.
      if (this.#end === "told") await this.#call(bound, PROTOCOL_DESTROY, undefined);
      throw codedError("ECANCELED", "the context was destroyed in PROTOCOL_INIT");
    }
  }

  cancelled(): void {
    for (const bound of this.#context.table.entries) void this.#call(bound, EVENT_WAIT_CANCELLED, undefined);
  }

  /** The context is being destroyed: no further protocol is initialised. */
  ending(): void {
    this.#end = "begun";
  }

  async destroy(): Promise<void> {
    for (const bound of this.#initialised) await this.#call(bound, PROTOCOL_DESTROY, undefined);
    this.#end = "told";
  }

  /** Calls a protocol, and waits for a promise it gives. */
  #call(bound: BoundProtocol, reason: number, input: unknown): Promise<Outcome> {
    const { protocol } = bound;
    return new Promise((resolve) => {
      const owner = { settled: (_reason: number, outcome: Outcome) => resolve(outcome) };
      const wsi = new ContextWsi(this.#context, protocol);
      const { logger } = this.#context;
      const outcome = dispatch(protocol, wsi, reason, undefined, input, 0, owner, logger);
      if (outcome !== PENDING) resolve(outcome);
    });
  }
}
