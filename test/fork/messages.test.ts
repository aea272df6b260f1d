import { expect, it } from "vitest";
import { kindOf } from "../../lib/fork/messages.ts";

it.each(["serving", "failed", "drain"])("%s is known", (sluice) => {
  expect(kindOf({ sluice })).toBe(sluice);
});

it.each([undefined, null, 1, "drain", {}, { sluice: "other" }, { sluice: 1 }, { "sluice:bus": "join" }])(
  "%j is somebody else's",
  (message) => {
    expect(kindOf(message)).toBe(undefined);
  },
);
