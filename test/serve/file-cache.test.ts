import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { CacheBudget, FileCache } from "../../lib/serve/file-cache.ts";

/** What an entry costs beside its bytes. */
const OVERHEAD = 1024;

function caches(maxBytes: number) {
  const budget = new CacheBudget(maxBytes);
  return { budget, one: new FileCache<string, number>(budget), two: new FileCache<string, number>(budget) };
}

describe("a cache of files", () => {
  it("finds what was kept, by mount and key, in place of what was there", () => {
    const { budget, one, two } = caches(10_000);
    one.keep("/a", "first", [], 100);
    one.keep("/a", "second", [1, 2], 200);
    two.keep("/a", "another", [], 0);
    expect(one.find("/a")).toMatchObject({ file: "second", witnesses: [1, 2] });
    expect(two.find("/a")?.file).toBe("another");
    expect(one.find("/b")).toBeUndefined();
    expect(budget.bytes).toBe(200 + 2 * OVERHEAD);
  });

  it("forgets what is dropped, once", () => {
    const { budget, one } = caches(10_000);
    one.keep("/a", "a", [], 100);
    one.drop("/a");
    one.drop("/a");
    expect([one.size, budget.bytes, one.find("/a")]).toEqual([0, 0, undefined]);
  });

  it("makes room by what nobody asked for, the oldest first, of all mounts", () => {
    const { one, two } = caches(3 * OVERHEAD);
    one.keep("/1", "", [], 0);
    two.keep("/2", "", [], 0);
    one.keep("/3", "", [], 0);
    one.find("/1")!.used = true;
    one.keep("/4", "", [], 0);
    expect([one.find("/1") !== undefined, two.size]).toEqual([true, 0]);
    one.keep("/5", "", [], 0);
    expect(one.find("/3"), "nobody asked for it").toBeUndefined();
    one.keep("/6", "", [], 0);
    expect(one.find("/1")).toBeDefined();
    one.keep("/7", "", [], 0);
    expect(one.find("/1"), "a second chance is one chance").toBeUndefined();
  });

  it("does not keep what is larger than itself", () => {
    const { one, budget } = caches(OVERHEAD + 10);
    one.keep("/a", "", [], 11);
    expect([one.size, budget.bytes]).toEqual([0, 0]);
  });

  it("never holds more than its bytes, and counts them right", () => {
    const action = fc.record({
      key: fc.nat(8).map(String),
      what: fc.constantFrom("keep", "drop", "use"),
      bytes: fc.nat(3000),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const { budget, one, two } = caches(8000);
        for (const { key, what, bytes } of actions) {
          const cache = bytes % 2 === 0 ? one : two;
          const found = cache.find(key);
          if (what === "keep") cache.keep(key, "", [], bytes);
          else if (what === "drop") cache.drop(key);
          else if (found !== undefined) found.used = true;
          expect(budget.bytes).toBeLessThanOrEqual(8000);
          const costs = [one, two].flatMap((cache) =>
            Array.from({ length: 9 }, (_, at) => cache.find(String(at))?.cost ?? 0),
          );
          expect(budget.bytes).toBe(costs.reduce((a, b) => a + b));
        }
      }),
    );
  });
});
