import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Ring, type Tail } from "../../protocols/lws-mirror/ring.ts";

const ringOf = (items: number, weight = 1000) =>
  new Ring<string>({ items, weight, weigh: (item) => item.length });

function read(ring: Ring<string>, tail: Tail): string | undefined {
  const item = ring.peek(tail);
  ring.advance(tail);
  return item;
}

describe("Ring", () => {
  it("gives each reader what is pushed after it came, in order", () => {
    const ring = ringOf(4);
    const early = ring.attach();
    ring.push("a");
    const late = ring.attach();
    ring.push("b");
    expect([read(ring, early), read(ring, early), read(ring, early)]).toEqual(["a", "b", undefined]);
    expect([read(ring, late), read(ring, late)]).toEqual(["b", undefined]);
  });

  it("keeps an item until the slowest reader has passed it", () => {
    const ring = ringOf(2);
    const [fast, slow] = [ring.attach(), ring.attach()];
    ring.push("a");
    ring.push("b");
    read(ring, fast);
    read(ring, fast);
    expect(ring.push("c")).toBe(false);
    expect(ring.isSlowest(slow)).toBe(true);
    expect(ring.isSlowest(fast)).toBe(false);
    read(ring, slow);
    expect(ring.push("c")).toBe(true);
    expect(read(ring, fast)).toBe("c");
  });

  it("lets go of what only a detached reader had to read", () => {
    const ring = ringOf(2);
    const slow = ring.attach();
    ring.push("a");
    ring.push("b");
    expect(ring.length).toBe(2);
    ring.detach(slow);
    expect(ring.length).toBe(0);
    expect(ring.fill).toBe(0);
  });

  it("holds nothing when nobody reads", () => {
    const ring = ringOf(2);
    for (let i = 0; i < 10; i += 1) expect(ring.push("x")).toBe(true);
    expect(ring.length).toBe(0);
  });

  it("is full by weight as well as by items", () => {
    const ring = ringOf(10, 8);
    const tail = ring.attach();
    expect(ring.push("12345")).toBe(true);
    expect(ring.fill).toBe(5 / 8);
    expect(ring.push("6789")).toBe(false);
    expect(ring.push("678")).toBe(true);
    expect(ring.fill).toBe(1);
    read(ring, tail);
    expect(ring.fill).toBe(3 / 8);
  });

  it("agrees with one plain queue for each reader, whatever happens in whatever order", () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constantFrom("push", "attach"), who: fc.nat(4) }),
      fc.record({ kind: fc.constantFrom("read", "detach"), who: fc.nat(4) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 5 }), (steps, items) => {
        const ring = ringOf(items);
        let readers: { tail: Tail; queue: string[] }[] = [];
        let pushed = 0;
        for (const { kind, who } of steps) {
          const reader = readers[who % Math.max(1, readers.length)];
          if (kind === "attach") readers.push({ tail: ring.attach(), queue: [] });
          if (kind === "push") {
            const fits = readers.every(({ queue }) => queue.length < items);
            expect(ring.push(String(pushed))).toBe(fits);
            if (fits) for (const { queue } of readers) queue.push(String(pushed));
            pushed += 1;
          }
          if (kind === "read" && reader) expect(read(ring, reader.tail)).toBe(reader.queue.shift());
          if (kind === "detach" && reader) {
            ring.detach(reader.tail);
            readers = readers.filter((other) => other !== reader);
          }
          expect(ring.length).toBe(Math.max(0, ...readers.map(({ queue }) => queue.length)));
        }
      }),
    );
  });
});
