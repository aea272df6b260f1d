import { beforeEach, describe, expect, it } from "vitest";
import { WorkBudget } from "../../lib/engine/work-budget.ts";
import type { Loop, Task } from "../../lib/loop/loop.ts";

const MEBIBYTE = 1 << 20;

/** A loop that has its tasks run by the test, a turn at a time. */
let tasks: Task[];
const loop = { soon: (task: Task) => void tasks.push(task) } as unknown as Loop;
const turn = () => {
  const all = tasks;
  tasks = [];
  for (const task of all) task.runSoon();
};

let went: string[];
const resting = (name: string, work = () => {}) => ({
  goOn() {
    went.push(name);
    work();
  },
});

beforeEach(() => {
  tasks = [];
  went = [];
});

describe("a budget of work", () => {
  it("is spent after a mebibyte, and there again in the next turn", () => {
    const work = new WorkBudget(loop);
    work.spend(MEBIBYTE / 2);
    expect(work.spent).toBe(false);
    expect(tasks).toEqual([]);
    work.spend(MEBIBYTE / 2);
    expect(work.spent).toBe(true);
    turn();
    expect(work.spent).toBe(false);
    expect(tasks).toEqual([]);
  });

  it("counts messages too, so that empty ones are not for nothing", () => {
    const work = new WorkBudget(loop);
    for (let i = 0; i < 1024; i++) work.spend(0);
    expect(work.spent).toBe(true);
  });

  it("has those who rest go on in the turn after the one in which they began to", () => {
    const work = new WorkBudget(loop);
    work.spend(2 * MEBIBYTE);
    work.rest(resting("a"));
    work.rest(resting("b"));
    turn();
    expect(went).toEqual([]);
    turn();
    expect(went).toEqual(["a", "b"]);
    turn();
    expect([went.length, tasks.length]).toEqual([2, 0]);
  });

  it("has those who find it spent again wait on, in their order, before those who came later", () => {
    const work = new WorkBudget(loop);
    const spend = () => work.spend(MEBIBYTE);
    const later = resting("later", spend);
    work.spend(MEBIBYTE);
    work.rest(
      resting("a", () => {
        spend();
        work.rest(later);
      }),
    );
    for (const name of ["b", "c"]) work.rest(resting(name, spend));
    const turns: string[][] = [];
    for (let i = 0; i < 12 && tasks.length > 0; i++) {
      went = [];
      turn();
      turns.push(went);
    }
    expect(turns.flat()).toEqual(["a", "b", "c", "later"]);
    expect(Math.max(...turns.map((each) => each.length))).toBe(1);
  });
});
