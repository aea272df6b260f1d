import { expect, it } from "vitest";
import { checkKnown, checkOptions } from "../../lib/base/known-options.ts";

it("takes an object whose names are known, whatever their values", () => {
  checkKnown("it", {}, []);
  checkOptions("it", { anything: 1 });
  checkKnown("it", { url: "x", channel: undefined }, ["url", "channel"]);
});

it("names what is not known, and the function that takes it", () => {
  expect(() => checkKnown("it", { URL: "x" }, ["url"])).toThrow(new TypeError("it: there is no option URL"));
});

it.each(["url", 5, null, undefined, [], true])("refuses %j in the place of options", (wrong) => {
  expect(() => checkKnown("it", wrong, ["url"])).toThrow(new TypeError("it takes an object of options"));
  expect(() => checkOptions("it", wrong)).toThrow(new TypeError("it takes an object of options"));
});
