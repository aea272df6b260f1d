import { isUtf8 } from "node:buffer";
import { isSessionReport, type SessionReport } from "./session-report.ts";

/** What one context adds to the list. */
export interface Part {
  /** Of that context: 32 lower case hex digits. */
  id: string;
  /** None says goodbye. */
  sessions: readonly SessionReport[];
}

/** The most bytes of a part: half of what brokers take at the least. */
export const MAX_PART_BYTES = 524_288;

/*
 *   | NUL "lws-status 1 " | { "id": …, "sessions": [ … ] } |
 *
 * What an application broadcasts to the watchers is its own affair, and begins otherwise. The number is the version.
 */
const MARK = "\0lws-status 1 ";
const ID = /^[0-9a-f]{32}$/;
/** What stands around the sessions. */
const FRAME_BYTES = makeFrame("f".repeat(32), "").length;

/** A part as it goes over the bus, with as many of the sessions as fit. */
export function makePart({ id, sessions }: Part): Buffer {
  const rows: string[] = [];
  let room = MAX_PART_BYTES - FRAME_BYTES;
  for (const session of sessions) {
    const row = JSON.stringify(session);
    room -= Buffer.byteLength(row) + 1;
    if (room < 0) break;
    rows.push(row);
  }
  return makeFrame(id, rows.join(","));
}

function makeFrame(id: string, rows: string): Buffer {
  return Buffer.from(`${MARK}{"id":"${id}","sessions":[${rows}]}`);
}

/** Undefined for what is no part: somebody else's message, or one that is not in every field what it has to be. */
export function readPart(bytes: Buffer): Part | undefined {
  if (bytes.length > MAX_PART_BYTES || bytes.toString("latin1", 0, MARK.length) !== MARK) return undefined;
  const part = parse(bytes.subarray(MARK.length));
  if (typeof part !== "object" || part === null || Object.keys(part).length !== 2) return undefined;
  const { id, sessions } = part as Record<string, unknown>;
  if (typeof id !== "string" || !ID.test(id)) return undefined;
  if (!Array.isArray(sessions) || !sessions.every(isSessionReport)) return undefined;
  return { id, sessions };
}

function parse(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined;
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return undefined;
  }
}
