import { HttpError } from "../api/http-error.ts";
import { CallbackReason } from "../api/reasons.ts";
import { HttpFault } from "../http/fault.ts";
import { OutgoingFields } from "../http/outgoing.ts";
import type { Connection } from "./connection.ts";
import { GO_ON, type Outcome, PENDING, type Settled } from "./dispatch.ts";
import type { ExchangeOwner } from "./exchange-owner.ts";
import { isAbort } from "./serving.ts";

/** Who the calls are about. */
export interface CallsOwner {
  readonly over: boolean;
  /** A callback threw or returned nonzero, or its promise did; with the fault that it threw, if it was one. */
  callbackFailed(outcome: Outcome, thrown?: HttpFault): void;
  /** The promise that HTTP gave is kept. */
  promiseKept(): void;
}

/** Calls the protocol about one request. A promise that it gives is this request's too, and no later one's. */
export class RequestCalls implements Settled {
  readonly #connection: Connection;
  readonly #owner: CallsOwner;
  readonly #late: Pick<ExchangeOwner, "failedLate">;
  /** What was thrown last, where that says how to answer. */
  #thrown: HttpFault | undefined;

  /** @param late - Hears of a promise that fails behind the end of the request. */
  constructor(connection: Connection, owner: CallsOwner, late: Pick<ExchangeOwner, "failedLate">) {
    this.#connection = connection;
    this.#owner = owner;
    this.#late = late;
  }

  /** Returns true when the answer is a promise. */
  call(reason: number, input: unknown, len: number): boolean {
    const outcome = this.#connection.ask(reason, input, len, this);
    if (outcome !== GO_ON && outcome !== PENDING) this.#owner.callbackFailed(outcome, this.#take());
    return outcome === PENDING;
  }

  threw(error: unknown): boolean {
    if (!HttpError.is(error)) return isAbort(error);
    try {
      // Headers that cannot be sent are a failure of the application's, which is 500 as any other.
      if (error.headers !== undefined) new OutgoingFields().add(error.headers);
    } catch {
      return false;
    }
    this.#thrown = new HttpFault(error.status, error.message, error.headers);
    return error.status < 500;
  }

  settled(reason: number, outcome: Outcome): void {
    if (outcome === GO_ON) {
      if (reason === CallbackReason.HTTP) this.#owner.promiseKept();
      return;
    }
    const thrown = this.#take();
    this.#connection.later(() => {
      if (this.#owner.over) this.#late.failedLate();
      else this.#owner.callbackFailed(outcome, thrown);
    });
  }

  #take(): HttpFault | undefined {
    const thrown = this.#thrown;
    this.#thrown = undefined;
    return thrown;
  }
}
