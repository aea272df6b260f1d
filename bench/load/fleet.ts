import type { ConnectOptions, Link, Loop } from "../../lib/loop/loop.ts";
import type { Deflate, Handshake } from "../cases.ts";
import { Client, type ClientHost, type MessageCounter } from "./client.ts";
import { FrameCounter } from "./frame-counter.ts";
import { HttpCounter } from "./http-counter.ts";
import { TlsDialler } from "./tls-dialler.ts";
import type { Workload } from "./workloads.ts";

/** Connections that are on their way at a time. */
const WIDTH = 64;
/** Connections to one address of 127/8; each has some 28 000 ports of its own. */
const PER_ADDRESS = 20_000;
const CONNECT_TIMEOUT = 10_000;

export interface Target {
  port: number;
  /** The sub-protocol to ask for; none when empty. */
  subprotocol: string;
  /** What to offer of permessage-deflate; nothing when it is not there. */
  deflate?: Deflate;
  /** What to ask for in plain HTTP; when it is not there, connections are upgraded. */
  path?: string;
  /** Speak TLS. */
  tls?: Handshake;
}

const OFFERS: Record<Deflate, string> = {
  takeover: "permessage-deflate",
  fresh: "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
};

/** The upgrade request of every client (RFC 6455 section 4.1; the key is the RFC's own example). */
export function upgradeRequest({ port, subprotocol, deflate }: Target): Buffer {
  const lines = [
    "GET / HTTP/1.1",
    `Host: 127.0.0.1:${port}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
  ];
  if (subprotocol !== "") lines.push(`Sec-WebSocket-Protocol: ${subprotocol}`);
  if (deflate !== undefined) lines.push(`Sec-WebSocket-Extensions: ${OFFERS[deflate]}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
}

/** The request of every client that is not upgraded. */
export function plainRequest(port: number, path: string): Buffer {
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`, "latin1");
}

/** All clients of a process: opens them, and counts what they receive. */
export class Fleet implements ClientHost {
  readonly upgrade: Buffer | null;
  readonly clients: Client[] = [];
  opened = 0;
  /** Connections that could not be opened, or ended when nobody asked them to. */
  errors = 0;
  messages = 0;
  readonly #loop: Loop;
  readonly #target: Target;
  readonly #workload: Workload;
  /** Null where the loop connects by itself, which resumes no session. */
  readonly #dialler: TlsDialler | null;
  #wanted = 0;
  #started = 0;
  #failed = 0;

  constructor(loop: Loop, target: Target, workload: Workload) {
    this.#loop = loop;
    this.#target = target;
    this.#workload = workload;
    this.#dialler = target.tls === "resumed" ? new TlsDialler(loop, target.tls) : null;
    this.upgrade = target.path === undefined ? upgradeRequest(target) : null;
  }

  createCounter(): MessageCounter {
    return this.upgrade === null ? new HttpCounter() : new FrameCounter();
  }

  /** Opens `count` connections, a few at a time. */
  open(count: number): void {
    this.#wanted = count;
    for (let i = 0; i < WIDTH; i++) this.#next();
  }

  /** Opens no more. */
  stop(): void {
    this.#wanted = 0;
  }

  /** True when every connection is open or has failed. */
  get settled(): boolean {
    return this.opened + this.#failed >= this.#wanted;
  }

  #next(): void {
    if (this.#started >= this.#wanted) return;
    const host = `127.0.0.${1 + (Math.floor(this.#started++ / PER_ADDRESS) % 250)}`;
    const options: ConnectOptions = { host, port: this.#target.port, timeout: CONNECT_TIMEOUT };
    if (this.#target.tls === "full") options.tls = { rejectUnauthorized: false };
    if (this.#dialler === null) this.#loop.connect(options, this.#connected, this.#refused);
    else this.#dialler.dial(options, this.#connected, this.#refused);
  }

  readonly #connected = (link: Link): Client => new Client(this, link);

  readonly #refused = (): void => {
    this.errors++;
    this.#failed++;
    this.#next();
  };

  onOpen(client: Client): void {
    this.opened++;
    if (this.#workload.keeps) this.clients.push(client);
    this.#workload.opened(client);
    this.#next();
  }

  onMessages(client: Client, count: number): void {
    this.messages += count;
    this.#workload.received(client, count);
  }

  onGone(_client: Client, open: boolean): void {
    if (!open) this.#refused();
    else if (this.#workload.keeps) this.errors++;
  }
}
