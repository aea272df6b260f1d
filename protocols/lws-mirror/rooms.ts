import { Room, type RoomLimits } from "./room.ts";

/** The rooms of one context, by name. A room is there as long as somebody is in it. */
export class Rooms {
  readonly #limits: RoomLimits & { maxRooms: number };
  readonly #rooms = new Map<string, Room>();

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

  /** Lets go of a room that nobody is in any more. */
  tidy(name: string): void {
    if (this.#rooms.get(name)?.isEmpty) this.#rooms.delete(name);
  }
}
