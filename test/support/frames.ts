import { randomBytes } from "node:crypto";

export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** How a frame is put together; the defaults are those of a well-behaved client. */
export interface FrameOptions {
  fin?: boolean;
  /** The three reserved bits as a number: 4 is RSV1, 2 is RSV2, 1 is RSV3. */
  rsv?: number;
  opcode?: number;
  masked?: boolean;
  mask?: Uint8Array;
  /** Which of the three length forms to use, shortest or not. Default: the shortest that fits. */
  lengthForm?: 7 | 16 | 64;
  /** The length to announce instead of the payload's own. */
  claim?: number | bigint;
}

/** One frame of a client, right or wrong. */
export function frame(payload: string | Uint8Array = "", options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, opcode = OPCODE.binary, masked = true, mask = randomBytes(4) } = options;
  const body = Buffer.from(typeof payload === "string" ? Buffer.from(payload) : payload);
  const first = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  const length = lengthBytes(BigInt(options.claim ?? body.length), options.lengthForm);
  length[0] |= masked ? 0x80 : 0;
  if (!masked) return Buffer.concat([Buffer.of(first), length, body]);
  for (let i = 0; i < body.length; i++) body[i] ^= mask[i & 3];
  return Buffer.concat([Buffer.of(first), length, mask, body]);
}

function lengthBytes(
  length: bigint,
  form: 7 | 16 | 64 = length < 126 ? 7 : length < 65_536 ? 16 : 64,
): Buffer {
  if (form === 7) return Buffer.of(Number(length));
  const bytes = Buffer.alloc(form === 16 ? 3 : 9);
  bytes[0] = form === 16 ? 126 : 127;
  if (form === 16) bytes.writeUInt16BE(Number(length), 1);
  else bytes.writeBigUInt64BE(length, 1);
  return bytes;
}

export const textFrame = (payload: string | Uint8Array, options: FrameOptions = {}) =>
  frame(payload, { opcode: OPCODE.text, ...options });
export const binaryFrame = (payload: string | Uint8Array, options: FrameOptions = {}) =>
  frame(payload, { opcode: OPCODE.binary, ...options });
export const moreFrame = (payload: string | Uint8Array, options: FrameOptions = {}) =>
  frame(payload, { opcode: OPCODE.continuation, ...options });
export const pingFrame = (payload: string | Uint8Array = "", options: FrameOptions = {}) =>
  frame(payload, { opcode: OPCODE.ping, ...options });
export const pongFrame = (payload: string | Uint8Array = "", options: FrameOptions = {}) =>
  frame(payload, { opcode: OPCODE.pong, ...options });

/** A Close frame; without a code it is empty. */
export const closeFrame = (code?: number, reason: string | Uint8Array = "", options: FrameOptions = {}) =>
  frame(code === undefined ? "" : closePayload(code, reason), { opcode: OPCODE.close, ...options });

export const closePayload = (code: number, reason: string | Uint8Array = "") =>
  Buffer.concat([Buffer.of(code >> 8, code & 0xff), Buffer.from(reason as string)]);

/** A frame as it came from the server. */
export interface ParsedFrame {
  fin: boolean;
  rsv: number;
  opcode: number;
  masked: boolean;
  payload: Buffer;
  /** Bytes of the whole frame. */
  size: number;
}

/** The first frame in `bytes`, or undefined when it is not complete. Payloads are taken as they stand, unmasked. */
export function parseFrame(bytes: Buffer): ParsedFrame | undefined {
  if (bytes.length < 2) return undefined;
  const short = bytes[1] & 0x7f;
  const at = short === 126 ? 4 : short === 127 ? 10 : 2;
  if (bytes.length < at) return undefined;
  const length =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < at + length) return undefined;
  return {
    fin: (bytes[0] & 0x80) !== 0,
    rsv: (bytes[0] >> 4) & 7,
    opcode: bytes[0] & 15,
    masked: (bytes[1] & 0x80) !== 0,
    payload: bytes.subarray(at, at + length),
    size: at + length,
  };
}

/** All frames in `bytes`; throws when something is left over. */
export function parseFrames(bytes: Buffer): ParsedFrame[] {
  const frames: ParsedFrame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const next = parseFrame(bytes.subarray(at));
    if (next === undefined) throw new Error(`a cut frame: ${bytes.subarray(at, at + 20).toString("hex")}`);
    frames.push(next);
    at += next.size;
  }
  return frames;
}

/** What a Close frame says; code 1005 when it is empty. */
export function readClose(closing: ParsedFrame): { code: number; reason: string } {
  const { payload } = closing;
  if (payload.length === 0) return { code: 1005, reason: "" };
  return { code: payload.readUInt16BE(0), reason: payload.toString("utf8", 2) };
}

/** The key of RFC 6455's example, and what a server answers to it. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

export interface RequestOptions {
  method?: string;
  target?: string;
  version?: string;
  /** Replaces or adds headers; null leaves one out, a list sends it several times. */
  headers?: Record<string, string | readonly string[] | null>;
  body?: string;
}

const upgradeHeaders = {
  Host: "127.0.0.1",
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Key": KEY,
  "Sec-WebSocket-Version": "13",
};

/** The text of a valid upgrade request, but for what the options change. */
export function upgradeRequest(options: RequestOptions = {}): string {
  return requestText({ ...options, headers: { ...upgradeHeaders, ...options.headers } });
}

/** The text of a plain request: GET / with a Host, but for what the options change. */
export function httpRequest(options: RequestOptions = {}): string {
  return requestText({ ...options, headers: { Host: "127.0.0.1", ...options.headers } });
}

function requestText({ method = "GET", target = "/", version = "HTTP/1.1", headers, body }: RequestOptions) {
  const lines = Object.entries(headers ?? {}).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((each) => `${name}: ${each}\r\n`),
  );
  return `${method} ${target} ${version}\r\n${lines.join("")}\r\n${body ?? ""}`;
}
