import { describe, expect, it } from "vitest";
import { zlibCodec } from "../../lib/base/zlib-codec.ts";
import { FAILURES, type Failure } from "../../lib/ws/codes.ts";
import {
  type Extension,
  type ExtensionParameters,
  type ExtensionSession,
  RSV1,
  RSV2,
  RSV3,
} from "../../lib/ws/extension.ts";
import { parseExtensions } from "../../lib/ws/extension-header.ts";
import {
  agreeOn,
  type ExtensionStack,
  NO_EXTENSIONS,
  negotiate,
  offerHeader,
} from "../../lib/ws/extensions.ts";

const TOOLS = { codec: zlibCodec };
const NONE: ExtensionParameters = new Map();

/** Wraps what is sent as `name(payload)`. It leaves messages alone that begin with "-". */
class Wrapping implements Extension {
  readonly name: string;
  readonly rsv: number;
  /** What `accept` was asked, one line for each call. */
  readonly asked: string[] = [];
  readonly calls: string[] = [];

  constructor(name: string, rsv: number) {
    this.name = name;
    this.rsv = rsv;
  }

  /** Takes the first offer without the parameter `no`, and answers with its parameters. */
  accept(offers: readonly ExtensionParameters[]) {
    this.asked.push(offers.map((each) => [...each.keys()].join("+")).join(" "));
    const parameters = offers.find((each) => !each.has("no"));
    return parameters === undefined ? null : { parameters, open: () => this.#session() };
  }

  offer(): readonly ExtensionParameters[] {
    return [
      new Map([
        ["a", "1"],
        ["b", null],
      ]),
      NONE,
    ];
  }

  agree(parameters: ExtensionParameters) {
    return parameters.has("no") ? null : { parameters, open: () => this.#session() };
  }

  #session(): ExtensionSession {
    const { name, calls } = this;
    const open = Buffer.from(`${name}(`);
    return {
      encode(payload, first, final) {
        const text = Buffer.from(payload).toString();
        calls.push(text);
        if (first && text.startsWith("-")) return null;
        return Buffer.from(`${first ? open : ""}${text}${final ? ")" : ""}`);
      },
      decode(payload, start, end, maxLength): Buffer | Failure {
        const inner = payload.subarray(start + open.length, end - 1);
        if (!payload.subarray(start).toString().startsWith(`${name}(`)) return FAILURES.compressed;
        return inner.length > maxLength ? FAILURES.tooBig : inner;
      },
      close() {
        calls.push("close");
      },
    };
  }
}

const foo = () => new Wrapping("foo", RSV1);
const bar = () => new Wrapping("bar", RSV2);

const offered = (value: string) => parseExtensions(value)!;
const answer = (extensions: readonly Extension[], value: string) =>
  negotiate(extensions, offered(value)).header;

describe("a server's answer", () => {
  it.each([
    ["foo", "foo"],
    ["foo, bar", "foo, bar"],
    ["bar, foo", "bar, foo"],
    ["bar; x=1; y, other, foo", "bar; x=1; y, foo"],
    ["foo; no, bar, foo; x", "foo; x, bar"],
    ["foo; no, bar", "bar"],
    ["foo; x; x, foo; y", "foo; y"],
    ["foo, foo; x", "foo"],
    ["other, __proto__, constructor, Foo", undefined],
    ["foo; no", undefined],
    ["foo; x; x", undefined],
  ])("to %s is %s", (offer, expected) => expect(answer([foo(), bar()], offer)).toBe(expected));

  it("is nothing where there are no extensions, or no offers", () => {
    expect(negotiate([], offered("foo"))).toBe(NO_EXTENSIONS);
    expect(negotiate([foo()], [])).toBe(NO_EXTENSIONS);
    expect(negotiate([foo()], offered("bar"))).toBe(NO_EXTENSIONS);
    expect(NO_EXTENSIONS).toMatchObject({ header: undefined, rsv: 0 });
    expect(NO_EXTENSIONS.open(TOOLS)).toBeNull();
    expect(Object.isFrozen(NO_EXTENSIONS)).toBe(true);
  });

  it("is chosen among all offers of a name that are not void, once", () => {
    const extension = foo();
    answer([extension, bar()], "foo; no, bar, foo; a; a, foo; x; y, foo; z");
    expect(extension.asked).toEqual(["no x+y z"]);
    const unasked = foo();
    answer([unasked], "foo; a; a, bar");
    expect(unasked.asked).toEqual([]);
  });

  it("has one extension for each reserved bit, the one that the client prefers and gets", () => {
    const baz = () => new Wrapping("baz", RSV1);
    expect(answer([foo(), bar(), baz()], "baz, bar, foo")).toBe("baz, bar");
    expect(answer([foo(), bar(), baz()], "foo, baz; x")).toBe("foo");
    expect(answer([foo(), bar(), baz()], "foo; no, baz; x")).toBe("baz; x");
  });

  it("tells the reserved bits that frames may have", () => {
    expect(negotiate([foo(), bar()], offered("bar")).rsv).toBe(0x20);
    expect(negotiate([foo(), bar(), new Wrapping("baz", RSV3)], offered("baz, foo, bar")).rsv).toBe(0x70);
  });
});

describe("a client", () => {
  it("offers what each extension wants, in order", () => {
    expect(offerHeader([])).toBeUndefined();
    expect(offerHeader([foo(), bar()])).toBe("foo; a=1; b, foo, bar; a=1; b, bar");
  });

  it("takes the answers in the server's order", () => {
    expect(agreeOn([foo(), bar()], offered("bar; x, foo"))).toMatchObject({
      header: "bar; x, foo",
      rsv: 0x60,
    });
    expect(agreeOn([foo(), bar()], [])).toBe(NO_EXTENSIONS);
  });

  it.each([
    ["names what was not offered", "other"],
    ["names what was not offered beside what was", "foo, other"],
    ["names what objects inherit", "constructor"],
    ["comes twice", "foo, foo"],
    ["has a parameter twice", "foo; x; x"],
    ["is refused by the extension", "bar, foo; no"],
    ["takes a reserved bit twice", "foo, baz"],
  ])("row 48: fails the handshake when an answer %s", (_how, value) => {
    expect(agreeOn([foo(), bar(), new Wrapping("baz", RSV1)], offered(value))).toBeNull();
  });
});

/** A stack of foo and bar, in that order, and what they were told. */
function both(): { stack: ExtensionStack; calls: string[][] } {
  const extensions = [foo(), bar()];
  const stack = negotiate(extensions, offered("foo, bar")).open(TOOLS)!;
  return { stack, calls: extensions.map(({ calls }) => calls) };
}

function encode(stack: ExtensionStack, text: string, first = true, final = true, plain?: boolean) {
  return Buffer.from(stack.encode(Buffer.from(text), first, final, plain)).toString();
}

function decode(stack: ExtensionStack, rsv: number, text: string, maxLength = 100) {
  const bytes = Buffer.from(`before ${text} behind`);
  const result = stack.decode(rsv, bytes, 7, bytes.length - 7, maxLength);
  return Buffer.isBuffer(result) ? result.toString() : result;
}

describe("the extensions of a session", () => {
  it("are applied in the order of the answer, and undone in the other (RFC 6455 section 9.1)", () => {
    const { stack } = both();
    expect(encode(stack, "data")).toBe("bar(foo(data))");
    expect(stack.rsv).toBe(RSV1 | RSV2);
    expect(decode(stack, RSV1 | RSV2, "bar(foo(data))")).toBe("data");
  });

  it("are asked whether they take a message, each by itself", () => {
    const { stack, calls } = both();
    expect(encode(stack, "-data")).toBe("-data");
    expect(stack.rsv).toBe(0);
    expect(calls).toEqual([["-data"], ["-data"]]);
    expect(decode(stack, 0, "-data")).toBe("-data");
    expect(decode(stack, RSV2, "bar(data)")).toBe("data");
    expect(decode(stack, RSV1, "foo(data)")).toBe("data");
  });

  it("go on with the fragments of a message as they began", () => {
    const { stack, calls } = both();
    expect(encode(stack, "a", true, false)).toBe("bar(foo(a");
    expect(stack.rsv).toBe(RSV1 | RSV2);
    expect(encode(stack, "-b", false, false)).toBe("-b");
    expect(encode(stack, "c", false, true)).toBe("c))");
    expect(calls).toEqual([
      ["a", "-b", "c"],
      ["foo(a", "-b", "c)"],
    ]);
  });

  it("are not asked about the fragments of a message that they have left alone", () => {
    const { stack, calls } = both();
    expect(encode(stack, "-a", true, false)).toBe("-a");
    expect(encode(stack, "b", false, true)).toBe("b");
    expect(calls).toEqual([["-a"], ["-a"]]);
    expect(encode(stack, "c")).toBe("bar(foo(c))");
  });

  it("let a message through that is to go plain, of which the first fragment decides", () => {
    const { stack, calls } = both();
    expect(encode(stack, "a", true, false, true)).toBe("a");
    expect(stack.rsv).toBe(0);
    expect(encode(stack, "b", false, true, false)).toBe("b");
    expect(calls).toEqual([[], []]);
    expect(encode(stack, "c", true, false, false)).toBe("bar(foo(c");
    expect(encode(stack, "d", false, true, true)).toBe("d))");
  });

  it("fail with the first failure, and within the limit at every step", () => {
    const { stack } = both();
    expect(decode(stack, RSV1 | RSV2, "foo(bar(data))")).toBe(FAILURES.compressed);
    expect(decode(stack, RSV1 | RSV2, "bar(bar(data))")).toBe(FAILURES.compressed);
    expect(decode(stack, RSV1 | RSV2, "bar(foo(data))", 9)).toBe("data");
    expect(decode(stack, RSV1 | RSV2, "bar(foo(data))", 8)).toBe(FAILURES.tooBig);
  });

  it("hear of the end, each of them", () => {
    const { stack, calls } = both();
    stack.close();
    expect(calls).toEqual([["close"], ["close"]]);
  });

  it("may have no interest in the end", () => {
    const quiet: Extension = {
      name: "quiet",
      rsv: RSV3,
      accept: ([parameters]) => ({
        parameters,
        open: () => ({ encode: () => null, decode: (payload) => payload }),
      }),
      offer: () => [NONE],
      agree: () => null,
    };
    const stack = negotiate([quiet], offered("quiet")).open(TOOLS)!;
    expect(encode(stack, "data")).toBe("data");
    expect(() => stack.close()).not.toThrow();
  });
});
