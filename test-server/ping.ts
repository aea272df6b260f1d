#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import {
  CallbackReason,
  type CloseInfo,
  type Context,
  createContext,
  NO_LISTEN,
  type Protocol,
  WriteProtocol,
  type Wsi,
} from "sluice";
import { clientProgram, Ending, open, printable, shown } from "./client-program.ts";
import { PingLog, type Reply } from "./ping-log.ts";
import { HELP, type PingOptions, parsePingOptions } from "./ping-options.ts";
import { replyLine, report } from "./ping-output.ts";
import { PingPayload } from "./ping-payload.ts";
import { EXIT, runIfMain, type Terminal } from "./program.ts";

/** Pings until the count is reached, the connection is lost, or ^C; then says how it went. */
export const main = clientProgram("sluice-ping", HELP, parsePingOptions, run);

async function run(options: PingOptions, terminal: Terminal): Promise<number> {
  const ending = new Ending();
  const pinger = new Pinger(options, terminal, ending);
  const { eventLoop, replicate, destination, protocol } = options;
  const context = await createContext({
    port: NO_LISTEN,
    protocols: [protocolOf(pinger)],
    eventLoop,
    timeouts: { close: 1000, drain: 1000 },
  });
  try {
    const asked = protocol === "" ? {} : { protocol };
    for (let n = 0; n < replicate; n++) open(context, destination, { localProtocol: "ping", ...asked });
  } catch (error) {
    await context.destroy();
    throw error;
  }
  await ending.wait(context, terminal);
  terminal.out(pinger.report());
  return pinger.log.received > 0 ? EXIT.ok : EXIT.failed;
}

function protocolOf(pinger: Pinger): Protocol {
  return {
    name: "ping",
    wholeMessages: true,
    callback(wsi, reason, _user, input) {
      switch (reason) {
        case CallbackReason.CLIENT_CONNECTION_ERROR:
          pinger.onConnectionError(wsi.context, input);
          break;

        case CallbackReason.CLIENT_ESTABLISHED:
          pinger.onEstablished(wsi);
          break;

        case CallbackReason.CLIENT_WRITEABLE:
          pinger.send();
          break;

        case CallbackReason.TIMER:
          pinger.onTimer();
          break;

        case CallbackReason.CLIENT_RECEIVE_PONG:
        case CallbackReason.CLIENT_RECEIVE:
          pinger.onReply(input);
          break;

        case CallbackReason.CLIENT_CLOSED:
          pinger.onClosed(wsi.context, input);
          break;
      }
    },
  };
}

/** Sends each ping on every connection, and follows what comes back. The first connection sets the pace. */
class Pinger {
  readonly log = new PingLog();
  readonly #options: PingOptions;
  readonly #terminal: Terminal;
  readonly #ending: Ending;
  readonly #payload: PingPayload;
  readonly #connections: Wsi[] = [];
  /** Replies that a ping may have: in a mirror, each copy comes back to each connection. */
  readonly #copies: number;
  #begin = 0;
  #end = 0;

  constructor(options: PingOptions, terminal: Terminal, ending: Ending) {
    this.#options = options;
    this.#terminal = terminal;
    this.#ending = ending;
    this.#payload = new PingPayload(options.size, randomBytes(8));
    this.#copies = options.replicate ** (options.mirror ? 2 : 1);
  }

  report(): string {
    return report(this.#host, this.log, this.#end - this.#begin);
  }

  onConnectionError(context: Context, error: Error): void {
    this.#ending.noConnection(context, this.#options.destination, error);
  }

  onEstablished(wsi: Wsi): void {
    this.#connections.push(wsi);
    if (this.#connections.length < this.#options.replicate) return;
    const { destination, size, mirror } = this.#options;
    const how = mirror ? "messages" : "PING frames";
    this.#terminal.out(`PING ${shown(destination.url)} with ${how} of ${size} bytes`);
    this.#begin = this.#end = performance.now();
    this.#first.callbackOnWritable();
  }

  send(): void {
    const { count, mirror, flood, interval, wait } = this.#options;
    if (this.log.sent === count || this.#ending.over) return;
    const bytes = this.#payload.encode(this.log.send(performance.now()));
    for (const wsi of this.#connections) mirror ? wsi.write(bytes, WriteProtocol.BINARY) : wsi.ping(bytes);
    if (flood) this.#terminal.out(".", "");
    this.#end = performance.now();
    this.#first.setTimer(this.log.sent === count ? wait : interval);
  }

  onTimer(): void {
    if (this.log.sent === this.#options.count) this.#ending.end(this.#first.context);
    else this.#first.callbackOnWritable();
  }

  onReply(bytes: Buffer): void {
    const sequence = this.#payload.decode(bytes);
    if (sequence === undefined || this.#ending.over) return;
    const reply = this.log.reply(sequence, performance.now());
    if (reply === undefined) return;
    this.#end = performance.now();
    this.#show(reply);
    if (this.#complete) this.#ending.end(this.#first.context);
    else if (this.#options.flood && !reply.duplicate) this.#first.callbackOnWritable();
  }

  onClosed(context: Context, { code, reason }: CloseInfo): void {
    if (this.#ending.over) return;
    this.#terminal.error(
      `sluice-ping: the connection was closed: ${printable(`${code} ${reason}`.trimEnd())}`,
    );
    this.#ending.end(context);
  }

  #show(reply: Reply): void {
    if (!this.#options.flood) this.#terminal.out(replyLine(this.#options.size, this.#host, reply));
    else if (!reply.duplicate) this.#terminal.out("\b \b", "");
  }

  /** Everything that could come back has. */
  get #complete(): boolean {
    const { sent, received, duplicates } = this.log;
    return sent === this.#options.count && received + duplicates >= sent * this.#copies;
  }

  get #first(): Wsi {
    return this.#connections[0]!;
  }

  get #host(): string {
    return this.#options.destination.url.hostname;
  }
}

runIfMain(import.meta.url, main);
