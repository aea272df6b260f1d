import { MAX_RESERVE, type Outlet } from "../../lib/base/outlet.ts";
import { checkUtf8, UTF8_BOUNDARY } from "../../lib/base/utf8.ts";
import { HeadReader } from "../../lib/http/head-reader.ts";
import { BINARY, TEXT } from "../../lib/ws/codes.ts";
import { FIN, sendFrame } from "../../lib/ws/frame.ts";
import { type FrameLimits, FrameParser } from "../../lib/ws/parser.ts";
import { Session, type SessionLimits } from "../../lib/ws/session.ts";
import { maskedFrame } from "../load/volley.ts";
import { codecSubjects } from "./codecs.ts";

const LIMITS: FrameLimits = {
  server: true,
  pieceSize: 65_536,
  maxMessageSize: 1 << 24,
  maxEmptyFragments: 1000,
  rsv: 0,
};

/** Takes bytes and forgets them. */
class MemoryOutlet implements Outlet {
  readonly block = Buffer.alloc(MAX_RESERVE);
  readonly queued = 0;
  readonly choked = false;
  reserve(): number {
    return 0;
  }
  commit(): void {}
  send(): void {}
}

const SESSION_LIMITS: SessionLimits = {
  ...LIMITS,
  wholeMessages: true,
  maxBufferedBytes: 1 << 24,
  validateOutgoing: false,
};

/** What is dead is fast: a subject that fails must not go on being timed. */
function fail(reason: unknown): never {
  throw new Error(`the peer of the benchmark failed: ${JSON.stringify(reason)}`);
}

/** What is timed; `bytes` is the payload that one call handles. */
export interface Subject {
  name: string;
  bytes: number;
  call(): void;
}

/** A frame in a buffer, whose key is zero: so that what a call unmasks in place is the same the next time. */
function unmaskableFrame(bytes: number): Buffer {
  const frame = maskedFrame(bytes);
  const payload = frame.length - bytes;
  for (let i = 0; i < bytes; i++) frame[payload + i] ^= frame[payload - 4 + (i & 3)];
  frame.fill(0, payload - 4, payload);
  return frame;
}

function parse(bytes: number): Subject {
  const sink = { onDataFrame() {}, onPayload() {}, onControl() {}, onFailure: fail };
  const parser = new FrameParser(sink, LIMITS);
  const frame = unmaskableFrame(bytes);
  return { name: "parse and unmask", bytes, call: () => void parser.feed(frame, 0, frame.length) };
}

function encode(bytes: number): Subject {
  const outlet = new MemoryOutlet();
  const payload = Buffer.alloc(bytes, "a");
  return { name: "encode", bytes, call: () => void sendFrame(outlet, FIN | TEXT, payload) };
}

function utf8(name: string, bytes: number, letters: string): Subject {
  const text = Buffer.from(letters.repeat(Math.ceil(bytes / Buffer.byteLength(letters))));
  return {
    name: `UTF-8 check, ${name}`,
    bytes: text.length,
    call: () => void checkUtf8(UTF8_BOUNDARY, text, 0, text.length),
  };
}

/** An upgrade request of a browser. */
const HEAD = Buffer.from(
  [
    "GET /chat?room=7 HTTP/1.1",
    "Host: example.com:7681",
    "Connection: Upgrade",
    "Pragma: no-cache",
    "Cache-Control: no-cache",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36",
    "Upgrade: websocket",
    "Origin: https://example.com",
    "Sec-WebSocket-Version: 13",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
    "Sec-WebSocket-Protocol: chat",
    "\r\n",
  ].join("\r\n"),
  "latin1",
);

function head(): Subject {
  const reader = new HeadReader({ maxHeaderBytes: 16_384, maxHeaderCount: 100, maxBodyBytes: 0 });
  return {
    name: "request head",
    bytes: HEAD.length,
    call: () => {
      reader.feed(HEAD, 0, HEAD.length);
      reader.reset();
    },
  };
}

const SIZES = [20, 1024, 65_536];

export const SUBJECTS: readonly Subject[] = [
  ...SIZES.map(parse),
  ...SIZES.map(encode),
  ...SIZES.map((size) => utf8("ASCII", size, "hello ")),
  ...SIZES.map((size) => utf8("Greek", size, "κόσμε ")),
  head(),
  ...codecSubjects(),
];

/** A session that takes a message in, and with `echoes` sends a view of it back, as an echo server does. */
export function sessionSubject(bytes: number, echoes: boolean): Subject {
  const handler = {
    onMessage(buffer: Buffer, start: number, end: number): void {
      if (echoes) session.send(TEXT, true, buffer.subarray(start, end));
    },
    onPong() {},
    onPeerClose: () => true,
    onOver: fail,
    onExtensionError: fail,
    onExtensionWork() {},
    deaf: false,
  };
  const session = new Session(new MemoryOutlet(), handler, SESSION_LIMITS);
  const frame = unmaskableFrame(bytes);
  return {
    name: echoes ? "receive and echo" : "receive",
    bytes,
    call: () => void session.receive(frame, 0, frame.length),
  };
}

/** Several messages sent by the server's own doing: bytes and a string. */
export function sendSubject(data: Buffer | string): Subject {
  const handler = {
    onMessage() {},
    onPong() {},
    onPeerClose: () => true,
    onOver: fail,
    onExtensionError: fail,
    onExtensionWork() {},
    deaf: false,
  };
  const session = new Session(new MemoryOutlet(), handler, SESSION_LIMITS);
  const opcode = typeof data === "string" ? TEXT : BINARY;
  return {
    name: typeof data === "string" ? "send a string" : "send bytes",
    bytes: data.length,
    call: () => void session.send(opcode, true, data),
  };
}
