import type { Failure } from "../../lib/ws/codes.ts";
import type { ExtensionStack } from "../../lib/ws/extensions.ts";
import { Session, type SessionHandler, type SessionLimits } from "../../lib/ws/session.ts";
import { parseFrames, readClose } from "./frames.ts";
import { MemoryOutlet } from "./outlet.ts";

const LIMITS: SessionLimits = Object.freeze({
  server: true,
  rsv: 0,
  wholeMessages: false,
  pieceSize: 65_536,
  maxMessageSize: 1_000_000,
  maxEmptyFragments: 3,
  maxBufferedBytes: 16_777_216,
  validateOutgoing: false,
});

/** How a session ended. */
export interface Over {
  code: number;
  reason: string;
  wasClean: boolean;
}

/** A session over memory, and its handler, which writes down what it is told. */
export class TestSession implements SessionHandler {
  readonly session: Session;
  readonly outlet = new MemoryOutlet();
  /** A line for each call: `"text first final 0: Hello"`, what is still to come before the colon; `"pong: x"`. */
  readonly told: string[] = [];
  /** The messages put together again: `"text Hello"`. */
  readonly messages: string[] = [];
  /** The `room` of each onMessage. */
  readonly rooms: number[] = [];
  readonly peerCloses: string[] = [];
  readonly overs: Over[] = [];
  onMessageDo: () => void = () => {};
  onPeerCloseDo: () => boolean = () => true;
  #parts: Buffer[] = [];

  constructor(limits: Partial<SessionLimits> = {}, extensions: ExtensionStack | null = null) {
    this.session = new Session(this.outlet, this, { ...LIMITS, ...limits }, extensions);
  }

  /** How it ended; null while it has not. */
  get over(): Over | null {
    return this.overs[0] ?? null;
  }

  get canSend(): boolean {
    return this.session.canSend;
  }

  /** Feeds all of it in one read, at an offset as a loop's buffer has it. */
  feed(...parts: Uint8Array[]): void {
    const bytes = Buffer.concat([Buffer.alloc(3, 0xee), ...parts]);
    const taken = this.session.receive(bytes, 3, bytes.length);
    if (taken !== bytes.length) throw new Error(`only ${taken - 3} of ${bytes.length - 3} bytes were taken`);
  }

  /** The Close frames that were sent: `"1000 reason"`. Other frames are thrown away. */
  closes(): string[] {
    const closing = parseFrames(this.outlet.takeBytes()).filter(({ opcode }) => opcode === 8);
    return closing.map(readClose).map(({ code, reason }) => `${code} ${reason}`);
  }

  send(opcode: number, fin: boolean, data: Uint8Array | string): number {
    return this.session.send(opcode, fin, data);
  }

  sendControl(opcode: number, data: Uint8Array | string): number {
    return this.session.sendControl(opcode, data);
  }

  close(code?: number, reason?: string): void {
    this.session.close(code, reason);
  }

  fail(failure: Failure): void {
    this.session.fail(failure);
  }

  streamEnded(): void {
    this.session.streamEnded();
  }

  onMessage(buffer: Buffer, start: number, end: number, room: number): void {
    const { binary, first, final, remaining } = this.session;
    const kind = binary ? "binary" : "text";
    const payload = buffer.subarray(start, end);
    this.told.push(
      `${kind}${first ? " first" : ""}${final ? " final" : ""} ${remaining}: ${payload.toString()}`,
    );
    this.rooms.push(room);
    if (first) this.#parts = [];
    this.#parts.push(Buffer.from(payload));
    if (final) this.messages.push(`${kind} ${Buffer.concat(this.#parts).toString()}`);
    this.onMessageDo();
  }

  onPong(buffer: Buffer, start: number, end: number): void {
    this.told.push(`pong: ${buffer.toString("utf8", start, end)}`);
  }

  onPeerClose(code: number, reason: string): boolean {
    this.peerCloses.push(`${code} ${reason}`);
    return this.onPeerCloseDo();
  }

  onExtensionError(error: unknown): void {
    this.told.push(`extension error: ${String(error)}`);
  }

  /** Bytes that extensions have worked on. */
  work = 0;
  deaf = false;
  onExtensionWork(bytes: number): void {
    this.work += bytes;
  }

  onOver(code: number, reason: string, wasClean: boolean): void {
    this.overs.push({ code, reason, wasClean });
  }
}
