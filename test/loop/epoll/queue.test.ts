import fc from "fast-check";
import { expect, test } from "vitest";
import { SendQueue } from "../../../lib/loop/epoll/queue.ts";

test("gives back what was appended, in order, whatever the kernel takes at a time", () => {
  const step = fc.oneof(
    fc.record({ append: fc.uint8Array({ minLength: 1, maxLength: 40_000 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 50_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const queue = new SendQueue();
      const expected: Buffer[] = [];
      const got: Buffer[] = [];
      const take = (most: number) => {
        const first = queue.first();
        const bytes = Math.min(most, first.length);
        got.push(Buffer.from(first.subarray(0, bytes)));
        queue.consume(bytes);
      };
      for (const s of steps) {
        if ("take" in s) {
          if (queue.size > 0) take(s.take);
          continue;
        }
        expected.push(Buffer.from(s.append));
        queue.append(s.append, 0, s.append.length);
        s.append.fill(0);
      }
      while (queue.size > 0) take(Number.POSITIVE_INFINITY);
      expect(Buffer.concat(got).equals(Buffer.concat(expected))).toBe(true);
    }),
  );
});

test("fills the room of the last buffer with small writes", () => {
  const queue = new SendQueue();
  for (let i = 0; i < 100; i++) queue.append(Uint8Array.of(i, i), 1, 2);
  expect(queue.size).toBe(100);
  expect(queue.first()).toHaveLength(100);
});
