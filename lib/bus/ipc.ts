import { codedError } from "../base/errors.ts";
import { Backlog } from "./backlog.ts";

/** One end of the channel between a process and its child: a `ChildProcess`, `cluster.Worker.process` or `process`. */
export interface ProcessEnd {
  readonly connected: boolean;
  send?(
    message: object,
    handle: undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ): boolean;
  on(event: "message", listener: (message: unknown) => void): unknown;
  on(event: "disconnect", listener: () => void): unknown;
  off(event: "message", listener: (message: unknown) => void): unknown;
  off(event: "disconnect", listener: () => void): unknown;
}

/** What our messages have, and those of an application have not. */
const MARK = "sluice:bus";

/**
 * A message of ours. A child joins with a packet, to see how it arrives: as bytes only where the process was forked with
 * `serialization: "advanced"`. The parent answers `joined` or `refused`.
 */
export interface Note {
  kind: "join" | "joined" | "refused" | "packet" | "leave";
  packet: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** Our message, or undefined for one of the application's. The packet of a `join` may be something else. */
export function readNote(message: unknown): Note | undefined {
  if (typeof message !== "object" || message === null) return undefined;
  const { [MARK]: kind, packet } = message as Record<string, unknown>;
  return typeof kind === "string" ? ({ kind, packet } as Note) : undefined;
}

export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** Sends notes over a channel, as long as not too many bytes wait in it. */
export class NotePipe {
  readonly #end: ProcessEnd;
  readonly #backlog: Backlog;
  readonly #onLoss: (packets: number, error: Error) => void;

  constructor(end: ProcessEnd, name: string, maxBacklog: number, onLoss: NotePipe["lose"]) {
    this.#end = end;
    this.#backlog = new Backlog(name, maxBacklog);
    this.#onLoss = onLoss;
  }

  /** Sends a packet, or loses it. */
  packet(packet: Uint8Array): void {
    const cost = this.#backlog.take(packet);
    if (cost === 0) {
      this.lose(1, this.#backlog.error());
      return;
    }
    this.#post({ [MARK]: "packet", packet }, (error) => {
      this.#backlog.release(cost);
      if (error !== null) this.lose(1, error);
    });
  }

  /** Resolves when all packets are with the system, which keeps them when this process ends. */
  empty(): Promise<void> {
    return this.#backlog.empty();
  }

  /** Sends a note of the handshake. One that gets lost is lost with its process. */
  note(kind: Exclude<Note["kind"], "packet">): void {
    this.#post({ [MARK]: kind, packet: NOTHING }, () => {});
  }

  lose(packets: number, error: Error): void {
    this.#onLoss(packets, error);
  }

  #post(message: object, callback: (error: Error | null) => void): void {
    if (this.#end.connected && this.#end.send !== undefined) {
      this.#end.send(message, undefined, undefined, (error) => callback(error ?? null));
    } else {
      callback(codedError("ENOTCONN", "the other process is gone"));
    }
  }
}
