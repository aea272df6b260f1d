import type { Context } from "../api/context.ts";
import type { Protocol } from "../api/protocol.ts";
import type { Wsi, WsiState, WsiStats } from "../api/wsi.ts";
import { codedError } from "../base/errors.ts";

const NO_STATS: WsiStats = Object.freeze({
  since: 0,
  bytesReceived: 0,
  bytesSent: 0,
  messagesReceived: 0,
  messagesSent: 0,
});

/**
 * The `wsi` of callbacks that concern a context and no connection: PROTOCOL_INIT, PROTOCOL_DESTROY and
 * EVENT_WAIT_CANCELLED. It tells `context` and `getProtocol()`; there is nobody to write to.
 */
export class ContextWsi implements Wsi {
  readonly context: Context;
  readonly #protocol: Protocol;
  user: unknown = undefined;
  readonly state: WsiState = "CLOSED";
  readonly method = "";
  readonly uri = "";
  readonly query = "";
  readonly headers: Readonly<Record<string, string>> = Object.freeze(Object.create(null));
  readonly protocolsAsked: readonly string[] = [];
  readonly remoteAddress = "";
  readonly remotePort = 0;
  readonly secure = false;
  readonly peerCertificate = null;
  readonly peerAuthorized = false;
  readonly attempt = 0;
  readonly bufferedAmount = 0;
  readonly stats = NO_STATS;

  constructor(context: Context, protocol: Protocol) {
    this.context = context;
    this.#protocol = protocol;
  }

  getProtocol(): Protocol {
    return this.#protocol;
  }
  getSocketFd(): number {
    return -1;
  }
  write(): number {
    return -1;
  }
  ping(): number {
    return -1;
  }
  sendPipeChoked(): boolean {
    return false;
  }
  remainingPacketPayload(): number {
    return 0;
  }
  isFirstFragment(): boolean {
    return false;
  }
  isFinalFragment(): boolean {
    return false;
  }
  frameIsBinary(): boolean {
    return false;
  }
  callbackOnWritable(): void {}
  rxFlowControl(): void {}
  close(): void {}
  closeReason(): void {}
  terminate(): void {}
  setTimer(): void {
    throw noConnection("setTimer");
  }
  reject(): void {
    throw noConnection("reject");
  }
  httpReply(): void {
    throw noConnection("httpReply");
  }
  redirect(): void {
    throw noConnection("redirect");
  }
  serveHttpFile(): void {
    throw noConnection("serveHttpFile");
  }
  writeHttpHeaders(): void {
    throw noConnection("writeHttpHeaders");
  }
  async readBody(): Promise<never> {
    throw noConnection("readBody");
  }
  async readJson(): Promise<never> {
    throw noConnection("readJson");
  }
  async readForm(): Promise<never> {
    throw noConnection("readForm");
  }
  readMultipart(): never {
    throw noConnection("readMultipart");
  }
  bodyStream(): never {
    throw noConnection("bodyStream");
  }
  replyStream(): never {
    throw noConnection("replyStream");
  }
  eventStream(): never {
    throw noConnection("eventStream");
  }
}

function noConnection(method: string): Error {
  return codedError(
    "ERR_NO_CONNECTION",
    `${method}: this callback concerns the context, there is no connection`,
  );
}
