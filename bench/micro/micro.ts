import { compact, memory, textTable } from "../format.ts";
import { heapBytesOf } from "./heap.ts";
import { SUBJECTS, type Subject, sendSubject, sessionSubject } from "./subjects.ts";
import { nanosecondsOf } from "./timing.ts";

/** Messages in a round of the heap's growth. */
const MESSAGES = 20_000;

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

/** Times the parts that touch no socket, and prints tables. */
export function runMicro(): void {
  console.log(textTable([["", "payload", "ns", "per s", "MB/s"], ...SUBJECTS.map(timingRow)]));
  console.log("\nheap growth, a message through a session");
  console.log(textTable([["", "payload", "bytes"], ...HEAP_SUBJECTS.map(heapRow)]));
}
