import { expect, test } from "vitest";
import type { EpollLink } from "../../../lib/loop/epoll/link.ts";
import { Notes } from "../../../lib/loop/epoll/notes.ts";

test("puts off to the next turn what is noted while the step goes on", () => {
  const notes = new Notes(() => {});
  const ran: string[] = [];
  notes.soon({
    runSoon() {
      ran.push("first");
      notes.soon({ runSoon: () => ran.push("second") });
    },
  });
  expect(notes.runTasks()).toBe(1);
  expect(ran).toEqual(["first"]);
  expect(notes.any).toBe(true);
  expect(notes.runTasks()).toBe(1);
  expect([notes.any, notes.runTasks()]).toEqual([false, 0]);
});

test("serves the others when one throws, and tells of it", () => {
  const told: unknown[] = [];
  const notes = new Notes((_link, thrown) => told.push(thrown));
  const served: string[] = [];
  const link = (name: string) =>
    ({
      drain: () => served.push(`drain ${name}`) > 0,
      handler: { onClose: () => served.push(`close ${name}`) },
    }) as unknown as EpollLink;
  const bad = {
    drain() {
      throw "drain";
    },
    handler: {
      onClose() {
        throw "close";
      },
    },
  } as unknown as EpollLink;
  for (const one of [link("a"), bad, link("b")]) {
    notes.drain(one);
    notes.gone(one, undefined);
    notes.soon({ runSoon: () => one.drain() });
  }
  expect([notes.drainAll(), notes.tellGone(), notes.runTasks()]).toEqual([2, 3, 3]);
  expect(served).toEqual(["drain a", "drain b", "close a", "close b", "drain a", "drain b"]);
  expect(told).toEqual(["drain", "close", "drain"]);
});
