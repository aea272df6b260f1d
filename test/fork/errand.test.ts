import { expect, it } from "vitest";
import { takeErrand, withErrand } from "../../lib/fork/errand.ts";

it("an errand goes through the environment, and is taken out of it", () => {
  const parent = { HOME: "/root" };
  const environment = withErrand(parent, { context: 1, place: 2, fd: 4 });
  expect(environment).toEqual({ HOME: "/root", SLUICE_FORKED: "1 2 4" });
  expect(takeErrand(environment)).toEqual({ context: 1, place: 2, fd: 4 });
  expect(environment).toEqual(parent);
  expect(parent).toEqual({ HOME: "/root" });
});

it("is nothing where nobody has forked", () => {
  expect(takeErrand({ HOME: "/root" })).toBe(null);
});

it.each(["", "1 2", "1 2 -4", "1 2 x", "1 2 4 5"])("%j is no errand", (text) => {
  expect(() => takeErrand({ SLUICE_FORKED: text })).toThrow("SLUICE_FORKED is for forkServiceLoop's own use");
});
