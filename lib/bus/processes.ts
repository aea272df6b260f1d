import { codedError } from "../base/errors.ts";
import type { Bus } from "./bus.ts";
import { isBytes, NotePipe, type ProcessEnd, readNote } from "./ipc.ts";
import { MAX_BACKLOG } from "./options.ts";
import { type Beyond, Room } from "./room.ts";

/** How long a parent has to answer, in milliseconds. */
const JOIN_TIMEOUT = 10_000;

let ofThisProcess: Room | null = null;

/**
 * A bus between the children of one process, and that process: over the channel that `fork` and `node:cluster` make.
 * This is a child's side of it. The parent has a `ProcessHub` and adds each child to it.
 *
 * A parent that reads too slowly loses what is above 16 MiB. When it ends, the bus is down for good.
 */
export function processBus(): Bus {
  ofThisProcess ??= parentRoom(process);
  return ofThisProcess.bus();
}

/** The buses of one child: they meet here, and share the channel to the parent. */
export function parentRoom(end: ProcessEnd): Room {
  const room: Room = new Room("processes", new Parent(end, () => room));
  return room;
}

class Parent implements Beyond {
  readonly #end: ProcessEnd;
  readonly #room: () => Room;
  readonly #pipe: NotePipe;
  #joined: (error?: Error) => void = () => {};

  constructor(end: ProcessEnd, room: () => Room) {
    this.#end = end;
    this.#room = room;
    this.#pipe = new NotePipe(end, "processes", MAX_BACKLOG, (packets, error) => room().lose(packets, error));
  }

  async open(): Promise<void> {
    if (this.#end.send === undefined || !this.#end.connected) {
      throw codedError(
        "ENOTCONN",
        "processBus: this process was not forked by another one, or that one is gone",
      );
    }
    this.#end.on("message", this.#onMessage);
    this.#end.on("disconnect", this.#onDisconnect);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        const missing = "no ProcessHub of the parent process has this child";
        this.#joined(codedError("ETIMEDOUT", `processBus: ${missing}`));
      }, JOIN_TIMEOUT);
      this.#joined = (error) => {
        clearTimeout(timer);
        if (error === undefined) resolve();
        else reject(error);
      };
      this.#pipe.note("join");
    });
  }

  send(packet: Uint8Array): void {
    this.#pipe.packet(packet);
  }

  sent(): Promise<void> {
    return this.#pipe.empty();
  }

  close(): void {
    this.#pipe.note("leave");
    this.#joined(new Error("processBus: closed while it connected"));
    this.#end.off("message", this.#onMessage);
    this.#end.off("disconnect", this.#onDisconnect);
  }

  readonly #onMessage = (message: unknown) => {
    const note = readNote(message);
    if (note?.kind === "packet" && isBytes(note.packet)) this.#room().deliver(note.packet);
    else if (note?.kind === "joined") this.#joined();
    else if (note?.kind === "refused") {
      const needed = 'the parent process has to fork this one with serialization: "advanced"';
      this.#joined(codedError("ENOTSUP", `processBus: ${needed}`));
    }
  };

  readonly #onDisconnect = () => {
    const error = codedError("ECONNRESET", "processBus: the parent process is gone");
    this.#joined(error);
    this.#room().down(error);
  };
}
