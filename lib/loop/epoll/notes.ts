import type { Task } from "../loop.ts";
import type { HostedLink } from "./link-host.ts";

/** What is to be done in the coming turn, or still in this one, without an event of the kernel's. */
export class Notes {
  readonly #threw: (link: HostedLink | undefined, thrown: unknown) => void;
  #feeds: HostedLink[] = [];
  #drains: HostedLink[] = [];
  #gone: { link: HostedLink; error: Error | undefined }[] = [];
  #tasks: Task[] = [];

  /** `threw` hears of what a handler or a task throws; the others are served all the same. */
  constructor(threw: (link: HostedLink | undefined, thrown: unknown) => void) {
    this.#threw = threw;
  }

  get any(): boolean {
    return this.#feeds.length + this.#drains.length + this.#gone.length + this.#tasks.length > 0;
  }

  feed(link: HostedLink): void {
    this.#feeds.push(link);
  }

  drain(link: HostedLink): void {
    this.#drains.push(link);
  }

  gone(link: HostedLink, error: Error | undefined): void {
    this.#gone.push({ link, error });
  }

  soon(task: Task): void {
    this.#tasks.push(task);
  }

  // Four steps of a turn. What is noted meanwhile for a step that is under way waits for the next turn.

  feedAll(): number {
    const feeds = this.#feeds;
    if (feeds.length === 0) return 0;
    this.#feeds = [];
    for (const link of feeds) {
      try {
        link.feed();
      } catch (thrown) {
        this.#threw(link, thrown);
      }
    }
    return feeds.length;
  }

  drainAll(): number {
    const drains = this.#drains;
    if (drains.length === 0) return 0;
    this.#drains = [];
    let served = 0;
    for (const link of drains) {
      try {
        if (link.drain()) served++;
      } catch (thrown) {
        this.#threw(link, thrown);
      }
    }
    return served;
  }

  tellGone(): number {
    const gone = this.#gone;
    if (gone.length === 0) return 0;
    this.#gone = [];
    for (const { link, error } of gone) {
      try {
        link.handler.onClose(error);
      } catch (thrown) {
        this.#threw(link, thrown);
      }
    }
    return gone.length;
  }

  runTasks(): number {
    const tasks = this.#tasks;
    if (tasks.length === 0) return 0;
    this.#tasks = [];
    for (const task of tasks) {
      try {
        task.runSoon();
      } catch (thrown) {
        this.#threw(undefined, thrown);
      }
    }
    return tasks.length;
  }
}
