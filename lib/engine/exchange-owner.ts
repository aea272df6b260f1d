import type { HttpFault } from "../http/fault.ts";

/** Who an exchange belongs to. */
export interface ExchangeOwner {
  /** Request and reply are over, and the peer has taken the reply. */
  exchangeOver(keepAlive: boolean): void;
  /** The request cannot be served: answers with the fault's status where that still can be, and ends. */
  refuse(fault: HttpFault): void;
  /** Ends the connection after what is queued. */
  end(): void;
  /** Whether bytes that come are taken has changed. */
  pace(flows: boolean): void;
  /** A promise about a request that is over has failed: the connection ends, the request that is there now is not harmed. */
  failedLate(): void;
}
