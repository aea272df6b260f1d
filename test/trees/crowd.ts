import {
  type BusStats,
  CallbackReason,
  type Context,
  createContext,
  type Protocol,
  WriteProtocol,
  type Wsi,
} from "../../lib/index.ts";
import type { LoopName } from "../support/server.ts";

/** A client that connects again whenever its connection ends, and what it has heard. */
export class Listener {
  /** The process that serves it; 0 while none does. */
  pid = 0;
  /** The codes of the sessions that it has lost. */
  readonly lost: number[] = [];
  /** By round, in the order in which they came. */
  readonly #heard = new Map<string, string[]>();
  #stats: BusStats | null = null;
  #wsi: Wsi | null = null;
  #waiting: (() => void)[] = [];

  /** The messages of a round; each is `"round sender number"`. */
  heard(round: string): readonly string[] {
    return this.#heard.get(round) ?? [];
  }

  get all(): readonly string[] {
    return [...this.#heard.values()].flat();
  }

  /** Has its process broadcast this. */
  say(text: string): void {
    this.#wsi?.write(`say ${text}`, WriteProtocol.TEXT);
  }

  /** What its process knows of the bus. */
  async stats(): Promise<BusStats> {
    this.#stats = null;
    this.#wsi?.write("stats", WriteProtocol.TEXT);
    await this.until(() => this.#stats !== null);
    return this.#stats!;
  }

  /** Waits until this is so; asked again whenever anything happens to it. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  opened(wsi: Wsi): void {
    this.#wsi = wsi;
    wsi.write("pid", WriteProtocol.TEXT);
  }

  closed(code: number): void {
    this.pid = 0;
    this.#wsi = null;
    this.lost.push(code);
    this.#wake();
  }

  receive(text: string): void {
    const [first, rest] = text.split(/ (.*)/);
    if (first === "pid") this.pid = Number(rest);
    else if (first === "stats") this.#stats = JSON.parse(rest) as BusStats;
    else if (this.#heard.has(first)) this.#heard.get(first)!.push(text);
    else this.#heard.set(first, [text]);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

const room: Protocol<Listener> = {
  name: "room",
  wholeMessages: true,
  callback(wsi, reason, listener, input) {
    if (reason === CallbackReason.CLIENT_ESTABLISHED) listener.opened(wsi);
    if (reason === CallbackReason.CLIENT_RECEIVE) listener.receive(String(input));
    if (reason === CallbackReason.CLIENT_CLOSED) listener.closed(input.code);
  },
};

/** Many clients, in a context of their own. */
export class Crowd {
  readonly listeners: Listener[] = [];
  readonly #context: Context;

  private constructor(context: Context) {
    this.#context = context;
  }

  static async start(eventLoop: LoopName): Promise<Crowd> {
    const context = await createContext({ eventLoop, protocols: [room as Protocol] });
    void context.run();
    return new Crowd(context);
  }

  /** Opens one more, and waits until it knows who serves it. */
  async open(url: string): Promise<Listener> {
    const listener = new Listener();
    this.listeners.push(listener);
    const retry = { minDelay: 20, maxDelay: 200, maxAttempts: Number.POSITIVE_INFINITY };
    this.#context.clientConnect({ url, protocol: "room", user: listener, retry });
    await listener.until(() => listener.pid > 0);
    return listener;
  }

  /** One of those whom a process serves; undefined where it serves none. */
  of(pid: number): Listener | undefined {
    return this.listeners.find((each) => each.pid === pid);
  }

  destroy(): Promise<void> {
    return this.#context.destroy();
  }
}
