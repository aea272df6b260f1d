import { expect, test } from "vitest";
import { heapBytesOf } from "../../../bench/micro/heap.ts";

test("an array of eight numbers for each call is found on the heap", () => {
  let last: number[] = [];
  expect(heapBytesOf(() => (last = [1, 2, 3, 4, 5, 6, 7, last.length]), 5000)).toBeGreaterThan(64);
});
