import { BroadcastChannel } from "node:worker_threads";
import { checkKnown } from "../base/known-options.ts";
import type { Bus } from "./bus.ts";
import { checkName } from "./options.ts";
import { SeatedBus } from "./seated-bus.ts";

export interface WorkerBusOptions {
  /** Buses of one channel hear each other. Default `"sluice"`. */
  channel?: string;
}

/**
 * A bus between the threads of one process: the main thread and its workers, over a BroadcastChannel. It does not keep
 * the process running.
 *
 * Nothing is lost, and nothing is bounded: what a thread has not read yet stays in memory, so one that blocks for long
 * while others publish costs as much memory as they publish.
 *
 * @throws TypeError that names the option which is wrong.
 */
export function workerBus(options: WorkerBusOptions = {}): Bus {
  checkKnown("workerBus", options, ["channel"]);
  return new WorkerBus(checkName("workerBus", "channel", options.channel ?? "sluice"));
}

class WorkerBus extends SeatedBus {
  readonly #channelName: string;
  #channel: BroadcastChannel | null = null;

  constructor(channelName: string) {
    super("workers", "workerBus");
    this.#channelName = channelName;
  }

  publish(packet: Uint8Array): void {
    const cost = this.seat.take(packet);
    if (cost === 0) return;
    this.seat.release(cost);
    // Cloning a view clones all of the memory behind it, which may be a pool with the bytes of others in it.
    const isWhole = packet.length === packet.buffer.byteLength && packet.buffer instanceof ArrayBuffer;
    this.#channel?.postMessage(isWhole ? packet : new Uint8Array(packet));
  }

  protected async open(): Promise<void> {
    const channel = new BroadcastChannel(`sluice:${this.#channelName}`);
    channel.unref();
    channel.onmessage = (event) => {
      const { data } = event as { data: unknown };
      if (data instanceof Uint8Array) this.seat.packet(data);
    };
    this.#channel = channel;
  }

  protected dispose(): void {
    this.#channel?.close();
    this.#channel = null;
  }
}
