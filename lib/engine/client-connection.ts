import type { CloseInfo, ConnectionError } from "../api/protocol.ts";
import { CallbackReason, WriteProtocol } from "../api/reasons.ts";
import { monotonicMs } from "../base/clock.ts";
import type { ResponseHead } from "../http/response-head.ts";
import type { Link } from "../loop/loop.ts";
import { checkClose } from "./close-code.ts";
import { Connection, DEAF } from "./connection.ts";
import { GO_ON, type Outcome, PENDING, type Settled, THREW } from "./dispatch.ts";
import type { Host, Role } from "./role.ts";

/** What stands in the place of a link until there is one. */
const NO_LINK: Link = Object.freeze({
  // Nobody will be told anything by it.
  get handler() {
    return DEAF;
  },
  set handler(_handler) {},
  remoteAddress: "",
  remotePort: 0,
  secure: false,
  fd: -1,
  backlog: 0,
  writable: false,
  block: Buffer.alloc(0),
  queued: 0,
  choked: false,
  reserve: () => 0,
  commit() {},
  send() {},
  requestWritable() {},
  pause() {},
  resume() {},
  end() {},
  destroy() {},
});

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

/** The reasons that tell how a connection has ended. */
const OUTCOMES: readonly number[] = [CallbackReason.CLIENT_CONNECTION_ERROR, CallbackReason.CLIENT_CLOSED];

/** The attempts that a connection is one of. */
export interface Chain {
  /** The latest of them. */
  readonly current: Connection;
  /** Milliseconds to the next attempt behind this outcome of the latest, undefined for none. */
  decide(outcome: ConnectionError | CloseInfo): number | undefined;
  /** The outcome was told: the delay begins. */
  goOn(delay: number): void;
  /** There will be no further attempt. */
  stop(): void;
}

/** The Wsi of a client: there before its link is, and the headers are the server's. */
export class ClientConnection extends Connection {
  readonly #attempt: number;
  readonly #chain: Chain;
  /** What was asked for: path and query, and the sub-protocols. */
  readonly #target: string;
  readonly #asked: readonly string[];
  /** The server's 101; null before it. */
  reply: ResponseHead | null = null;
  /** When the session began; Infinity before. */
  #opened = Number.POSITIVE_INFINITY;

  constructor(
    host: Host,
    chain: Chain,
    attempt: number,
    target: string,
    asked: readonly string[],
    role: (connection: Connection) => Role,
  ) {
    super(host, NO_LINK, role);
    this.#chain = chain;
    this.#attempt = attempt;
    this.#target = target;
    this.#asked = asked;
  }

  override get attempt(): number {
    return this.#attempt;
  }
  override get method(): string {
    return "";
  }
  override get uri(): string {
    return this.#target.split("?", 1)[0];
  }
  override get query(): string {
    return this.#target.slice(this.uri.length + 1);
  }
  override get headers(): Readonly<Record<string, string>> {
    return this.reply?.headers ?? NO_HEADERS;
  }
  override get protocolsAsked(): readonly string[] {
    return this.#asked;
  }

  /** The session begins. */
  opened(): void {
    this.#opened = monotonicMs();
  }

  /** Milliseconds that the session has lasted; below 0 when there was none. */
  get lasted(): number {
    return monotonicMs() - this.#opened;
  }

  // ── What ends the attempts: to close any of them, and a callback that refuses or throws ───────────────────

  override ask(reason: number, input: unknown, len: number, owner: Settled = this): Outcome {
    const outcome = super.ask(reason, input, len, owner);
    if (outcome !== GO_ON && outcome !== PENDING) this.#chain.stop();
    return outcome;
  }

  override settled(reason: number, outcome: Outcome): void {
    if (outcome !== GO_ON && !this.#failsLate(reason, outcome)) this.#chain.stop();
    super.settled(reason, outcome);
  }

  /** What a session had begun often fails as it breaks: that is no reason not to come back. */
  #failsLate(reason: number, outcome: Outcome): boolean {
    return outcome === THREW && this.state === "CLOSED" && !OUTCOMES.includes(reason);
  }

  /** For who has its promises settled elsewhere. */
  stopRetrying(): void {
    this.#chain.stop();
  }

  override tellEnd(reason: number, outcome: ConnectionError | CloseInfo): void {
    const delay = this.#chain.decide(outcome);
    if (delay !== undefined) outcome.retryIn = delay;
    super.tellEnd(reason, outcome);
    if (delay !== undefined) this.#chain.goOn(delay);
  }

  override close(code?: number, reason = ""): void {
    checkClose(code, reason);
    this.#chain.stop();
    this.#chain.current.role.close(code, reason);
  }

  override terminate(): void {
    this.#chain.stop();
    this.#chain.current.role.terminate();
  }

  override write(data: string | Uint8Array, mode: number): number {
    const size = super.write(data, mode);
    if (mode === WriteProtocol.CLOSE && size >= 0) this.#chain.stop();
    return size;
  }

  /** Lets the link go without a word, as if it had not been. */
  dropLink(): void {
    const { link } = this;
    this.link = NO_LINK;
    link.handler = DEAF;
    link.destroy();
  }
}
