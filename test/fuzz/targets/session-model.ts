import { isUtf8 } from "node:buffer";
import type { SessionLimits } from "../../../lib/ws/session.ts";

/** What RFC 6455 says of a stream: written to be checked against its text, with no thought of speed or of reads. */
export interface Model {
  /** Messages, pongs and the peer's Close: `"text 6162"`, `"pong 61"`, `"close 03e8"`. */
  readonly told: readonly string[];
  /** Payloads of the pings, which are to be answered. */
  readonly pings: readonly string[];
  /** The close code that it fails with; 0 when it does not fail. */
  readonly failure: number;
}

/** A rule is broken. */
class Broken {
  readonly code: number;
  constructor(code: number) {
    this.code = code;
  }
}
/** The stream ends within a frame, and nothing was wrong so far. */
const CUT = Symbol();

/** Reads a stream frame by frame. */
export function model(stream: Buffer, limits: SessionLimits): Model {
  const told: string[] = [];
  const pings: string[] = [];
  try {
    readAll(stream, limits, told, pings);
  } catch (end) {
    if (end instanceof Broken) return { told, pings, failure: end.code };
    if (end !== CUT) throw end;
  }
  return { told, pings, failure: 0 };
}

function readAll(stream: Buffer, limits: SessionLimits, told: string[], pings: string[]): void {
  let kind = "";
  let message = Buffer.alloc(0);
  let empties = 0;
  const cursor = new Cursor(stream);
  while (!cursor.atEnd) {
    const { fin, opcode } = readFirst(cursor, kind !== "");
    if (opcode === 1 || opcode === 2) {
      kind = opcode === 1 ? "text" : "binary";
      message = Buffer.alloc(0);
      empties = 0;
    }
    const length = readLength(cursor, limits, opcode, message.length);
    if (opcode < 8) empties = length === 0 && !fin ? empties + 1 : 0;
    if (empties > limits.maxEmptyFragments) throw new Broken(1008);
    const mask = limits.server ? cursor.take(4) : Buffer.alloc(4);
    const payload = Buffer.from(cursor.takeUpTo(length).map((byte, i) => byte ^ mask[i % 4]));
    const whole = payload.length === length;
    if (opcode >= 8) {
      if (!whole) throw CUT;
      if (opcode === 8) return readClose(payload, told);
      if (opcode === 9) pings.push(payload.toString("hex"));
      else told.push(`pong ${payload.toString("hex")}`);
      continue;
    }
    message = Buffer.concat([message, payload]);
    if (kind === "text" && !(whole && fin ? isUtf8(message) : isUtf8Prefix(message))) throw new Broken(1007);
    if (!whole) throw CUT;
    if (fin) told.push(`${kind} ${message.toString("hex")}`);
    if (fin) kind = "";
  }
}

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  take(count: number): Buffer {
    const taken = this.takeUpTo(count);
    if (taken.length < count) throw CUT;
    return taken;
  }

  takeUpTo(count: number): Buffer {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += taken.length;
    return taken;
  }
}

/** FIN, RSV and opcode. */
function readFirst(cursor: Cursor, isOpen: boolean): { fin: boolean; opcode: number } {
  const [first] = cursor.take(1);
  const fin = first >= 0x80;
  const opcode = first & 15;
  if ((first & 0x70) !== 0 || ![0, 1, 2, 8, 9, 10].includes(opcode)) throw new Broken(1002);
  if (opcode >= 8 ? !fin : (opcode === 0) !== isOpen) throw new Broken(1002);
  return { fin, opcode };
}

/** The mask bit and the length, of which the bytes that are missing count as zeros: those there may settle much. */
function readLength(cursor: Cursor, limits: SessionLimits, opcode: number, before: number): number {
  const [second] = cursor.take(1);
  const short = second & 0x7f;
  if (second >= 0x80 !== limits.server || (opcode >= 8 && short > 125)) throw new Broken(1002);
  const size = short < 126 ? 0 : short === 126 ? 2 : 8;
  const there = cursor.takeUpTo(size);
  const length = size === 0 ? BigInt(short) : BigInt(`0x${there.toString("hex").padEnd(2 * size, "0")}`);
  if (length >= 2n ** 63n) throw new Broken(1002);
  // A number that needed no such length, known by the time its last two bytes may still be missing.
  if (size === 8 && there.length >= 6 && there.readUIntBE(0, 6) === 0) throw new Broken(1002);
  if (size === 2 && there.length === 2 && length < 126n) throw new Broken(1002);
  if (opcode < 8 && length + BigInt(before) > BigInt(limits.maxMessageSize)) throw new Broken(1009);
  if (there.length < size) throw CUT;
  return Number(length);
}

function readClose(payload: Buffer, told: string[]): void {
  if (payload.length === 1) throw new Broken(1002);
  if (payload.length > 0) {
    const code = payload.readUInt16BE(0);
    const registered = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
    if (!registered && !(code >= 3000 && code <= 4999)) throw new Broken(1002);
    if (!isUtf8(payload.subarray(2))) throw new Broken(1007);
  }
  told.push(`close ${payload.toString("hex")}`);
}

/** Whatever begins a character can be ended by one of these. */
const ENDS = ["", "80", "90", "a0", "8080", "9080", "a080", "808080", "908080", "a08080"].map((hex) =>
  Buffer.from(hex, "hex"),
);

function isUtf8Prefix(text: Buffer): boolean {
  return ENDS.some((end) => isUtf8(Buffer.concat([text, end])));
}
