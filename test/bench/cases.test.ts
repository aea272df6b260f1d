import { expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";

test("every case has a name of its own, fit for the command line", () => {
  const names = Object.values(SUITES)
    .flatMap(({ cases }) => cases)
    .map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[a-z0-9-]+$/);
});

test("a path is there for HTTP, and for nothing else", () => {
  for (const { cases } of Object.values(SUITES))
    for (const { mode, path } of cases) expect(path !== undefined).toBe(mode === "http");
});
