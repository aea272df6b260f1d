import { readRelay } from "./relay.ts";
import { Room, type RoomLimits } from "./room.ts";

/** The rooms of one context, by name. A room is there as long as somebody is in it. */
export class Rooms {
  readonly #limits: RoomLimits & { maxRooms: number };
  readonly #rooms = new Map<string, Room>();
  /** The broadcast that was looked at last, and whether a mirror sent it: each session is told of the same one. */
  #broadcast: Buffer | undefined;
  #isRelayed = false;

  constructor(limits: RoomLimits & { maxRooms: number }) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#rooms.size;
  }

  /** False when the name would need one room too many. */
  hasPlaceFor(name: string): boolean {
    return this.#rooms.has(name) || this.#rooms.size < this.#limits.maxRooms;
  }

  /** The room of that name, which is made when it is not there. */
  open(name: string): Room {
    let room = this.#rooms.get(name);
    if (room === undefined) {
      room = new Room(this.#limits);
      this.#rooms.set(name, room);
    }
    return room;
  }

  /**
   * Takes a broadcast, which each session hands in. True when the mirror of another process sent it: its message is in the
   * room then. Otherwise it is none of ours.
   */
  takeBroadcast(broadcast: Buffer): boolean {
    if (broadcast === this.#broadcast) return this.#isRelayed;
    const relayed = readRelay(broadcast);
    this.#broadcast = broadcast;
    this.#isRelayed = relayed !== undefined;
    if (relayed !== undefined) this.#rooms.get(relayed.room)?.share(relayed.data, relayed.binary);
    return this.#isRelayed;
  }

  /** Lets go of a room that nobody is in any more. */
  tidy(name: string): void {
    if (this.#rooms.get(name)?.isEmpty) this.#rooms.delete(name);
  }
}
