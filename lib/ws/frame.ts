import { MAX_RESERVE, type Outlet } from "../base/outlet.ts";
import { mask, randomKey } from "./mask.ts";

export const FIN = 0x80;
const MASKED = 0x80;

/** Below this many bytes a byte loop wins over a call of `set`. */
const COPY_FROM = 48;
/** Payloads from this size on are not copied when they can be sent from where they are. */
const DIRECT_FROM = 4096;
/** Payloads up to this size are copied behind their header, so that both leave in one piece. */
const COPY_TO = 16_384;
/** A string up to this length fits a block, however wide its characters are. */
const STRING_TO = Math.floor((MAX_RESERVE - 14) / 3);
/** A string up to this length is at most 125 bytes of UTF-8. */
const SHORT_STRING = 41;

/** The size of the header of a frame with `length` bytes of payload (RFC 6455 section 5.2), without a masking key. */
export function headerSize(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/**
 * Writes a header, always in the shortest form, and returns the offset behind it.
 *
 * @param first - FIN, RSV bits and opcode: the first byte of the frame.
 * @param maskBit - 0x80 when a masking key follows, else 0.
 */
function writeHeader(block: Uint8Array, at: number, first: number, maskBit: number, length: number): number {
  block[at] = first;
  if (length < 126) {
    block[at + 1] = maskBit | length;
    return at + 2;
  }
  if (length < 65_536) {
    block[at + 1] = maskBit | 126;
    block[at + 2] = length >> 8;
    block[at + 3] = length;
    return at + 4;
  }
  block[at + 1] = maskBit | 127;
  let rest = length;
  for (let i = at + 9; i > at + 1; i--) {
    block[i] = rest;
    rest = Math.floor(rest / 256);
  }
  return at + 10;
}

/*
 * The payload that is being told to a callback right now. When the callback sends just that (an echo, a relay), the
 * header is written into the free bytes in front of it, and both leave from where they stand:
 *
 *   received   82 fe LL LL K0 K1 K2 K3 payload…          (a client's header: 4 bytes longer than a server's)
 *   sent                   82 7e LL LL payload…
 */
let lentView: Uint8Array | null = null;
let lentBuffer: Uint8Array | null = null;
let lentStart = 0;

/**
 * Lends a payload: `view` is bytes of `buffer` from `start` on, and at least `room` bytes in front of it are free.
 * Good for one frame, since what was sent may still be referred to.
 */
export function lend(view: Uint8Array, buffer: Uint8Array, start: number, room: number): void {
  if (view.length < DIRECT_FROM || room < headerSize(view.length)) return;
  lentView = view;
  lentBuffer = buffer;
  lentStart = start;
}

/** Ends the loan; what is sent from now on is copied. */
export function takeBack(): void {
  lentView = null;
  lentBuffer = null;
}

/** Bytes in front of a shared payload, for the longest header. */
const ROOM = 10;

/**
 * A payload that goes to many sessions, one after the other, and what they share of it: the frame, which is put together
 * once, and the compressed form for those that compress it alike.
 *
 * ```
 *            room        header, when the first session sends it     data
 *   bytes   .. .. .. .. .. ..           82 7e LL LL                  payload…
 * ```
 */
export class SharedPayload {
  /** What callbacks are told. A change of it is seen by all; compressed, it may come too late. */
  readonly data: Buffer;
  readonly #bytes: Buffer;
  #frame: Buffer | null = null;
  readonly #compressed = new Map<object, Buffer>();

  /** Copies `data`; a string becomes UTF-8. */
  constructor(data: string | Uint8Array) {
    const length = typeof data === "string" ? Buffer.byteLength(data) : data.length;
    this.#bytes = Buffer.allocUnsafe(ROOM + length);
    this.data = this.#bytes.subarray(ROOM);
    if (typeof data === "string") this.data.write(data);
    else this.data.set(data);
  }

  /** The frame of a server with `first` as its first byte; good until it is asked for again. */
  frame(first: number): Buffer {
    if (this.#frame === null) {
      const { length } = this.data;
      const start = ROOM - headerSize(length);
      writeHeader(this.#bytes, start, first, 0, length);
      this.#frame = this.#bytes.subarray(start);
    }
    this.#frame[0] = first;
    return this.#frame;
  }

  /** The payload as it was compressed with these settings before; undefined where it was not. */
  compressed(settings: object): Buffer | undefined {
    return this.#compressed.get(settings);
  }

  /** Keeps a copy of what the payload is when compressed with these settings, and returns it. */
  keepCompressed(settings: object, bytes: Uint8Array): Buffer {
    const copy = Buffer.from(bytes);
    this.#compressed.set(settings, copy);
    return copy;
  }
}

let shared: SharedPayload | null = null;

/** Shares a payload while `round` runs: whoever sends just its `data` sends what is made once for all. */
export function share(payload: SharedPayload, round: () => void): void {
  shared = payload;
  try {
    round();
  } finally {
    shared = null;
  }
}

/** The payload that is being shared, if `data` is just that. */
export function sharedPayload(data: Uint8Array): SharedPayload | null {
  return shared !== null && shared.data === data ? shared : null;
}

/** Small ones are copied, so that they leave together with what else is written. */
function sendShared(outlet: Outlet, frame: Buffer): void {
  const { length } = frame;
  if (length > DIRECT_FROM) return outlet.send(frame, 0, length);
  const at = outlet.reserve(length);
  const block = outlet.block;
  if (length < COPY_FROM) for (let i = 0; i < length; i++) block[at + i] = frame[i];
  else block.set(frame, at);
  outlet.commit(length);
}

/** Sends one frame of a server: its payload as it stands. Returns the payload's size in bytes. */
export function sendFrame(outlet: Outlet, first: number, data: Uint8Array | string): number {
  if (typeof data === "string") return sendText(outlet, first, data);
  const length = data.length;
  if (shared !== null && data === shared.data) {
    sendShared(outlet, shared.frame(first));
    return length;
  }
  if (length > COPY_TO || data === lentView) return sendLarge(outlet, first, data);
  const at = outlet.reserve(length + 4);
  const block = outlet.block;
  const from = writeHeader(block, at, first, 0, length);
  if (length < COPY_FROM) for (let i = 0; i < length; i++) block[from + i] = data[i];
  else block.set(data, from);
  outlet.commit(from - at + length);
  return length;
}

function sendLarge(outlet: Outlet, first: number, data: Uint8Array): number {
  const length = data.length;
  if (data === lentView && lentBuffer !== null) {
    const buffer = lentBuffer;
    takeBack();
    const start = lentStart - headerSize(length);
    writeHeader(buffer, start, first, 0, length);
    outlet.send(buffer, start, lentStart + length);
    return length;
  }
  const at = outlet.reserve(10);
  outlet.commit(writeHeader(outlet.block, at, first, 0, length) - at);
  outlet.send(data, 0, length);
  return length;
}

function sendText(outlet: Outlet, first: number, text: string): number {
  if (text.length > STRING_TO) return sendFrame(outlet, first, Buffer.from(text));
  const guess = text.length <= SHORT_STRING ? 2 : headerSize(text.length);
  const at = outlet.reserve(text.length * 3 + 10);
  const block = outlet.block;
  const length = writeText(block, at + guess, text);
  const size = headerSize(length);
  if (size !== guess) block.copyWithin(at + size, at + guess, at + guess + length);
  writeHeader(block, at, first, 0, length);
  outlet.commit(size + length);
  return length;
}

/** Writes UTF-8; a short string of ASCII without leaving JavaScript. */
function writeText(block: Buffer, at: number, text: string): number {
  const length = text.length;
  if (length <= SHORT_STRING) {
    let i = 0;
    for (; i < length; i++) {
      const unit = text.charCodeAt(i);
      if (unit > 127) break;
      block[at + i] = unit;
    }
    if (i === length) return length;
  }
  return block.write(text, at, "utf8");
}

/** Sends one frame of a client: its payload masked with a fresh key (RFC 6455 section 5.3). */
export function sendMaskedFrame(outlet: Outlet, first: number, data: Uint8Array | string): number {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  const length = bytes.length;
  let key = randomKey();
  const head = Math.min(length, COPY_TO);
  const at = outlet.reserve(head + 14);
  const block = outlet.block;
  const from = writeHeader(block, at, first, MASKED, length);
  for (let i = 0; i < 4; i++) block[from + i] = key >>> (8 * i);
  block.set(head === length ? bytes : bytes.subarray(0, head), from + 4);
  key = mask(block, from + 4, from + 4 + head, key);
  outlet.commit(from + 4 - at + head);
  for (let sent = head; sent < length; ) {
    const size = Math.min(length - sent, COPY_TO);
    const to = outlet.reserve(size);
    outlet.block.set(bytes.subarray(sent, sent + size), to);
    key = mask(outlet.block, to, to + size, key);
    outlet.commit(size);
    sent += size;
  }
  return length;
}
