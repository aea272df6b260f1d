import { describe, expect, it } from "vitest";
import { allowsRange, evaluate } from "../../lib/http/conditional.ts";

const THEN = "Sun, 06 Nov 1994 08:49:37 GMT";
const BEFORE = "Sun, 06 Nov 1994 08:49:36 GMT";
const AFTER = "Sun, 06 Nov 1994 08:49:38 GMT";
const NOW = Date.UTC(2025, 5, 1);
const FUTURE = "Fri, 01 Jan 2100 00:00:00 GMT";
const file = { etag: '"a"', lastModified: Date.UTC(1994, 10, 6, 8, 49, 37), settled: true };

const decide = (headers: Record<string, string>, method = "GET", validators = file) =>
  evaluate(method, new Map(Object.entries(headers)), validators, NOW);

describe("one condition", () => {
  it.each([
    ["if-match", '"a"', "goOn"],
    ["if-match", '"x", "a"', "goOn"],
    ["if-match", "*", "goOn"],
    ["if-match", '"x"', "failed"],
    ["if-match", 'W/"a"', "failed"],
    ["if-match", "a", "failed"],
    ["if-unmodified-since", THEN, "goOn"],
    ["if-unmodified-since", AFTER, "goOn"],
    ["if-unmodified-since", BEFORE, "failed"],
    ["if-unmodified-since", "yesterday", "goOn"],
    ["if-none-match", '"a"', "notModified"],
    ["if-none-match", 'W/"a"', "notModified"],
    ["if-none-match", '"x", "a"', "notModified"],
    ["if-none-match", "*", "notModified"],
    ["if-none-match", '"x"', "goOn"],
    ["if-none-match", "a", "goOn"],
    ["if-modified-since", THEN, "notModified"],
    ["if-modified-since", "Sunday, 06-Nov-94 08:49:37 GMT", "notModified"],
    ["if-modified-since", "Sun Nov  6 08:49:37 1994", "notModified"],
    ["if-modified-since", AFTER, "notModified"],
    ["if-modified-since", BEFORE, "goOn"],
    ["if-modified-since", FUTURE, "goOn"],
    ["if-modified-since", "yesterday", "goOn"],
    ["if-modified-since", `${THEN}, ${THEN}`, "goOn"],
    ["range", "bytes=0-1", "goOn"],
  ])("%s: %s comes to %s", (name, value, verdict) => {
    expect(decide({ [name]: value })).toBe(verdict);
    expect(decide({ [name]: value }, "HEAD")).toBe(verdict);
  });

  it("for another method than GET and HEAD fails, or is no condition", () => {
    expect(decide({ "if-none-match": '"a"' }, "PUT")).toBe("failed");
    expect(decide({ "if-modified-since": THEN }, "PUT")).toBe("goOn");
  });

  it("about a weak tag is strong in If-Match only", () => {
    const weak = { ...file, etag: 'W/"a"' };
    expect(decide({ "if-match": 'W/"a"' }, "GET", weak)).toBe("failed");
    expect(decide({ "if-none-match": '"a"' }, "GET", weak)).toBe("notModified");
  });
});

describe("several conditions (RFC 9110 section 13.2.2)", () => {
  const match = [undefined, '"a"', '"x"'];
  const unmodified = [undefined, THEN, BEFORE];
  const noneMatch = [undefined, '"a"', '"x"'];
  const modified = [undefined, THEN, BEFORE];
  const all = match.flatMap((a) =>
    unmodified.flatMap((b) => noneMatch.flatMap((c) => modified.map((d) => [a, b, c, d] as const))),
  );

  /** The steps of the section, one after the other. */
  function byTheBook([match, unmodified, noneMatch, modified]: (typeof all)[number]): string {
    if (match === '"x"') return "failed";
    if (match === undefined && unmodified === BEFORE) return "failed";
    if (noneMatch !== undefined) return noneMatch === '"a"' ? "notModified" : "goOn";
    return modified === THEN ? "notModified" : "goOn";
  }

  it.each(all)("If-Match %s, If-Unmodified-Since %s, If-None-Match %s, If-Modified-Since %s", (...values) => {
    const names = ["if-match", "if-unmodified-since", "if-none-match", "if-modified-since"];
    const given = names.flatMap((name, at) => (values[at] === undefined ? [] : [[name, values[at]]]));
    expect(decide(Object.fromEntries(given))).toBe(byTheBook(values));
  });
});

describe("If-Range", () => {
  const allows = (value: string | undefined, validators = file) => allowsRange(value, validators, NOW);

  it.each([
    [undefined, true],
    ['"a"', true],
    [THEN, true],
    ["Sunday, 06-Nov-94 08:49:37 GMT", true],
    ['"x"', false],
    ["*", false],
    ['"a", "b"', false],
    [BEFORE, false],
    [AFTER, false],
    ["a", false],
    ["", false],
  ])("%s allows a part: %s", (value, allowed) => expect(allows(value)).toBe(allowed));

  it("row 79: that is weak gets the whole file", () => {
    expect(allows('W/"a"')).toBe(false);
    expect(allows('W/"a"', { ...file, etag: 'W/"a"' })).toBe(false);
    expect(allows('"a"', { ...file, etag: 'W/"a"' })).toBe(false);
    expect(allows(THEN, { ...file, settled: false })).toBe(false);
  });
});
