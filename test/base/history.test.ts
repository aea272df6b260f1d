import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { History } from "../../lib/base/history.ts";

const kept = (history: History) => history.last(history.size).toString("latin1");
const add = (history: History, text: string) => history.append(Buffer.from(text), 0, text.length);

describe("a history", () => {
  it("keeps the last bytes of what was appended", () => {
    const history = new History(8);
    add(history, "abcde");
    expect(kept(history)).toBe("abcde");
    add(history, "fghi");
    expect(kept(history)).toBe("bcdefghi");
    add(history, "0123456789");
    expect(kept(history)).toBe("23456789");
    expect(history.length).toBe(8);
  });

  it("takes the range it is told", () => {
    const history = new History(8);
    history.append(Buffer.from("abcdefgh"), 2, 5);
    history.append(Uint8Array.of(0x78, 0x79), 1, 2);
    history.append(Buffer.from("abcdefgh"), 3, 3);
    expect(kept(history)).toBe("cdey");
  });

  it("shows the last bytes only, as many as asked for", () => {
    const history = new History(8);
    add(history, "abcdefgh");
    expect(history.last(3).toString()).toBe("fgh");
    expect(history.last(100).toString()).toBe("abcdefgh");
    expect(new History(8).last(3)).toHaveLength(0);
  });

  it("holds little for little, and its size and a quarter at the most", () => {
    const history = new History(32_768);
    expect(history.buffer).toHaveLength(0);
    add(history, "short");
    expect(history.buffer.length).toBeLessThanOrEqual(512);
    for (let i = 0; i < 1000; i++) add(history, "x".repeat(777));
    expect(history.buffer.length).toBeLessThanOrEqual(40_960);
    expect(history.length).toBe(32_768);
  });

  it("forgets everything when it is cleared, and keeps the memory", () => {
    const history = new History(64);
    add(history, "abc");
    const { buffer } = history;
    history.clear();
    expect(history.length).toBe(0);
    add(history, "d");
    expect(kept(history)).toBe("d");
    expect(history.buffer).toBe(buffer);
  });

  it("counts its changes", () => {
    const history = new History(64);
    const versions = [history.version];
    for (const change of [() => add(history, "a"), () => add(history, "b"), () => history.clear()]) {
      change();
      versions.push(history.version);
    }
    expect(new Set(versions).size).toBe(4);
  });

  it("is the end of all that was appended since it was cleared, whatever the lengths", () => {
    const step = fc.oneof(
      { arbitrary: fc.uint8Array({ maxLength: 700 }), weight: 20 },
      { arbitrary: fc.constant(null), weight: 1 },
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1500 }), fc.array(step, { maxLength: 40 }), (size, steps) => {
        const history = new History(size);
        let all = Buffer.alloc(0);
        for (const data of steps) {
          if (data === null) history.clear();
          else history.append(data, 0, data.length);
          all = data === null ? Buffer.alloc(0) : Buffer.concat([all, data]);
          const expected = all.subarray(Math.max(0, all.length - size));
          if (!history.last(size).equals(expected) || history.length !== expected.length) return false;
        }
        return true;
      }),
    );
  });
});
