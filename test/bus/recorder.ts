import type { BusReceiver } from "../../lib/bus/bus.ts";

/** Writes down what a bus tells, and lets a test wait for it. */
export class Recorder implements BusReceiver {
  readonly packets: Uint8Array[] = [];
  readonly states: string[] = [];
  readonly errors: Error[] = [];
  lost = 0;
  readonly #waiting = new Set<() => void>();

  onPacket(packet: Uint8Array): void {
    this.packets.push(packet);
    this.#changed();
  }

  onState(state: "up" | "down", error?: Error): void {
    this.states.push(state);
    if (error !== undefined) this.errors.push(error);
    this.#changed();
  }

  onLoss(packets: number, error: Error): void {
    this.lost += packets;
    this.errors.push(error);
    this.#changed();
  }

  /** Resolves when `holds` is true of what has been told. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
      });
    }
  }

  /** The packets as text, once there are so many. */
  async texts(count: number): Promise<string[]> {
    await this.until(() => this.packets.length >= count);
    return this.packets.map((packet) => Buffer.from(packet).toString());
  }

  #changed(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
