import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Timed, TimerQueue } from "../../lib/base/timers.ts";

class Entry implements Timed {
  deadline = 0;
  timerSlot = -1;
  fired = 0;
  readonly #then: (entry: Entry) => void;

  constructor(then: (entry: Entry) => void = () => {}) {
    this.#then = then;
  }

  onDeadline(): void {
    expect(this.timerSlot, "an entry that fires is not armed").toBe(-1);
    this.fired++;
    this.#then(this);
  }
}

/** A queue, and entries that write down the deadlines they fire at. */
function setup() {
  const queue = new TimerQueue();
  const order: number[] = [];
  const arm = (deadline: number, then?: (entry: Entry) => void) => {
    const entry = new Entry((it) => {
      order.push(deadline);
      then?.(it);
    });
    queue.set(entry, deadline);
    return entry;
  };
  return { queue, order, arm };
}

describe("a timer queue", () => {
  it("is empty at first: nothing is next and nothing fires", () => {
    const queue = new TimerQueue();
    expect(queue.size).toBe(0);
    expect(queue.next()).toBe(Number.POSITIVE_INFINITY);
    expect(queue.expire(Number.MAX_SAFE_INTEGER)).toBe(0);
  });

  it("fires in the order of the deadlines, whatever the order of arming", () => {
    const { queue, order, arm } = setup();
    for (const deadline of [50, 10, 40, 20, 30]) arm(deadline);
    expect(queue.next()).toBe(10);
    expect(queue.expire(50)).toBe(5);
    expect(order).toEqual([10, 20, 30, 40, 50]);
    expect(queue.size).toBe(0);
  });

  it("fires what is due at the moment itself, and nothing later", () => {
    const { queue, order, arm } = setup();
    arm(10);
    arm(11);
    expect(queue.expire(9)).toBe(0);
    expect(queue.expire(10)).toBe(1);
    expect(order).toEqual([10]);
    expect(queue.next()).toBe(11);
  });

  it("fires an entry once for each time that it is armed", () => {
    const { queue, arm } = setup();
    const entry = arm(10);
    queue.expire(10);
    queue.expire(20);
    expect(entry.fired).toBe(1);
    queue.set(entry, 30);
    queue.expire(30);
    expect(entry.fired).toBe(2);
  });

  it("moves an entry that is armed again, to sooner and to later", () => {
    const { queue, arm } = setup();
    const entry = arm(50);
    arm(40);
    arm(60);
    queue.set(entry, 30);
    expect(queue.next()).toBe(30);
    queue.set(entry, 70);
    expect(queue.next()).toBe(40);
    expect(queue.size).toBe(3);
    queue.expire(60);
    expect(entry.fired).toBe(0);
    queue.expire(70);
    expect(entry.fired).toBe(1);
  });

  it("forgets an entry that is cleared, and clearing twice is harmless", () => {
    const { queue, order, arm } = setup();
    const entries = [10, 20, 30, 40, 50].map((deadline) => arm(deadline));
    queue.clear(entries[1]);
    queue.clear(entries[1]);
    queue.clear(entries[4]);
    queue.clear(new Entry());
    expect(queue.size).toBe(3);
    queue.expire(100);
    expect(order).toEqual([10, 30, 40]);
  });
});

describe("an entry that fires", () => {
  it("may arm itself for later", () => {
    const { queue, arm } = setup();
    const entry = arm(10, (it) => queue.set(it, 20));
    queue.expire(10);
    expect(queue.next()).toBe(20);
    queue.expire(20);
    expect(entry.fired).toBe(2);
  });

  it("that arms itself for a moment that is due already waits for the next call", () => {
    const { queue, arm } = setup();
    const entry = arm(10, (it) => queue.set(it, 10));
    expect(queue.expire(15)).toBe(1);
    expect(entry.fired).toBe(1);
    expect(queue.expire(15)).toBe(1);
    expect(entry.fired).toBe(2);
  });

  it("may clear another one that is due at the same time: that one does not fire", () => {
    const { queue, order, arm } = setup();
    arm(10, () => queue.clear(other));
    const other = arm(11);
    queue.expire(11);
    expect(order).toEqual([10]);
    expect(other.timerSlot).toBe(-1);
    queue.expire(20);
    expect(order).toEqual([10]);
  });

  it("may put off another one that is due at the same time: that one fires then", () => {
    const { queue, arm } = setup();
    arm(10, () => queue.set(other, 30));
    const other = arm(11);
    queue.expire(20);
    expect(other.fired).toBe(0);
    queue.expire(30);
    expect(other.fired).toBe(1);
  });

  it("may arm another one that is due in this very call: it fires once, in the next", () => {
    const { queue, arm } = setup();
    arm(10, () => queue.set(other, 11));
    const other = arm(11);
    queue.expire(20);
    expect(other.fired).toBe(0);
    queue.expire(20);
    expect(other.fired).toBe(1);
    expect(queue.size).toBe(0);
  });
});

describe("random operations", () => {
  const operation = fc.oneof(
    fc.record({ op: fc.constant("set" as const), who: fc.nat(15), value: fc.nat(100) }),
    fc.record({ op: fc.constant("clear" as const), who: fc.nat(15), value: fc.constant(0) }),
    fc.record({ op: fc.constant("expire" as const), who: fc.constant(0), value: fc.nat(100) }),
  );

  it("do what a plain list does", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 120 }), (operations) => {
        const queue = new TimerQueue();
        const model = new Map<number, number>();
        const fired: number[] = [];
        const entries = Array.from({ length: 16 }, (_, who) => new Entry(() => fired.push(who)));
        for (const { op, who, value } of operations) {
          if (op === "set") {
            queue.set(entries[who], value);
            model.set(who, value);
          } else if (op === "clear") {
            queue.clear(entries[who]);
            model.delete(who);
          } else {
            const due = [...model].filter(([, deadline]) => deadline <= value);
            for (const [each] of due) model.delete(each);
            expect(queue.expire(value)).toBe(due.length);
            const times = fired.map((each) => entries[each].deadline);
            expect(times).toEqual([...times].sort((a, b) => a - b));
            expect(fired.splice(0).sort()).toEqual(due.map(([each]) => each).sort());
          }
          expect(queue.size).toBe(model.size);
          expect(queue.next()).toBe(Math.min(...model.values()));
          for (const [each, entry] of entries.entries()) expect(entry.timerSlot >= 0).toBe(model.has(each));
        }
      }),
    );
  });
});
