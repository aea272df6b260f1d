import { checkKnown } from "../base/known-options.ts";
import type { Bus } from "./bus.ts";
import { checkName } from "./options.ts";
import { Room } from "./room.ts";

export interface LocalBusOptions {
  /** Buses of one channel hear each other. Default `"sluice"`. */
  channel?: string;
}

/** One for each name, as long as the program runs: a program knows few names. */
const rooms = new Map<string, Room>();

/**
 * A bus between the contexts of one thread: for two servers in a program, and for tests. A packet arrives in a microtask,
 * as the very bytes that were published. Nothing is lost.
 *
 * @throws TypeError that names the option which is wrong.
 */
export function localBus(options: LocalBusOptions = {}): Bus {
  checkKnown("localBus", options, ["channel"]);
  const channel = checkName("localBus", "channel", options.channel ?? "sluice");
  let room = rooms.get(channel);
  if (room === undefined) rooms.set(channel, (room = new Room("local")));
  return room.bus();
}
