import { describe, expect, it } from "vitest";
import type { Protocol } from "../../lib/api.ts";
import { checkProtocol, ProtocolTable } from "../../lib/engine/protocols.ts";

const DEFAULTS = {
  rxBufferSize: 1000,
  maxMessageSize: 2000,
  maxEmptyFragments: 3,
  maxBufferedBytes: 4000,
  validateOutgoing: false,
};
const named = (name: string, more: Partial<Protocol> = {}): Protocol => ({ name, callback() {}, ...more });
const tableOf = (...protocols: Protocol[]) => new ProtocolTable(protocols, DEFAULTS);

describe("the protocol table", () => {
  const [a, b] = [named("a"), named("B")];

  it("keeps the order, and its first one is the one that gets HTTP", () => {
    const table = tableOf(a, b);
    expect(table.entries.map(({ protocol }) => protocol)).toEqual([a, b]);
    expect(table.first.protocol).toBe(a);
  });

  it("finds by name and by the object itself, and throws a TypeError for what it does not have", () => {
    const table = tableOf(a, b);
    expect(table.find("B").protocol).toBe(b);
    expect(table.find(b)).toBe(table.find("B"));
    for (const unknown of ["b", "", "constructor", named("c"), undefined, null, 5])
      expect(() => table.find(unknown as string)).toThrow(TypeError);
  });

  it("chooses in the client's order, and by the exact name", () => {
    const table = tableOf(a, b);
    expect(table.choose(["x", "B", "a"])?.protocol).toBe(b);
    expect(table.choose(["A", "b"])).toBeUndefined();
    expect(table.choose(["__proto__", "constructor"])).toBeUndefined();
    expect(table.choose([])).toBeUndefined();
  });

  it("takes no two of the same name", () => {
    expect(() => tableOf(a, b, named("a"))).toThrow(/two are named "a"/);
  });

  it("makes one frozen object of limits for all sessions of a protocol", () => {
    const { limits } = tableOf(a).first;
    expect(limits).toEqual({
      server: true,
      rsv: 0,
      wholeMessages: false,
      pieceSize: 1000,
      maxMessageSize: 2000,
      maxEmptyFragments: 3,
      maxBufferedBytes: 4000,
      validateOutgoing: false,
    });
    expect(Object.isFrozen(limits)).toBe(true);
  });

  it("makes one more for each set of reserved bits that extensions use", () => {
    const bound = tableOf(a).first;
    expect(bound.limitsWith(0)).toBe(bound.limits);
    expect(bound.limitsWith(0x40)).toEqual({ ...bound.limits, rsv: 0x40 });
    expect(bound.limitsWith(0x40)).toBe(bound.limitsWith(0x40));
    expect(bound.limitsWith(0x50).rsv).toBe(0x50);
  });

  it("takes the limits that a protocol has itself", () => {
    const own = tableOf(named("own", { rxBufferSize: 5, maxMessageSize: 6 })).first.limits;
    expect(own).toMatchObject({ pieceSize: 5, maxMessageSize: 6, wholeMessages: false });
  });

  it("cuts whole messages into no pieces, whatever rxBufferSize says", () => {
    const { limits } = tableOf(named("whole", { wholeMessages: true, rxBufferSize: 5 })).first;
    expect(limits.wholeMessages).toBe(true);
    expect(limits.pieceSize).toBeGreaterThan(limits.maxMessageSize);
  });
});

describe("a protocol that is wrong", () => {
  it.each([
    ["is none", undefined, /^protocols\[2\]/],
    ["is a number", 5, /^protocols\[2\]/],
    ["has no name", { callback() {} }, /^protocols\[2\]\.name/],
    ["has an empty name", named(""), /^protocols\[2\]\.name/],
    ["row 17: has a line end in its name", named("a\r\nX: y"), /^protocols\[2\]\.name/],
    ["has a list for a name", named("a, b"), /^protocols\[2\]\.name/],
    ["has no callback", { name: "x" }, /"x": callback/],
    ["has data that is no function", { ...named("x"), perSessionData: {} }, /"x": perSessionData/],
    ["has an rxBufferSize of 0", named("x", { rxBufferSize: 0 }), /"x": rxBufferSize/],
    ["has a broken rxBufferSize", named("x", { rxBufferSize: 1.5 }), /"x": rxBufferSize/],
    [
      "has an endless maxMessageSize",
      named("x", { maxMessageSize: Number.POSITIVE_INFINITY }),
      /"x": maxMessageSize/,
    ],
  ])("since it %s is named in a TypeError", (_how, protocol, message) => {
    expect(() => checkProtocol(protocol as Protocol, 2)).toThrow(TypeError);
    expect(() => checkProtocol(protocol as Protocol, 2)).toThrow(message);
  });
});
