import { EventEmitter } from "node:events";
import type { ProcessEnd } from "../../lib/bus/ipc.ts";

/** One end of a channel in memory, which delivers in a microtask, or holds back for as long as its peer does not read. */
export class FakeEnd extends EventEmitter implements ProcessEnd {
  connected = true;
  peer: FakeEnd | null = null;
  isReading = true;
  readonly #held: (() => void)[] = [];

  send(
    message: object,
    _handle: undefined,
    _options: undefined,
    callback: (error: Error | null) => void,
  ): boolean {
    const deliver = () => {
      callback(null);
      this.peer!.emit("message", structuredClone(message));
    };
    if (this.peer!.isReading) queueMicrotask(deliver);
    else this.peer!.#held.push(deliver);
    return true;
  }

  read(): void {
    this.isReading = true;
    for (const deliver of this.#held.splice(0)) deliver();
  }

  /** Ends the channel on both sides. */
  disconnect(): void {
    for (const end of [this, this.peer!]) {
      end.connected = false;
      end.emit("disconnect");
    }
  }
}

/** The ends of a channel: the parent's and the child's. */
export function channelEnds(): [parent: FakeEnd, child: FakeEnd] {
  const [parent, child] = [new FakeEnd(), new FakeEnd()];
  parent.peer = child;
  child.peer = parent;
  return [parent, child];
}
