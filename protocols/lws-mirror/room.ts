import { WriteProtocol, type Wsi } from "sluice";
import { Ring, type Tail } from "./ring.ts";

/** How much a room holds, and how long it waits for its slowest reader. */
export interface RoomLimits {
  messages: number;
  bytes: number;
  cutAfter: number;
}

interface Message {
  data: Buffer;
  mode: number;
}

/** Fill of the ring at which a room stops listening to its members, and at which it listens again. */
const HIGH_MARK = 0.75;
const LOW_MARK = 0.5;

/**
 * Sessions that share what each of them sends.
 *
 * A room never loses a message and never holds more than its ring: above the high mark nobody is listened to until
 * the slowest reader is back at the low mark. A reader that keeps everybody waiting for `cutAfter` is cut.
 */
export class Room {
  readonly #limits: RoomLimits;
  readonly #ring: Ring<Message>;
  readonly #tails = new Map<Wsi, Tail>();
  #listening = true;

  constructor(limits: RoomLimits) {
    this.#limits = limits;
    this.#ring = new Ring({
      items: limits.messages,
      weight: limits.bytes,
      weigh: (message) => message.data.length,
    });
  }

  get isEmpty(): boolean {
    return this.#tails.size === 0;
  }

  enter(wsi: Wsi): void {
    this.#tails.set(wsi, this.#ring.attach());
    if (!this.#listening) this.#hold(wsi);
  }

  leave(wsi: Wsi): void {
    const tail = this.#tails.get(wsi);
    if (tail === undefined) return;
    this.#tails.delete(wsi);
    this.#ring.detach(tail);
    this.#listenIfLow();
  }

  /** Takes a message from one member for all of them, the sender included. */
  share(data: Uint8Array, binary: boolean): void {
    // A copy: what RECEIVE brings lives only until the callback returns.
    const message = { data: Buffer.from(data), mode: binary ? WriteProtocol.BINARY : WriteProtocol.TEXT };
    // From members it fits: nobody is listened to above the high mark, which leaves space for one more. Members in other
    // processes are not held back from here.
    if (!this.#ring.push(message)) return;
    for (const wsi of this.#tails.keys()) wsi.callbackOnWritable();
    if (this.#listening && this.#ring.fill >= HIGH_MARK) this.#stopListening();
  }

  /** Sends a member what it has not got yet, as far as its connection takes it. */
  writeTo(wsi: Wsi): void {
    const tail = this.#tails.get(wsi);
    if (tail === undefined) return;
    let message: Message | undefined;
    while ((message = this.#ring.peek(tail)) !== undefined && !wsi.sendPipeChoked()) {
      wsi.write(message.data, message.mode);
      this.#ring.advance(tail);
    }
    if (message !== undefined) wsi.callbackOnWritable();
    this.#listenIfLow();
  }

  /** The time that a member was given in `#hold` is over. */
  onTimer(wsi: Wsi): void {
    const tail = this.#tails.get(wsi);
    if (this.#listening || tail === undefined) return;
    if (this.#ring.isSlowest(tail)) wsi.terminate();
    else wsi.setTimer(this.#limits.cutAfter);
  }

  #stopListening(): void {
    this.#listening = false;
    for (const wsi of this.#tails.keys()) this.#hold(wsi);
  }

  #hold(wsi: Wsi): void {
    wsi.rxFlowControl(false);
    wsi.setTimer(this.#limits.cutAfter);
  }

  #listenIfLow(): void {
    if (this.#listening || this.#ring.fill > LOW_MARK) return;
    this.#listening = true;
    for (const wsi of this.#tails.keys()) {
      wsi.rxFlowControl(true);
      wsi.setTimer(-1);
    }
  }
}
