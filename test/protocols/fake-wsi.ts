import { type CallbackReason, type Context, type Protocol, WriteProtocol, type Wsi } from "sluice";

/** What a protocol did to its session, in order. */
export type Action =
  | ["write", mode: number, data: string]
  | ["callbackOnWritable"]
  | ["rxFlowControl", enable: boolean]
  | ["setTimer", ms: number]
  | ["closeReason", code: number, text: string]
  | ["reject", status: number]
  | ["terminate"];

/** A session without a connection: it records what a protocol does to it. */
export class FakeWsi<Session = unknown> {
  readonly protocol: Protocol<Session>;
  readonly context: Context;
  readonly actions: Action[] = [];
  readonly headers: Record<string, string> = { "user-agent": "fake/1.0" };
  readonly stats = { bytesReceived: 0, bytesSent: 0, messagesReceived: 0, messagesSent: 0, since: 0 };
  readonly remoteAddress = "127.0.0.1";
  readonly remotePort = 50_000;
  user: Session;
  query = "";
  choked = false;
  /** Writes that are taken before the connection is choked. */
  room = Number.POSITIVE_INFINITY;
  piece = { first: true, final: true, binary: false };

  constructor(protocol: Protocol<Session>, context: Context) {
    this.protocol = protocol;
    this.context = context;
    this.user = protocol.perSessionData?.() as Session;
  }

  /** Calls the protocol, as the engine does. */
  call(reason: CallbackReason, input?: unknown): unknown {
    const length = typeof input === "string" || Buffer.isBuffer(input) ? input.length : 0;
    const callback = this.protocol.callback as (...args: unknown[]) => unknown;
    return callback.call(this.protocol, this.asWsi(), reason, this.user, input, length);
  }

  asWsi(): Wsi<Session> {
    return this as unknown as Wsi<Session>;
  }

  /** The actions since the last call. */
  take(): Action[] {
    return this.actions.splice(0);
  }

  /** The text that was written since the last call. */
  takeText(): string[] {
    return this.take().flatMap((action) => (action[0] === "write" ? [action[2]] : []));
  }

  getProtocol(): Protocol<Session> {
    return this.protocol;
  }
  write(data: string | Uint8Array, mode: number): number {
    this.actions.push(["write", mode, Buffer.from(data as Uint8Array).toString()]);
    this.room -= 1;
    if (this.room <= 0) this.choked = true;
    return data.length;
  }
  sendPipeChoked(): boolean {
    return this.choked;
  }
  callbackOnWritable(): void {
    this.actions.push(["callbackOnWritable"]);
  }
  rxFlowControl(enable: boolean): void {
    this.actions.push(["rxFlowControl", enable]);
  }
  setTimer(ms: number): void {
    this.actions.push(["setTimer", ms]);
  }
  closeReason(code: number, text = ""): void {
    this.actions.push(["closeReason", code, text]);
  }
  reject(status: number): void {
    this.actions.push(["reject", status]);
  }
  terminate(): void {
    this.actions.push(["terminate"]);
  }
  isFirstFragment(): boolean {
    return this.piece.first;
  }
  isFinalFragment(): boolean {
    return this.piece.final;
  }
  frameIsBinary(): boolean {
    return this.piece.binary;
  }
}

/** A context that knows its sessions and nothing else. */
export function fakeContext(sessions: readonly FakeWsi[] = []): Context {
  return { sessions: () => sessions } as unknown as Context;
}

export const text = (data: string): Action => ["write", WriteProtocol.TEXT, data];
