import { once } from "node:events";
import { rmSync } from "node:fs";
import type { TLSSocket } from "node:tls";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { build, childBuild } from "../loop/epoll/child.ts";
import { Program } from "../support/program.ts";

const fixture = fileURLToPath(new URL("./server.mjs", import.meta.url));

process.once("exit", () => rmSync(childBuild, { recursive: true, force: true }));

/** What the program is told: options of its context, and how it is to behave. */
export interface ForkedOptions {
  eventLoop: "epoll" | "node";
  processes?: number;
  path?: string;
  ssl?: { cert: string; key: string };
  timeouts?: { drain: number };
  /** Where the program goes when it has a context. */
  folder?: string;
  /** How each child ends before it serves; or does not. */
  crash?: "throw" | "silent" | "wait";
  /** Options of another context, which the program makes and forks before. */
  second?: object;
}

/** The compiled fixture as a process of its own, with its children. */
export class Forked extends Program {
  readonly #options: ForkedOptions;
  /** Where peers connect to, once it is ready. */
  url = "";

  constructor(options: ForkedOptions) {
    build();
    process.env["LIB"] = `${childBuild}/lib`;
    const address = options.path === undefined ? { port: -1, host: "127.0.0.1" } : {};
    super(process.execPath, [fixture, JSON.stringify({ processes: 3, ...address, ...options })]);
    this.#options = options;
  }

  /** Starts it, and waits until its children serve. */
  static async start(options: ForkedOptions): Promise<Forked> {
    const forked = new Forked(options);
    const [, port] = await forked.prints(/ready on (\d+)/);
    forked.url = options.path === undefined ? forked.at(Number(port)) : `ws+unix://${options.path}:/`;
    return forked;
  }

  at(port: number): string {
    return `${this.#options.ssl === undefined ? "ws" : "wss"}://127.0.0.1:${port}/`;
  }

  async pids(): Promise<number[]> {
    const text = await this.answer("pids", /^\[.*\]$/m);
    return JSON.parse(text) as number[];
  }

  /** Writes a line, and gives what it prints to answer; the log has lines of its own. */
  async answer(line: string, pattern: RegExp): Promise<string> {
    const start = this.output.length;
    this.write(line);
    return (await this.prints(pattern, start))[0];
  }

  /** Opens so many sessions. */
  sessions(count: number, ticket?: Buffer): Promise<Session[]> {
    return Promise.all(Array.from({ length: count }, () => Session.open(this.url, ticket)));
  }
}

/** One peer, and what it has received. */
export class Session {
  readonly received: string[] = [];
  readonly closed: Promise<number>;
  /** The process that serves it. */
  pid = 0;
  /** Where TLS is spoken. */
  tls!: TLSSocket;
  /** Of the certificate that was shown. */
  name = "";
  /** The TLS session of the ticket goes on. */
  resumed = false;
  readonly #socket: WebSocket;

  private constructor(url: string, ticket: Buffer | undefined) {
    const options = { rejectUnauthorized: false, ...(ticket !== undefined && { session: ticket }) };
    this.#socket = new WebSocket(url, ["room"], options);
    this.#socket.on("upgrade", ({ socket }) => {
      this.tls = socket as TLSSocket;
      this.resumed = this.tls.isSessionReused?.() === true;
      this.name = String(this.tls.getPeerCertificate?.().subject?.CN ?? "");
    });
    this.#socket.on("message", (data) => {
      this.received.push(String(data));
      this.#socket.emit("received");
    });
    this.closed = new Promise((resolve) => this.#socket.on("close", resolve));
  }

  /** @param ticket - Of a TLS session to resume. */
  static async open(url: string, ticket?: Buffer): Promise<Session> {
    const session = new Session(url, ticket);
    await once(session.#socket, "open");
    session.say("pid");
    await session.has(1);
    session.pid = Number(session.received.shift());
    session.#socket.on("error", () => {});
    return session;
  }

  say(text: string): void {
    this.#socket.send(text);
  }

  /** Waits for so many messages. */
  async has(count: number): Promise<string[]> {
    while (this.received.length < count) await once(this.#socket, "received");
    return this.received;
  }

  /** Reads nothing any more, and so answers no Close. */
  stall(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.terminate();
  }
}

/** Resolves when the process is gone. */
export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
