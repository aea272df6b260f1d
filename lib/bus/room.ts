import type { Bus } from "./bus.ts";
import type { Seat } from "./seat.ts";
import { SeatedBus } from "./seated-bus.ts";

/** What is beyond this process, for a room that is not only in it. */
export interface Beyond {
  /** Resolves when packets from there arrive at `Room.deliver`. Called when the first seat is taken. */
  open(): Promise<void>;
  /** Hands a packet to it. What it cannot send it tells `Room.lose`. */
  send(packet: Uint8Array): void;
  /** Resolves when what was sent is out of this process. */
  sent(): Promise<void>;
  /** Called when the last seat is free. */
  close(): void;
}

/** Where buses of one process meet: a packet goes to all seats but its sender's, and to what is beyond. */
export class Room {
  readonly #name: string;
  readonly #beyond: Beyond | null;
  readonly #seats = new Set<Seat>();
  #opening: Promise<void> | null = null;

  constructor(name: string, beyond: Beyond | null = null) {
    this.#name = name;
    this.#beyond = beyond;
  }

  /** A bus of its own in this room. */
  bus(): Bus {
    return new RoomBus(this.#name, this);
  }

  async enter(seat: Seat): Promise<void> {
    this.#seats.add(seat);
    this.#opening ??= this.#beyond?.open() ?? Promise.resolve();
    await this.#opening;
  }

  leave(seat: Seat): void {
    if (!this.#seats.delete(seat) || this.#seats.size > 0) return;
    this.#opening = null;
    this.#beyond?.close();
  }

  send(packet: Uint8Array, from: Seat): void {
    for (const seat of this.#seats) if (seat !== from) queueMicrotask(() => seat.packet(packet));
    this.#beyond?.send(packet);
  }

  async sent(): Promise<void> {
    await this.#beyond?.sent();
  }

  /** A packet came from beyond. */
  deliver(packet: Uint8Array): void {
    for (const seat of this.#seats) seat.packet(packet);
  }

  /** What is beyond has gone for good. */
  down(error: Error): void {
    this.#opening = Promise.reject(error);
    this.#opening.catch(() => {});
    for (const seat of this.#seats) seat.down(error);
  }

  lose(packets: number, error: Error): void {
    for (const seat of this.#seats) seat.lose(error, packets);
  }
}

class RoomBus extends SeatedBus {
  readonly #room: Room;

  constructor(name: string, room: Room) {
    super(name, `the bus of ${name}`);
    this.#room = room;
  }

  publish(packet: Uint8Array): void {
    const cost = this.seat.take(packet);
    if (cost === 0) return;
    this.seat.release(cost);
    this.#room.send(packet, this.seat);
  }

  protected open(): Promise<void> {
    return this.#room.enter(this.seat);
  }

  protected override sent(): Promise<void> {
    return this.#room.sent();
  }

  protected dispose(): void {
    this.#room.leave(this.seat);
  }
}
