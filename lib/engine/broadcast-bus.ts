import { setTimeout as delay } from "node:timers/promises";
import type { BusStats } from "../api/context.ts";
import type { ContextOptions } from "../api/options.ts";
import { describeError, type Logger } from "../base/log.ts";
import type { Bus, BusReceiver } from "../bus/bus.ts";
import { decodeEnvelope, encodeEnvelope, newInstance, type OpenedEnvelope } from "../bus/envelope.ts";
import type { Loop, Task } from "../loop/loop.ts";
import { SharedPayload } from "../ws/frame.ts";
import { tellSessions } from "./broadcast.ts";
import type { BoundProtocol, ProtocolTable } from "./protocols.ts";

/** Bytes of arrived packets that may wait for a turn; each counts `PACKET_BYTES` beside its data. */
const MAX_WAITING = 16_777_216;
const PACKET_BYTES = 256;
/** What is told in one turn: the data and `CALL_BYTES`, for each session that is told. Others have their turn then. */
const TOLD_A_TURN = 4_194_304;
const CALL_BYTES = 1024;
/** How long `destroy` waits for a bus to close. */
const CLOSING_MS = 1000;

/** What a `BroadcastBus` needs of its context. */
export interface BusHost {
  readonly loop: Loop;
  readonly table: ProtocolTable;
  readonly logger: Logger;
}

interface Arrived {
  readonly bound: BoundProtocol;
  readonly payload: SharedPayload;
}

/**
 * A context on a bus: what is broadcast here goes out, and what others broadcast is told to the sessions here.
 *
 * ```
 *   broadcast ──► envelope ──► bus ──► (others)
 *   (others) ──► bus ──► onPacket: opened, checked, queued ──► a turn: BROADCAST for each session
 * ```
 *
 * Nothing that a bus does, or that comes from it, ends the server.
 */
export class BroadcastBus implements BusReceiver, Task {
  readonly #bus: Bus;
  readonly #host: BusHost;
  readonly #onState: ContextOptions["onBusState"];
  readonly #instance = newInstance();
  #open = false;
  #up = false;
  #sent = 0;
  #received = 0;
  #dropped = 0;
  #lost = 0;
  /** From `#next` on they wait for a turn. */
  #waiting: Arrived[] = [];
  #next = 0;
  #waitingBytes = 0;
  #scheduled = false;
  /** Kinds of trouble that the log has had its line of, since the bus was last up. */
  readonly #said = new Set<string>();

  constructor(bus: Bus, host: BusHost, onState: ContextOptions["onBusState"]) {
    this.#bus = bus;
    this.#host = host;
    this.#onState = onState;
  }

  get stats(): BusStats {
    return {
      up: this.#up,
      sent: this.#sent,
      received: this.#received,
      dropped: this.#dropped,
      lost: this.#bus.lost ?? this.#lost,
    };
  }

  /** @throws Error, as a rejection, what the bus gives when it cannot be joined. */
  async join(): Promise<void> {
    this.#open = true;
    // Before it is: what the bus tells right behind that counts.
    this.#up = true;
    await this.#bus.subscribe(this);
  }

  /** Resolves when the bus is closed, or does not close in time. */
  async leave(): Promise<void> {
    this.#open = false;
    this.#up = false;
    this.#waiting = [];
    const timeout = new AbortController();
    const late = delay(CLOSING_MS, "late", { signal: timeout.signal }).catch(() => {});
    try {
      const how = await Promise.race([this.#bus.close(), late]);
      if (how === "late") this.#host.logger.warn(`${this.#name} does not close; it is left as it is`);
    } catch (error) {
      this.#host.logger.error(`${this.#name} threw in close: ${describeError(error)}`);
    }
    timeout.abort();
  }

  get #name(): string {
    return `bus "${this.#bus.name}"`;
  }

  /** Hands a message of ours to the bus, in an envelope. */
  publish(protocol: string, data: Uint8Array): void {
    if (!this.#open) return;
    try {
      const sequence = this.#sent;
      const envelope = encodeEnvelope({ instance: this.#instance, sequence, protocol, data });
      const sending: unknown = this.#bus.publish(envelope);
      // An async function fits its type too.
      if (sending instanceof Promise) sending.catch(this.#unpublished);
      this.#sent++;
    } catch (error) {
      this.#unpublished(error);
    }
  }

  readonly #unpublished = (error: unknown): void => {
    this.#lost++;
    this.#say("error", "publish", `threw in publish: ${describeError(error)}`);
  };

  // ── What the bus tells ───────────────────────────────────────────────────────────────────────────────────

  onPacket(packet: Uint8Array): void {
    if (!this.#open) return;
    const envelope = packet instanceof Uint8Array ? decodeEnvelope(packet) : undefined;
    if (envelope === undefined)
      return this.#drop("foreign", "a packet that is not ours, or of another version");
    if (envelope.instance === this.#instance) return;
    const bound = this.#host.table.choose([envelope.protocol]);
    if (bound === undefined) {
      const name = JSON.stringify(envelope.protocol.slice(0, 64));
      return this.#drop("protocol", `a packet for the protocol ${name}, which is not in the table`);
    }
    this.#take(bound, envelope);
  }

  /** The data is copied: the packet may be others' too, and a part of something larger. */
  #take(bound: BoundProtocol, { data }: OpenedEnvelope): void {
    if (bound.sessions.size === 0) {
      // No turn may come where nobody is served, as in the parent of forked children.
      this.#received++;
      return;
    }
    const bytes = data.length + PACKET_BYTES;
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > MAX_WAITING) {
      return this.#drop("full", "a packet, since too many wait for their turn already");
    }
    this.#received++;
    this.#waitingBytes += bytes;
    this.#waiting.push({ bound, payload: new SharedPayload(data) });
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#host.loop.soon(this);
  }

  #drop(kind: string, what: string): void {
    this.#dropped++;
    this.#say("warn", kind, `dropped ${what}; busStats.dropped counts them`);
  }

  onState(state: "up" | "down", error?: Error): void {
    const up = state === "up";
    if (!this.#open || up === this.#up) return;
    this.#up = up;
    if (up) this.#said.clear();
    if (up) this.#host.logger.info(`${this.#name} is up again`);
    else this.#host.logger.warn(`${this.#name} is down: ${reason(error)}; broadcasts stay in this process`);
    this.#tellUser(state, error);
  }

  #tellUser(state: "up" | "down", error: Error | undefined): void {
    const report = (thrown: unknown) => this.#host.logger.error(`onBusState threw: ${describeError(thrown)}`);
    try {
      // An async function fits its type too.
      Promise.resolve(this.#onState?.(state, error) as unknown).catch(report);
    } catch (thrown) {
      report(thrown);
    }
  }

  onLoss(packets: number, error: Error): void {
    this.#lost += packets;
    // While it is down that goes without saying.
    if (this.#open && this.#up) {
      this.#say("warn", "loss", `loses broadcasts: ${reason(error)}; busStats.lost counts them`);
    }
  }

  /** Once for each kind: who can send packets shall not fill a disk with lines about them. */
  #say(level: "warn" | "error", kind: string, what: string): void {
    if (this.#said.has(kind)) return;
    this.#said.add(kind);
    this.#host.logger[level](`${this.#name} ${what}`);
  }

  // ── A turn ───────────────────────────────────────────────────────────────────────────────────────────────

  runSoon(): void {
    this.#scheduled = false;
    for (let told = 0; told < TOLD_A_TURN && this.#next < this.#waiting.length; ) {
      const { bound, payload } = this.#waiting[this.#next++];
      const { length } = payload.data;
      this.#waitingBytes -= length + PACKET_BYTES;
      told += (1 + bound.sessions.size) * (length + CALL_BYTES);
      tellSessions(bound, payload, undefined, this.#host.logger);
    }
    this.#compact();
    if (this.#waiting.length > 0) this.#schedule();
  }

  /** Lets go of what was told, and not in each turn of all that still waits. */
  #compact(): void {
    if (2 * this.#next < this.#waiting.length) return;
    this.#waiting.splice(0, this.#next);
    this.#next = 0;
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : describeError(error ?? "no reason given");
}
