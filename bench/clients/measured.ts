import { setTimeout as delay } from "node:timers/promises";

/** What a client program is to do, as it stands on its command line: `PORT CONNECTIONS BYTES DEPTH SECONDS`. */
export interface ClientTask {
  port: number;
  connections: number;
  /** Payload of each message. */
  bytes: number;
  /** Messages in flight on each connection. */
  depth: number;
  /** The time that is measured. */
  seconds: number;
}

/** The one line that a client program prints. */
export interface ClientFigures {
  /** Echoes that came back. */
  count: number;
  /** The time that was measured, and the CPU time that the program took in it, in seconds. */
  seconds: number;
  cpu: number;
  /** Connections that could not be opened, or ended when nobody asked them to. */
  errors: number;
}

/** The same load before the measured time. */
const WARMUP_MS = 300;

/** Reads the numbers of a command line. */
export function readTask(words: readonly string[]): ClientTask {
  const [port, connections, bytes, depth, seconds] = words.map(Number);
  return { port, connections, bytes, depth, seconds };
}

/** The sessions of a client program: those that are open, and what came back to them. */
export class Sessions<Session> {
  count = 0;
  errors = 0;
  readonly #open: Session[] = [];
  readonly #task: ClientTask;
  readonly #start: (session: Session) => void;

  /** @param start - Called for each session when all are open; sends the first messages. */
  constructor(task: ClientTask, start: (session: Session) => void) {
    this.#task = task;
    this.#start = start;
  }

  /** A session is open. With the last of them the measurement begins. */
  add(session: Session): void {
    this.#open.push(session);
    if (this.#open.length === this.#task.connections) void this.#measure();
  }

  async #measure(): Promise<void> {
    for (const session of this.#open) this.#start(session);
    await delay(WARMUP_MS);
    const { count } = this;
    const at = performance.now();
    const cpu = process.cpuUsage();
    await delay(this.#task.seconds * 1000);
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - at) / 1000;
    const { errors } = this;
    const figures: ClientFigures = { count: this.count - count, seconds, cpu: (user + system) / 1e6, errors };
    console.log(JSON.stringify(figures));
    process.exit(0);
  }

  /** A connection failed. Before all are open nothing can be measured any more. */
  fail(why: unknown): void {
    this.errors += 1;
    if (this.#open.length === this.#task.connections) return;
    console.error(String(why));
    process.exit(1);
  }
}
