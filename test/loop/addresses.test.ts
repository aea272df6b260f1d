import { beforeEach, describe, expect, it, vi } from "vitest";
import { inOrder, resolveName } from "../../lib/loop/addresses.ts";

type Done = (error: Error | null, found?: { address: string; family: number }[]) => void;

/** The lookups that the system was asked for, in order, and how to answer them. */
const system = vi.hoisted(() => ({ asked: [] as { name: string; done: Done }[], throws: false }));
vi.mock("node:dns", () => ({
  lookup: (name: string, _options: object, done: Done) => {
    if (system.throws) throw new TypeError("no name");
    system.asked.push({ name, done });
  },
}));

const v4 = (...addresses: string[]) => addresses.map((address) => ({ address, family: 4 }));
const v6 = (...addresses: string[]) => addresses.map((address) => ({ address, family: 6 }));
const names = () => system.asked.map(({ name }) => name);
beforeEach(() => {
  system.asked.length = 0;
  system.throws = false;
});

/** Asks, and writes down what was told. */
function ask(name: string) {
  const told: unknown[] = [];
  const giveUp = resolveName(name, (error, addresses) => told.push(error ?? addresses));
  return { told, giveUp };
}

describe("resolving a name", () => {
  it("is done once for all who ask meanwhile, and anew for who asks later", () => {
    const all = [ask("a"), ask("a"), ask("a")];
    expect(names()).toEqual(["a"]);
    system.asked[0].done(null, v4("10.0.0.1"));
    expect(all.map(({ told }) => told)).toEqual(Array(3).fill([["10.0.0.1"]]));
    const later = ask("a");
    expect(names()).toEqual(["a", "a"]);
    system.asked[1].done(null, v4("10.0.0.2"));
    expect(later.told).toEqual([["10.0.0.2"]]);
    expect(all[0].told).toHaveLength(1);
  });

  it("tells each of an error of its own, with what the system says", () => {
    const [one, two] = [ask("b"), ask("b")];
    const error = Object.assign(new Error("getaddrinfo ENOTFOUND b"), { code: "ENOTFOUND", hostname: "b" });
    system.asked[0].done(error);
    expect(one.told[0]).toMatchObject({
      code: "ENOTFOUND",
      hostname: "b",
      message: "getaddrinfo ENOTFOUND b",
    });
    expect(one.told[0]).not.toBe(two.told[0]);
  });

  it("is ENOTFOUND for a name without addresses, and an error for what is no name", async () => {
    const none = ask("c");
    system.asked[0].done(null, []);
    expect(none.told).toMatchObject([{ code: "ENOTFOUND", message: "getaddrinfo ENOTFOUND c" }]);
    system.throws = true;
    const wrong = ask("d");
    expect(wrong.told).toEqual([]);
    await new Promise(process.nextTick);
    expect(wrong.told).toMatchObject([{ message: "no name" }]);
  });

  it("tells nothing to who has given up", () => {
    const [gone, stays] = [ask("e"), ask("e")];
    gone.giveUp();
    gone.giveUp();
    system.asked[0].done(null, v4("10.0.0.1"));
    expect([gone.told, stays.told]).toEqual([[], [["10.0.0.1"]]]);
  });

  it("has 8 names at a time with the system; the others wait, and go when nobody wants them", () => {
    const all = Array.from({ length: 20 }, (_, i) => ask(`n${i}`));
    expect(names()).toEqual(["n0", "n1", "n2", "n3", "n4", "n5", "n6", "n7"]);
    for (const each of all.slice(8, 18)) each.giveUp();
    all[3].giveUp();
    system.asked[0].done(null, v4("10.0.0.1"));
    system.asked[1].done(new Error("no"));
    system.asked[3].done(null, v4("10.0.0.1"));
    expect(names().slice(8)).toEqual(["n18", "n19"]);
    for (const { done } of system.asked.slice(2)) done(null, v4("10.0.0.9"));
    expect(all[19].told).toEqual([["10.0.0.9"]]);
    expect(names()).toHaveLength(10);
  });
});

describe("the order of addresses", () => {
  it.each([
    ["families by turns, the system's first one first", [...v6("::1", "::2"), ...v4("1.1.1.1", "1.1.1.2")]],
    ["wherever they stand", [v6("::1")[0], v4("1.1.1.1")[0], v4("1.1.1.2")[0], v6("::2")[0]]],
  ])("is %s", (_what, found) => {
    expect(inOrder(found)).toEqual(["::1", "1.1.1.1", "::2", "1.1.1.2"]);
  });

  it("is the system's in one family, and names none twice", () => {
    expect(inOrder(v4("1.1.1.2", "1.1.1.1", "1.1.1.2"))).toEqual(["1.1.1.2", "1.1.1.1"]);
    expect(inOrder([...v4("1.1.1.1", "1.1.1.2"), ...v6("::1")])).toEqual(["1.1.1.1", "::1", "1.1.1.2"]);
    expect(inOrder([])).toEqual([]);
  });
});
