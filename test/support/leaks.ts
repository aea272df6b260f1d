import { readdirSync, readlinkSync } from "node:fs";
import { afterAll, beforeAll, expect } from "vitest";
import { rounds } from "./raw.ts";

/** What a server can leave behind: sockets, epoll descriptors and files that it served. */
export function openDescriptors(): string[] {
  const found: string[] = [];
  for (const fd of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      if (/^socket:|eventpoll|eventfd|\/sluice-/.test(target)) found.push(`${fd} ${target}`);
    } catch {
      // The descriptor of the listing itself is gone by now.
    }
  }
  return found;
}

/** Resolves when nothing is open but `before`, or with what is left after a fair number of turns. */
export async function leftOver(before: readonly string[]): Promise<string[]> {
  let left: string[] = [];
  for (let round = 0; round < 200; round++) {
    left = openDescriptors().filter((each) => !before.includes(each));
    if (left.length === 0) break;
    await rounds(10);
  }
  return left;
}

/** Checks at the end of the surrounding suite that every descriptor opened in it is closed. */
export function checkLeaks(): void {
  let before: string[] = [];
  beforeAll(() => {
    before = openDescriptors();
  });
  afterAll(async () => {
    if (process.platform === "linux") expect(await leftOver(before), "descriptors left open").toEqual([]);
  });
}
