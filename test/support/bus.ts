import type { Bus, BusReceiver } from "../../lib/bus/bus.ts";

/** A broker in memory. Its buses hand a packet on at once, to the sender too, and all get the very same bytes. */
export class MemoryBroker {
  readonly buses: MemoryBus[] = [];
  /** Every packet that was published. */
  readonly packets: Uint8Array[] = [];

  bus(): MemoryBus {
    const bus = new MemoryBus(this);
    this.buses.push(bus);
    return bus;
  }

  publish(packet: Uint8Array): void {
    this.packets.push(packet);
    for (const { receiver } of this.buses) receiver?.onPacket(packet);
  }
}

/** A bus of it. A test replaces methods to have it misbehave. */
export class MemoryBus implements Bus {
  readonly name = "memory";
  receiver: BusReceiver | null = null;
  closed = 0;
  readonly #broker: MemoryBroker;

  constructor(broker: MemoryBroker) {
    this.#broker = broker;
  }

  subscribe = async (receiver: BusReceiver): Promise<void> => {
    this.receiver = receiver;
  };
  publish = (packet: Uint8Array): void => this.#broker.publish(packet);
  close = async (): Promise<void> => {
    this.receiver = null;
    this.closed++;
  };
}
