import { hash } from "node:crypto";
import { expect, it } from "vitest";
import { WriteProtocol, type Wsi } from "../../lib/index.ts";
import { OPCODE, type ParsedFrame, parseFrames, readClose } from "../support/frames.ts";
import type { Peer } from "../support/node-client.ts";
import { rounds } from "../support/raw.ts";
import {
  describeLoops,
  type Hooks,
  type LoopName,
  type ServerOptions,
  startServer,
  type TestServer,
} from "../support/server.ts";

/**
 * What a client says to an echo server, and all that it must hear until the server ends the connection.
 *
 * The last line is the server's Close: `close 1000` when the closing handshake was in order, `fail 1002` when the server
 * has to fail the connection. The client says nothing behind `says`, so that a server that waits for more fails by time.
 */
export interface Conversation {
  readonly name: string;
  /** Bytes, cut where the delivery "in parts" cuts them: one frame each, as a rule. */
  readonly says: readonly Uint8Array[];
  readonly hears: readonly string[];
}

// ── Lines of what is heard ─────────────────────────────────────────────────────────────────────────────────────

const shown = (payload: string | Uint8Array) => {
  const bytes = Buffer.from(payload as string);
  return bytes.length > 125 ? `${bytes.length} bytes ${hash("sha1", bytes)}` : bytes.toString("latin1");
};
export const text = (payload: string | Uint8Array) => `text ${shown(payload)}`;
export const binary = (payload: string | Uint8Array) => `binary ${shown(payload)}`;
export const pong = (payload: string | Uint8Array) => `pong ${shown(payload)}`;

/**
 * Puts the frames that a server sent into lines, messages when they end, and checks of each what section 5 asks of
 * every server: no mask, no reserved bit, the shortest length, fragments in sequence, control frames whole and short.
 */
export function linesOf(wire: Buffer): string[] {
  const lines: string[] = [];
  let open: { opcode: number; parts: Buffer[] } | null = null;
  for (const frame of parseFrames(wire)) {
    checkFrame(frame);
    if (frame.opcode >= 8) {
      lines.push(controlLine(frame));
      continue;
    }
    if ((frame.opcode === OPCODE.continuation) !== (open !== null))
      throw new Error("fragments out of sequence");
    open ??= { opcode: frame.opcode, parts: [] };
    open.parts.push(frame.payload);
    if (!frame.fin) continue;
    const payload = Buffer.concat(open.parts);
    lines.push(open.opcode === OPCODE.text ? text(payload) : binary(payload));
    open = null;
  }
  return lines;
}

/** Throws for a frame that no server may send. Plain conditions, since large suites come by here very often. */
export function checkFrame({ masked, rsv, opcode, fin, payload: { length }, size }: ParsedFrame): void {
  const shortest = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const known = opcode <= 2 || (opcode >= 8 && opcode <= 10 && fin && length <= 125);
  if (masked || rsv !== 0 || !known || size - length !== shortest) {
    throw new Error(`no frame of a server: ${JSON.stringify({ masked, rsv, opcode, fin, length, size })}`);
  }
}

function controlLine(frame: ParsedFrame): string {
  if (frame.opcode === OPCODE.pong) return pong(frame.payload);
  if (frame.opcode === OPCODE.ping) return `ping ${shown(frame.payload)}`;
  return `close ${readClose(frame).code}`;
}

// ── The server ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Sends a piece, or a whole message, back as it came. */
export function echo(wsi: Wsi, input: Uint8Array): void {
  const type = wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT;
  const mode = wsi.isFirstFragment() ? type : WriteProtocol.CONTINUATION;
  wsi.write(input, wsi.isFinalFragment() ? mode : mode | WriteProtocol.NO_FIN);
}

/** How an echo server is run: on which loop, and whether RECEIVE brings pieces or whole messages. */
export interface Kind {
  readonly loop: LoopName;
  readonly wholeMessages: boolean;
}

export function startEcho(kind: Kind, options: ServerOptions = {}, on: Hooks = {}): Promise<TestServer> {
  return startServer({
    eventLoop: kind.loop,
    ...options,
    protocol: { wholeMessages: kind.wholeMessages, ...options.protocol },
    on: { RECEIVE: echo, ...on },
  });
}

/** One suite for each loop and each way of receiving. */
export function describeEcho(title: string, suite: (kind: Kind) => void): void {
  for (const wholeMessages of [false, true]) {
    const how = wholeMessages ? "whole messages" : "pieces";
    describeLoops(`${title}, echoed in ${how}`, (loop) => suite({ loop, wholeMessages }));
  }
}

// ── Deliveries ─────────────────────────────────────────────────────────────────────────────────────────────────

/** Up to this many bytes a conversation is said a byte at a time, above in chops of 997. */
const BYTEWISE_UP_TO = 600;

/** Sends the bytes in writes of `size`, with a turn of the loop behind each, so that they come in separate reads. */
export async function sendChopped(peer: Peer, bytes: Uint8Array, size: number): Promise<void> {
  for (let at = 0; at < bytes.length && !peer.ended; at += size) {
    await peer.send(bytes.subarray(at, at + size));
    await rounds(1);
  }
}

const deliveries: Record<string, (peer: Peer, says: readonly Uint8Array[]) => Promise<void>> = {
  "in one write": (peer, says) => peer.send(...says),
  async "a part at a time"(peer, says) {
    for (const part of says) await sendChopped(peer, part, part.length);
  },
  async "in small chops"(peer, says) {
    const bytes = Buffer.concat(says);
    await sendChopped(peer, bytes, bytes.length <= BYTEWISE_UP_TO ? 1 : 997);
  },
};

/** Holds the conversation once for each delivery, and checks all that is heard and what CLOSED tells, once. */
export async function converse(
  kind: Kind,
  { says, hears }: Conversation,
  options?: ServerOptions,
): Promise<void> {
  const server = await startEcho(kind, options);
  let sessions = 0;
  for (const [how, deliver] of Object.entries(deliveries)) {
    const peer = await server.open();
    void deliver(peer, says);
    const wire = hears.map((line) => line.replace(/^fail /, "close "));
    expect(linesOf(await peer.closed()), how).toEqual(wire);
    await expect(peer.reset(), how).rejects.toThrow("ended in order");
    const closed = await server.nth("CLOSED", ++sessions);
    const [verb, code] = hears.at(-1)!.split(" ");
    expect(closed.input, how).toMatchObject({ code: Number(code), wasClean: verb === "close" });
  }
  await server.destroy();
  expect(server.all("CLOSED")).toHaveLength(sessions);
}

/** A test for each conversation, `"<name> <outcome>"`. */
export function itConverses(kind: Kind, all: readonly Conversation[], outcome = ""): void {
  for (const each of all) it(`${each.name} ${outcome}`.trimEnd(), () => converse(kind, each));
}
