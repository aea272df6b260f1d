import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatExtensions, parseExtensions } from "../../lib/ws/extension-header.ts";

type Listed = [name: string, parameters: [string, string | null][] | null];

/** The offers of a value as plain lists, or null. */
function listed(value: string): Listed[] | null {
  const offers = parseExtensions(value);
  return offers === null ? null : offers.map(({ name, parameters }) => [name, parameters && [...parameters]]);
}

describe("a list of extensions", () => {
  it.each<[string, Listed[]]>([
    ["foo", [["foo", []]]],
    [
      "foo, bar; baz=2",
      [
        ["foo", []],
        ["bar", [["baz", "2"]]],
      ],
    ],
    // The examples of RFC 6455 section 9.1.
    ["deflate-stream", [["deflate-stream", []]]],
    [
      "mux; max-channels=4; flow-control, deflate-stream",
      [
        [
          "mux",
          [
            ["max-channels", "4"],
            ["flow-control", null],
          ],
        ],
        ["deflate-stream", []],
      ],
    ],
    ["private-extension", [["private-extension", []]]],
    // RFC 7692 section 5: an extension offered again with less.
    [
      "permessage-foo; use_y, permessage-foo",
      [
        ["permessage-foo", [["use_y", null]]],
        ["permessage-foo", []],
      ],
    ],
    [
      "foo;a=1;b;c=3",
      [
        [
          "foo",
          [
            ["a", "1"],
            ["b", null],
            ["c", "3"],
          ],
        ],
      ],
    ],
    ["!#$%&'*+-.^_`|~;0=9", [["!#$%&'*+-.^_`|~", [["0", "9"]]]]],
    ["FOO; Bar=Baz", [["FOO", [["Bar", "Baz"]]]]],
  ])("is read: %s", (value, offers) => expect(listed(value)).toEqual(offers));

  it.each<[string, Listed[]]>([
    [
      ' foo ; a = 1 ;\tb = "2" , bar\t',
      [
        [
          "foo",
          [
            ["a", "1"],
            ["b", "2"],
          ],
        ],
        ["bar", []],
      ],
    ],
    [
      ", ,foo,,bar,\t,",
      [
        ["foo", []],
        ["bar", []],
      ],
    ],
  ])("may have the blanks and empty elements of RFC 2616 section 2.1: %s", (value, offers) => {
    expect(listed(value)).toEqual(offers);
  });

  it.each<[string, string]>([
    ['foo;a="10"', "10"],
    ['foo;a="1\\0"', "10"],
    ['foo;a="\\1\\0"', "10"],
  ])("may quote a token: %s", (value, content) => expect(listed(value)).toEqual([["foo", [["a", content]]]]));

  it("row 12: makes an offer void in which a parameter comes twice, and no other", () => {
    expect(listed("foo;a=1;a=1, foo;a, bar;b;c;b=2;d")).toEqual([
      ["foo", null],
      ["foo", [["a", null]]],
      ["bar", null],
    ]);
  });

  it("row 12: may name what objects inherit", () => {
    const value = "__proto__; constructor; __proto__=1; toString=valueOf, constructor, hasOwnProperty";
    expect(listed(value)).toEqual([
      [
        "__proto__",
        [
          ["constructor", null],
          ["__proto__", "1"],
          ["toString", "valueOf"],
        ],
      ],
      ["constructor", []],
      ["hasOwnProperty", []],
    ]);
  });

  it.each([
    ...["", " \t", ",", " , ,,"],
    ...[
      "foo;",
      "foo;,bar",
      "foo; ;a",
      ";a",
      "foo;=1",
      "foo;a=",
      "foo;a=,bar",
      "foo;a=;b",
      "foo;a==1",
      "foo;a=b=c",
    ],
    ...[
      "foo bar",
      "foo;a b",
      "foo;a=b c",
      "foo=1",
      "foo,=",
      '"foo"',
      'foo;"a"',
      'foo;a"b"',
      'foo;a="b"c',
      'foo;a=b"c"',
    ],
    ...[
      'foo;a=""',
      'foo;a="',
      'foo;a="b',
      'foo;a="b\\',
      'foo;a="b\\"',
      'foo;a="b c"',
      'foo;a="b,c"',
      'foo;a=" b"',
    ],
    ...['foo;a="b\\"c"', 'foo;a="b\\\\c"', 'foo;a="\\ "', "foo;a='b c'"],
    ...[
      "foo/1",
      "f\0oo",
      "foo\r\nbar",
      "foo\xa0",
      "f\xf6o",
      "foo;a=\xe9",
      "foo\u0100",
      "foo, bar;",
      "foo;a=\u2028",
    ],
  ])("does not follow the grammar: %j", (value) => expect(parseExtensions(value)).toBeNull());

  it("row 12: is gone through once, however long", () => {
    const many = 400_000;
    expect(listed(`x; y="${"\\c".repeat(many)}`)).toBeNull();
    expect(listed(`x; y="${"\\c".repeat(many)}"`)).toEqual([["x", [["y", "c".repeat(many)]]]]);
    expect(listed(`x${" ".repeat(many)}y`)).toBeNull();
    expect(listed(`x;${" ".repeat(many)}y`)).toEqual([["x", [["y", null]]]]);
    expect(listed(`${",".repeat(many)}x`)).toEqual([["x", []]]);
    expect(listed(`x${";a".repeat(many)}`)).toEqual([["x", null]]);
    expect(parseExtensions("x,".repeat(many))).toHaveLength(many);
  });

  const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);
  const parameters = fc
    .uniqueArray(fc.tuple(token, fc.option(token)), { selector: ([key]) => key })
    .map((pairs) => new Map(pairs));
  const offers = fc.array(fc.record({ name: token, parameters }), { minLength: 1, maxLength: 5 });

  it("is read as it was written", () => {
    fc.assert(
      fc.property(offers, (list) => {
        expect(parseExtensions(formatExtensions(list))).toEqual(list);
      }),
    );
  });

  it("cut anywhere is refused, or read up to there", () => {
    fc.assert(
      fc.property(offers, (list) => {
        const text = formatExtensions(list);
        for (let end = 0; end <= text.length; end++) {
          const read = parseExtensions(text.slice(0, end)) ?? [];
          const last = read.length - 1;
          expect(read.slice(0, -1)).toEqual(list.slice(0, Math.max(0, last)));
          if (last >= 0) expect(list[last].name.startsWith(read[last].name)).toBe(true);
        }
      }),
      { numRuns: 30 },
    );
  });

  it("that is any text is refused, or means the same when written again", () => {
    const piece = fc.oneof(
      fc.constantFrom(",", ";", "=", '"', "\\", " ", "\t", "a", "b", "__proto__"),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const read = parseExtensions(pieces.join(""));
        const valid = read?.flatMap(({ name, parameters }) =>
          parameters === null ? [] : [{ name, parameters }],
        );
        if (valid?.length) expect(parseExtensions(formatExtensions(valid))).toEqual(valid);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("writing extensions", () => {
  it("puts names and values as they are", () => {
    const foo = {
      name: "foo",
      parameters: new Map([
        ["a", "1"],
        ["b", null],
      ]),
    };
    const bar = { name: "bar", parameters: new Map<string, null>() };
    expect(formatExtensions([foo, bar])).toBe("foo; a=1; b, bar");
    expect(formatExtensions([bar])).toBe("bar");
  });
});
