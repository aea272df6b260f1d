import { isUtf8 } from "node:buffer";
import type { Codec, DeflateSettings } from "../../../lib/base/codec.ts";
import { zlibCodec } from "../../../lib/base/zlib-codec.ts";
import { BINARY, CLOSE, CONTINUATION, FAILURES, isCloseCode, TEXT } from "../../../lib/ws/codes.ts";
import { DeflateSession } from "../../../lib/ws/deflate.ts";
import { ExtensionStack } from "../../../lib/ws/extensions.ts";
import { lend, takeBack } from "../../../lib/ws/frame.ts";
import { FrameParser, type FrameSink } from "../../../lib/ws/parser.ts";
import { closePayload, Session, type SessionHandler, type SessionLimits } from "../../../lib/ws/session.ts";
import type { Random } from "../random.ts";
import { check } from "../target.ts";
import { FuzzOutlet } from "./fuzz-outlet.ts";

/** How a session is set up, and what its user does. */
export interface Setup {
  readonly limits: SessionLimits;
  /** permessage-deflate is agreed on. */
  readonly deflate: boolean;
  /** The user begins to close before anything arrives. */
  readonly closing: boolean;
  /** The user sends back what arrives, piece by piece. */
  readonly echo: boolean;
  /** What the user does behind the second message. */
  readonly behindSecond: "nothing" | "close" | "fail";
  /** The user drops the connection when the peer closes. */
  readonly refuse: boolean;
}

/** What a session has told and sent, the same however its bytes were cut. */
export interface Story {
  /** Whole messages, pongs, closes and the end. */
  readonly told: readonly string[];
  /** What came of the message that did not end. */
  readonly toldTail: string;
  /** What the peer reads of what was sent, in the same form. */
  readonly sent: readonly string[];
  readonly sentTail: string;
  /** For each told line its kind, without what a peer chose freely. */
  readonly kinds: readonly string[];
}

const SETTINGS: DeflateSettings = { level: 1, memLevel: 8, windowBits: 15 };
const TERMS = { settings: SETTINGS, threshold: 10, sendWindow: 32_768, receiveWindow: 32_768 };
const POISON = 0xee;
/** Bytes around those of a read, which nobody may touch. */
const GUARD = 16;
const SECOND = 2;

const CAUSES: ReadonlySet<string> = new Set(
  Object.values(FAILURES).map(({ code, reason }) => `${code} ${reason}`),
);

let lent: Buffer = Buffer.alloc(0);
/** Takes back what it has lent at the next call, as other codecs may. */
const strictCodec: Codec = {
  ...zlibCodec,
  inflate(data, start, end, history, maxLength) {
    const text = zlibCodec.inflate(data, start, end, history, maxLength);
    takeTextBack();
    if (Buffer.isBuffer(text)) lent = text;
    return text;
  },
};

function takeTextBack(): void {
  lent.fill(POISON);
}

function extensionsOf({ deflate, limits }: Setup): ExtensionStack | null {
  return deflate ? new ExtensionStack(new DeflateSession(strictCodec, TERMS), limits.rsv, null) : null;
}

/** The user of a session: checks what it is told, writes it down, and does what its setup says. */
class User implements SessionHandler {
  readonly session: Session;
  readonly outlet = new FuzzOutlet();
  readonly told: string[] = [];
  readonly kinds: string[] = [];
  isOver = false;
  /** Called behind all that is told. */
  after: () => void = () => {};
  readonly #setup: Setup;
  #open: Buffer[] | null = null;
  #openKind = "";
  #messages = 0;

  constructor(setup: Setup) {
    this.#setup = setup;
    this.session = new Session(this.outlet, this, setup.limits, extensionsOf(setup));
    if (setup.closing) this.session.close(1001, "at once");
  }

  onMessage(buffer: Buffer, start: number, end: number, room: number): void {
    const { session, kind } = this;
    const { limits } = this.#setup;
    check(!this.isOver, "nothing is told behind onOver");
    check(session.first === (this.#open === null), "the first piece, and no other, is marked so");
    check(room >= 0 && room <= start, "the room lies in the buffer");
    check(limits.wholeMessages || end - start <= limits.pieceSize, "a piece keeps to its size");
    check(!limits.wholeMessages || (session.first && session.final), "a whole message comes in one piece");
    check(!session.final || session.remaining === 0, "nothing is to come behind the last piece");
    this.#open ??= [];
    this.#openKind = kind;
    this.#open.push(Buffer.from(buffer.subarray(start, end)));
    buffer.fill(POISON, start - room, start);
    const { final, first } = session;
    this.#echo(buffer, start, end, room, first, final);
    // Lent until the call returns, so that its user may have changed it.
    buffer.fill(POISON, start, end);
    if (final) this.#messageOver(kind, Buffer.concat(this.#open));
    this.after();
  }

  /** What has come of a message that has not ended. */
  get tail(): string {
    return this.#open === null ? "" : `${this.#openKind} ${Buffer.concat(this.#open).toString("hex")}`;
  }

  get kind(): string {
    return this.session.binary ? "binary" : "text";
  }

  #echo(buffer: Buffer, start: number, end: number, room: number, first: boolean, final: boolean): void {
    const { session } = this;
    if (!this.#setup.echo || !session.canSend) return;
    const opcode = !first ? CONTINUATION : session.binary ? BINARY : TEXT;
    const view = buffer.subarray(start, end);
    lend(view, buffer, start, room);
    check(session.send(opcode, final, view) === view.length, "send returns the size of what it was given");
    takeBack();
  }

  #messageOver(kind: string, message: Buffer): void {
    this.#open = null;
    check(message.length <= this.#setup.limits.maxMessageSize, "a message keeps to its limit");
    check(kind === "binary" || isUtf8(message), "text is UTF-8");
    const size = message.length === 0 ? "empty" : message.length < 126 ? "short" : "long";
    this.#write(`${kind} ${size}`, `${kind} ${message.toString("hex")}`);
    if (++this.#messages !== SECOND) return;
    if (this.#setup.behindSecond === "close") this.session.close(4000, "enough");
    if (this.#setup.behindSecond === "fail") this.session.fail(FAILURES.callback);
  }

  onPong(buffer: Buffer, start: number, end: number): void {
    check(!this.isOver, "nothing is told behind onOver");
    check(end - start <= 125, "a pong is short");
    this.#write("pong", `pong ${buffer.toString("hex", start, end)}`);
    this.after();
  }

  onPeerClose(code: number, reason: string): boolean {
    check(!this.isOver, "nothing is told behind onOver");
    check(code === 1005 || isCloseCode(code), "a code that is told may stand in a Close");
    const payload = code === 1005 ? "" : closePayload(code, reason).toString("hex");
    this.#write(`close ${code >= 3000 ? "own" : code}`, `close ${payload}`);
    return !this.#setup.refuse;
  }

  onOver(code: number, reason: string, wasClean: boolean): void {
    check(!this.isOver, "onOver comes once");
    this.isOver = true;
    check(this.session.over, "a session that is over knows it");
    const known = wasClean || code === 1006 || CAUSES.has(`${code} ${reason}`);
    check(known || this.#setup.refuse, `a failure is one of the table, not ${code} ${reason}`);
    const cause = CAUSES.has(`${code} ${reason}`) ? reason : code >= 3000 ? "own" : String(code);
    this.#write(`over ${wasClean} ${cause}`, `over ${wasClean} ${code} ${reason}`);
  }

  onExtensionError(error: unknown): void {
    throw error;
  }

  onExtensionWork(): void {}

  get deaf(): boolean {
    return false;
  }

  #write(kind: string, line: string): void {
    this.kinds.push(kind);
    this.told.push(line);
  }
}

/** Checks that what is sent is frames, and that none follows a Close. */
class Wire implements FrameSink {
  #closed = false;
  #frames = 0;

  /** @param limits - Of who reads it. */
  check(bytes: Buffer, limits: SessionLimits): void {
    const parser = new FrameParser(this, limits);
    parser.feed(bytes, 0, bytes.length);
    const before = this.#frames;
    const probe = Buffer.from(limits.server ? "8a8000000000" : "8a00", "hex");
    if (this.#closed) return;
    parser.feed(probe, 0, probe.length);
    check(this.#frames === before + 1, "frames are sent whole");
  }

  onDataFrame(): void {
    check(!this.#closed, "no frame is sent behind a Close");
    this.#frames++;
  }
  onPayload(): void {}
  onControl(opcode: number): void {
    this.onDataFrame();
    this.#closed = opcode === CLOSE;
  }
  onFailure({ reason }: { reason: string }): void {
    throw new Error(`what is sent is wrong: ${reason}`);
  }
}

/** Plays a stream to a session in reads that end at `ends`, held back at random where `holds` is given. */
export function play(stream: Buffer, setup: Setup, ends: readonly number[], holds: Random | null): Story {
  const user = new User(setup);
  const { session } = user;
  let held = false;
  user.after = () => {
    if (holds?.oneIn(2) !== true) return;
    held = true;
    session.hold(true);
    // Held and let go within the same call is no hold.
    if (holds.oneIn(4)) session.hold((held = false));
  };
  const buffer = Buffer.alloc(stream.length + 2 * GUARD);
  let start = 0;
  for (const end of ends) {
    const behind = GUARD + end - start;
    buffer.fill(POISON, 0, behind + GUARD);
    stream.copy(buffer, GUARD, start, end);
    let at = GUARD;
    do {
      session.hold((held = false));
      // Another session may have had its turn.
      takeTextBack();
      const taken = session.receive(buffer, at, behind);
      check(taken >= at && taken <= behind, "an offset that is returned lies within the range");
      check(taken === behind || held, "without a hold all is taken");
      at = taken;
    } while (at < behind || held);
    for (let i = 0; i < GUARD; i++) {
      check(buffer[i] === POISON && buffer[behind + i] === POISON, "no byte around what was read is touched");
    }
    start = end;
  }
  const wasOver = user.isOver;
  session.streamEnded();
  check(user.isOver, "the end of the stream is the end of the session");
  check(wasOver || !session.canSend, "a session that is over sends nothing");
  return { ...sentBy(user, setup), told: user.told, toldTail: user.tail, kinds: user.kinds };
}

/** What the peer reads of what was sent. */
function sentBy(user: User, setup: Setup): { sent: readonly string[]; sentTail: string } {
  const limits = {
    ...setup.limits,
    ...{ server: !setup.limits.server, wholeMessages: false, pieceSize: 1e9, maxMessageSize: 1e9 },
    maxEmptyFragments: 1e9,
  };
  const bytes = user.outlet.bytes();
  new Wire().check(Buffer.from(bytes), limits);
  const peer = new User({
    ...setup,
    limits,
    closing: false,
    echo: false,
    behindSecond: "nothing",
    refuse: false,
  });
  peer.session.receive(bytes, 0, bytes.length);
  const failed = peer.told.find((line) => line.startsWith("over false"));
  check(failed === undefined, `the peer takes what is sent: ${failed}`);
  return { sent: peer.told, sentTail: peer.tail };
}
