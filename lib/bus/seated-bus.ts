import type { Bus, BusReceiver } from "./bus.ts";
import { Seat } from "./seat.ts";

/** How long a bus that is closed waits for what is on its way, in milliseconds. */
const LAST_CALL = 500;

/** What the buses have in common: how they are opened and closed around a seat. */
export abstract class SeatedBus implements Bus {
  readonly name: string;
  protected readonly seat: Seat;
  #joining: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;

  /**
   * @param title - How errors call it.
   * @param maxBacklog - Bytes that may be on their way at a time.
   */
  constructor(name: string, title: string, maxBacklog?: number) {
    this.name = name;
    this.seat = new Seat(title, maxBacklog);
  }

  get lost(): number {
    return this.seat.lost;
  }

  async subscribe(receiver: BusReceiver): Promise<void> {
    this.seat.enter(receiver);
    this.#joining = this.#join();
    await this.#joining;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  abstract publish(packet: Uint8Array): void;

  /** Connects; resolves when packets arrive. */
  protected abstract open(): Promise<void>;

  /** Resolves when what was published has gone out. */
  protected sent(): Promise<void> {
    return this.seat.empty();
  }

  /** Lets go of whatever there is. Called more than once, and also while `open` runs or after it failed. */
  protected abstract dispose(): Promise<void> | void;

  async #close(): Promise<void> {
    const isUp = this.seat.isUp;
    this.seat.leave();
    if (isUp) await withinTime(this.sent());
    await this.dispose();
    // One that was still connecting cleans up behind itself.
    await this.#joining.catch(() => {});
  }

  async #join(): Promise<void> {
    try {
      await this.open();
      this.seat.arrive();
    } catch (error) {
      this.seat.leave();
      await this.dispose();
      throw error;
    }
  }
}

/** Waits for it, but not longer than for the last call. */
export async function withinTime(sent: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LAST_CALL);
  });
  await Promise.race([sent, late]);
  clearTimeout(timer);
}
