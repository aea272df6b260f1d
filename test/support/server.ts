import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect } from "vitest";
import {
  ANY_PORT,
  type CallbackArguments,
  CallbackReason,
  type CallbackResult,
  type Context,
  type ContextOptions,
  createContext,
  type Protocol,
  reasonName,
  type Wsi,
} from "../../lib/index.ts";
import type { RequestOptions } from "./frames.ts";
import { checkLeaks } from "./leaks.ts";
import { dropPeers, Peer, type PeerOptions, type Reply } from "./node-client.ts";

export type LoopName = "node" | "epoll";

const beside = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Certificate and key for localhost, made for these tests. */
export const certificate = { cert: beside("cert.pem"), key: beside("key.pem") };

async function findLoops(): Promise<LoopName[]> {
  const asked = process.env["SLUICE_TEST_LOOPS"];
  if (asked) return asked.split(",").map((name) => name.trim() as LoopName);
  if (!existsSync(beside("../../lib/loop/epoll/epoll.ts"))) {
    console.warn("epoll loop: not tested, lib/loop/epoll/epoll.ts is not there");
    return ["node"];
  }
  return (await canStart({ eventLoop: "epoll" }, "epoll loop")) ? ["node", "epoll"] : ["node"];
}

/** Says why, where such a context cannot be made. */
async function canStart(options: ContextOptions, what: string): Promise<boolean> {
  try {
    await (await createContext(options)).destroy();
    return true;
  } catch (error) {
    console.warn(`${what}: not tested, it cannot run here: ${error}`);
    return false;
  }
}

/** The loops that the suites run on: SLUICE_TEST_LOOPS ("node,epoll"), else all that can run here. */
export const loops: readonly LoopName[] = await findLoops();

const epollSpeaksTls =
  loops.includes("epoll") &&
  (await canStart({ eventLoop: "epoll", port: ANY_PORT, ssl: certificate }, "TLS on the epoll loop"));

/** Whether contexts on this loop listen with TLS; where not, a line has said why. */
export const speaksTls = (loop: LoopName): boolean => loop === "node" || epollSpeaksTls;

const running = new Set<TestServer>();

/** One suite for each loop. What its tests leave running is stopped after each of them. */
export function describeLoops(title: string, suite: (loop: LoopName) => void): void {
  describe.each(loops)(`${title}, on the %s loop`, (loop) => {
    checkLeaks();
    afterEach(async () => {
      await dropPeers();
      await Promise.all([...running].map((server) => server.destroy()));
    });
    suite(loop);
  });
}

type ReasonName = keyof typeof CallbackReason;

/** One call of a protocol's callback. */
export interface Note {
  /** The name of the reason, `"RECEIVE"` or `"USER+3"`. */
  reason: string;
  protocol: string;
  wsi: Wsi;
  user: unknown;
  /** A copy, where it was a Buffer. */
  input: unknown;
  len: number;
  /** Of RECEIVE: what the questions about the piece answered. */
  piece?: { first: boolean; final: boolean; binary: boolean; remaining: number };
}

export type Hook = (wsi: Wsi, input: never, note: Note) => CallbackResult;
export type Hooks = { [Name in ReasonName | `USER+${number}`]?: Hook };

/** A protocol that writes down every call, and the hooks that answer some of them. */
export class Recorder {
  readonly notes: Note[] = [];
  readonly protocol: Protocol;
  readonly hooks: Hooks;
  #waiting: (() => void)[] = [];

  constructor(hooks: Hooks = {}, protocol: Partial<Protocol> = {}) {
    this.hooks = hooks;
    this.protocol = { name: "test", ...protocol, callback: (...args) => this.#call(...args) };
  }

  #call(...[wsi, reason, user, input, len]: CallbackArguments<unknown>): CallbackResult {
    const note: Note = {
      reason: reasonName(reason),
      protocol: this.protocol.name,
      wsi,
      user,
      input: Buffer.isBuffer(input) ? Buffer.from(input) : input,
      len,
    };
    if (reason === CallbackReason.RECEIVE) note.piece = pieceOf(wsi);
    this.notes.push(note);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
    const hook = this.hooks[note.reason as ReasonName];
    if (hook) return hook(wsi, input as never, note);
    if (reason === CallbackReason.HTTP) wsi.httpReply(200, {}, "plain");
    return undefined;
  }

  /** Waits until `done` says so; asked again after every call. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Waits for the `count`th call with this reason and gives its note. */
  async nth(reason: string, count = 1): Promise<Note> {
    await this.until(() => this.all(reason).length >= count);
    return this.all(reason)[count - 1];
  }

  all(reason: string): Note[] {
    return this.notes.filter((note) => note.reason === reason);
  }

  /** The names of all calls in order, but for those that only concern the context. */
  names(): string[] {
    return this.notes.map((note) => note.reason).filter((name) => !contextReasons.has(name));
  }

  /** The payloads of all RECEIVE calls as text. */
  received(): string[] {
    return this.all("RECEIVE").map((note) => String(note.input));
  }
}

const contextReasons = new Set(["PROTOCOL_INIT", "PROTOCOL_DESTROY", "EVENT_WAIT_CANCELLED"]);

const pieceOf = (wsi: Wsi) => ({
  first: wsi.isFirstFragment(),
  final: wsi.isFinalFragment(),
  binary: wsi.frameIsBinary(),
  remaining: wsi.remainingPacketPayload(),
});

export interface ServerOptions extends ContextOptions {
  /** Hooks of the recorder that is the only protocol when `protocols` is not given. */
  on?: Hooks;
  /** Fields of that protocol. */
  protocol?: Partial<Protocol>;
  /** False: nobody services the context. */
  run?: boolean;
}

export interface TestServer extends Recorder {
  readonly context: Context;
  readonly port: number;
  /** Every line of the log, `"error …"`. */
  readonly log: string[];
  connect(options?: PeerOptions): Promise<Peer>;
  /** Connects and upgrades; fails unless the answer is 101. */
  open(options?: RequestOptions): Promise<Peer>;
  /** Connects, sends the bytes and takes one reply. */
  ask(request: string | Uint8Array): Promise<Reply>;
  /** As `open`, and gives the server's end of it too. */
  pair(options?: RequestOptions): Promise<{ peer: Peer; wsi: Wsi }>;
  /** Drops all peers and destroys the context; `context.destroy` alone waits for the peers. */
  destroy(): Promise<void>;
}

/** Starts and runs a context on a free port, with a logger and a protocol that write everything down. */
export async function startServer(options: ServerOptions): Promise<TestServer> {
  const { on, protocol, run = true, ...rest } = options;
  const recorder = new Recorder(on, protocol);
  const log: string[] = [];
  const line = (level: string) => (message: string) => void log.push(`${level} ${message}`);
  const logger = { error: line("error"), warn: line("warn"), info: line("info"), debug: line("debug") };
  const address = rest.path === undefined ? { port: ANY_PORT, host: "127.0.0.1" } : {};
  const context = await createContext({ ...address, protocols: [recorder.protocol], logger, ...rest });
  const server = Object.assign(recorder, face(context, options, recorder), { context, log });
  server.destroy = async () => {
    running.delete(server);
    await dropPeers();
    await context.destroy();
  };
  running.add(server);
  if (run) void context.run();
  return server;
}

function face(context: Context, options: ServerOptions, recorder: Recorder) {
  const target = options.path === undefined ? { port: context.port } : { path: options.path };
  const connect = (more: PeerOptions = {}) =>
    Peer.open({ ...target, tls: options.ssl !== undefined, ...more });
  const open = async (request: RequestOptions = {}) => {
    const peer = await connect();
    const reply = await peer.upgrade(request);
    expect(reply.status, reply.body.toString()).toBe(101);
    return peer;
  };
  return {
    port: context.port,
    connect,
    open,
    async ask(request: string | Uint8Array) {
      const peer = await connect();
      peer.send(request);
      return peer.response();
    },
    async pair(request: RequestOptions = {}) {
      const before = recorder.all("ESTABLISHED").length;
      const peer = await open(request);
      return { peer, wsi: (await recorder.nth("ESTABLISHED", before + 1)).wsi };
    },
    destroy: async () => {},
  };
}

/** An empty folder that is removed after the test process; its name begins with `sluice-`. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
