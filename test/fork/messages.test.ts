import { expect, it } from "vitest";
import { fromChild, fromParent } from "../../lib/fork/messages.ts";

it.each(["serving", "failed", "answer"])("%s is of a child", (sluice) => {
  expect(fromChild({ sluice })).toEqual({ sluice });
  expect(fromParent({ sluice })).toBe(undefined);
});

it.each(["start", "load", "use", "drain"])("%s is of a parent", (sluice) => {
  expect(fromParent({ sluice })).toEqual({ sluice });
  expect(fromChild({ sluice })).toBe(undefined);
});

it.each([undefined, null, 1, "drain", {}, { sluice: "other" }, { sluice: 1 }, { "sluice:bus": "join" }])(
  "%j is somebody else's",
  (message) => {
    expect([fromChild(message), fromParent(message)]).toEqual([undefined, undefined]);
  },
);
