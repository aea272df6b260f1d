import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hasEtag, isWeak, strongMatch, weakMatch } from "../../lib/http/etag.ts";

describe("two entity tags", () => {
  // The table of RFC 9110 section 8.8.3.2.
  it.each([
    ['W/"1"', 'W/"1"', false, true],
    ['W/"1"', 'W/"2"', false, false],
    ['W/"1"', '"1"', false, true],
    ['"1"', '"1"', true, true],
  ])("%s and %s: strongly the same %s, weakly %s", (a, b, strong, weak) => {
    expect([strongMatch(a, b), weakMatch(a, b)]).toEqual([strong, weak]);
    expect([strongMatch(b, a), weakMatch(b, a)]).toEqual([strong, weak]);
  });

  it("are weak by their first letters", () => {
    expect([isWeak('W/"1"'), isWeak('"W/"')]).toEqual([true, false]);
  });
});

describe("a list of entity tags", () => {
  it.each([
    "*",
    '"a"',
    'W/"a"',
    '"x", "a"',
    '"x","a","y"',
    '"x,y" , W/"a"',
    ', "a", ,',
    '"", "a"',
    '"\xe4"\t,\t"a"',
  ])("holds the tag: %s", (value) => expect(hasEtag(value, '"a"', weakMatch)).toBe(true));

  it.each([
    "",
    "a",
    '"b"',
    '"a',
    'a"',
    "'a'",
    'w/"a"',
    '"a" "b"',
    '"a", b',
    '"x, a"',
    '*, "a"',
    '"b", "A"',
    '"a b"',
  ])("does not: %s", (value) => expect(hasEtag(value, '"a"', weakMatch)).toBe(false));

  it("is compared as asked for", () => {
    expect(hasEtag('"x", W/"a"', '"a"', strongMatch)).toBe(false);
    expect(hasEtag('"x", W/"a", "a"', '"a"', strongMatch)).toBe(true);
  });

  it("finds each of its members, whatever characters they have", () => {
    const tag = fc.stringMatching(/^(W\/)?"[!#-~\u00a1-\u00ff]{0,5}"$/);
    fc.assert(
      fc.property(fc.array(tag, { minLength: 1, maxLength: 5 }), (tags) => {
        for (const each of tags) expect(hasEtag(tags.join(" ,"), each, weakMatch)).toBe(true);
        expect(hasEtag(tags.join(", "), '"something else"', weakMatch)).toBe(false);
      }),
    );
  });
});
