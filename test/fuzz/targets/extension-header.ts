import { isToken } from "../../../lib/http/tokens.ts";
import { formatExtensions, parseExtensions } from "../../../lib/ws/extension-header.ts";
import type { Random } from "../random.ts";
import { check, checkSame, type Target } from "../target.ts";

const NAMES = [
  "permessage-deflate",
  "x",
  "constructor",
  "__proto__",
  "client_max_window_bits",
  "server_no_context_takeover",
];
const VALUES = ["15", "08", '"15"', '"1\\5"', '"', '""', '"a b"', "a=b", '"\\', ""];
const SIGNS = [";", ",", "=", " ", "\t", ",,", "; ;", '"', "\\", "é"];

/** RFC 6455 section 9.1, with the empty elements and the blanks that its `#rule` allows. */
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const B = "[ \\t]*";
const PARAMETER = `${TOKEN}(?:${B}=${B}(?:${TOKEN}|"(?:\\\\?${TOKEN.slice(0, -1)})+"))?`;
const OFFER = `${TOKEN}(?:${B};${B}${PARAMETER})*`;
const GRAMMAR = new RegExp(`^(?:${B},)*${B}${OFFER}(?:${B},(?:${B}${OFFER})?)*${B}$`);
/** Longer values are not held against the grammar, which takes more than linear time. */
const MOST_CHECKED = 300;

/** The value of Sec-WebSocket-Extensions. */
export const extensionHeader: Target = {
  name: "extension-header",
  // Row 12.
  seeds: [
    ...[
      "permessage-deflate",
      "permessage-deflate; client_max_window_bits",
      "a; b=1; b=2, c",
      "a, , b",
      ",",
      "",
      "a;",
    ],
    ...[
      'x; y="',
      'x; y="1\\0"',
      'x; y="a b"',
      "constructor; __proto__=1",
      "a b",
      "a=b",
      "a; =b",
      "a\t;\tb = 1 , c",
    ],
    `x; y="${"\\c".repeat(500)}`,
    `x${"; y".repeat(300)}`,
    `x${" ".repeat(900)}y`,
  ].map((text) => Buffer.from(text, "latin1")),
  words: [...NAMES, ...VALUES, ...SIGNS].map((text) => Buffer.from(text, "latin1")),

  generate(random: Random): Buffer {
    const parameter = () => random.pick(NAMES) + (random.oneIn(2) ? `=${random.pick(VALUES)}` : "");
    const blank = () => random.pick(["", "", " ", "\t "]);
    const offer = () => [random.pick(NAMES), ...random.several(3, parameter)].join(`${blank()};${blank()}`);
    const list = random.several(4, offer).join(`${blank()},${blank()}`);
    return Buffer.from(random.oneIn(6) ? list + random.pick(SIGNS) : list, "latin1");
  },

  run(input: Buffer): Iterable<string> {
    const value = input.toString("latin1");
    const list = parseExtensions(value);
    if (value.length <= MOST_CHECKED)
      check(GRAMMAR.test(value) === (list !== null), "what is taken follows the grammar");
    if (list === null) return [`null ${value.includes('"')} ${value.includes("\\")} ${value.includes(";")}`];
    check(list.length > 0, "a list has an element");
    // What has every parameter once can be written again, and means the same.
    const whole = list.flatMap(({ name, parameters }) => (parameters === null ? [] : [{ name, parameters }]));
    for (const { name, parameters } of whole) {
      check(isToken(name) && [...parameters.keys()].every(isToken), "names are tokens");
      check(
        [...parameters.values()].every((each) => each === null || isToken(each)),
        "values are tokens",
      );
    }
    const text = formatExtensions(whole);
    const again = parseExtensions(text);
    check(whole.length === 0 || again !== null, "what is written can be read");
    checkSame(lines(whole), lines(again ?? []), "what was read and the same written and read again");
    const most = Math.max(0, ...whole.map(({ parameters }) => parameters.size));
    return [
      `${Math.min(3, list.length)} ${Math.min(3, most)} ${list.length > whole.length} ${value.includes('"')}`,
    ];
  },
};

function lines(
  list: readonly { name: string; parameters: ReadonlyMap<string, string | null> | null }[],
): string[] {
  return list.map(({ name, parameters }) => `${name} ${JSON.stringify([...(parameters ?? [])])}`);
}
