import { expect, test } from "vitest";
import { CASES } from "../../bench/cases.ts";

test("every case has a name of its own, fit for the command line", () => {
  const names = CASES.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z0-9-]+$/);
});
