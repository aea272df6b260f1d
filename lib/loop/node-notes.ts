import type { TimerQueue } from "../base/timers.ts";
import type { OnLink, Task } from "./loop.ts";
import type { Block } from "./node-block.ts";
import type { NodeLink } from "./node-link.ts";

/** What is noted for the coming turn, and how a turn works it off. */
export class Notes {
  readonly #report: (thrown: unknown) => void;
  #arrivals: { link: NodeLink; onLink: OnLink }[] = [];
  #links: NodeLink[] = [];
  #wanting: NodeLink[] = [];
  #tasks: Task[] = [];

  constructor(report: (thrown: unknown) => void) {
    this.#report = report;
  }

  get some(): boolean {
    return this.#links.length + this.#wanting.length + this.#tasks.length + this.#arrivals.length > 0;
  }

  arrival(link: NodeLink, onLink: OnLink): void {
    this.#arrivals.push({ link, onLink });
  }

  /** Nobody is told of the links that have arrived: they are closed. */
  refuseArrivals(): void {
    for (const arrival of this.#arrivals) arrival.onLink = () => null;
  }

  /** Something is to be delivered to the link's handler. */
  link(link: NodeLink): void {
    this.#links.push(link);
  }

  /** The link's handler waits for `onWritable`. */
  wanting(link: NodeLink): void {
    this.#wanting.push(link);
  }

  task(task: Task): void {
    this.#tasks.push(task);
  }

  /**
   * The steps of a turn, in order. What a step notes for itself or for an earlier one waits for the next turn, so that
   * a turn ends. Returns the number of links, tasks and timers serviced.
   */
  work(block: Block, timers: TimerQueue, now: number): number {
    let serviced = this.#introduceAll() + this.#serveAll(block);
    block.flush();
    serviced += this.#drainAll() + this.#runTasks() + this.#expire(timers, now);
    block.flush();
    return serviced;
  }

  #introduceAll(): number {
    const arrivals = this.#arrivals;
    if (arrivals.length === 0) return 0;
    this.#arrivals = [];
    for (const { link, onLink } of arrivals) link.introduce(onLink);
    return arrivals.length;
  }

  #serveAll(block: Block): number {
    const links = this.#links;
    if (links.length === 0) return 0;
    this.#links = [];
    for (const link of links) {
      link.noted = false;
      link.serve();
      block.flush();
    }
    return links.length;
  }

  #drainAll(): number {
    const wanting = this.#wanting;
    if (wanting.length === 0) return 0;
    this.#wanting = [];
    let told = 0;
    for (const link of wanting) if (link.drain()) told++;
    return told;
  }

  #runTasks(): number {
    const tasks = this.#tasks;
    if (tasks.length === 0) return 0;
    this.#tasks = [];
    for (const task of tasks) {
      try {
        task.runSoon();
      } catch (thrown) {
        this.#report(thrown);
      }
    }
    return tasks.length;
  }

  #expire(timers: TimerQueue, now: number): number {
    try {
      return timers.expire(now);
    } catch (thrown) {
      this.#report(thrown);
      return 1;
    }
  }
}
