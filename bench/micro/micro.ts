import { compact, memory, textTable } from "../format.ts";
import { type AttachSubject, attachSubject, controlSubject } from "./attach.ts";
import { heapBytesOf, heapBytesOfAwaited } from "./heap.ts";
import { SUBJECTS, type Subject, sendSubject, sessionSubject } from "./subjects.ts";
import { nanosecondsOf } from "./timing.ts";

/** Messages in a round of the heap's growth. */
const MESSAGES = 20_000;
/** Sockets in a round of it. */
const ATTACHES = 250;

const HEAP_SUBJECTS: readonly Subject[] = [
  sessionSubject(20, false),
  sessionSubject(20, true),
  sessionSubject(1024, false),
  sessionSubject(1024, true),
  sendSubject(Buffer.alloc(20, "a")),
  sendSubject("a".repeat(20)),
];

function size(bytes: number): string {
  return bytes < 1024 ? `${bytes} B` : memory(bytes);
}

function timingRow({ name, bytes, call }: Subject): string[] {
  const nanoseconds = nanosecondsOf(call);
  return [
    name,
    size(bytes),
    compact(nanoseconds),
    compact(1e9 / nanoseconds),
    compact((bytes / nanoseconds) * 1000),
  ];
}

function heapRow({ name, bytes, call }: Subject): string[] {
  return [name, size(bytes), heapBytesOf(call, MESSAGES).toFixed(1)];
}

async function attachRow({ name, call }: AttachSubject): Promise<string[]> {
  return [name, (await heapBytesOfAwaited(call, ATTACHES)).toFixed(0)];
}

/** Times the parts that touch no socket, and prints tables. */
export async function runMicro(): Promise<void> {
  console.log(textTable([["", "payload", "ns", "per s", "MB/s"], ...SUBJECTS.map(timingRow)]));
  console.log("\nheap growth, a message through a session");
  console.log(textTable([["", "payload", "bytes"], ...HEAP_SUBJECTS.map(heapRow)]));
  console.log("\nheap growth, a WebSocket attached to a stream and detached");
  const rows: string[][] = [];
  for (const subject of [attachSubject(false), attachSubject(true), controlSubject()])
    rows.push(await attachRow(subject));
  console.log(textTable([["", "bytes"], ...rows]));
}
