import { isIPv4, isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatIp, parseIp } from "../../lib/base/ip.ts";

const hexOf = (text: string) => {
  const bytes = parseIp(text);
  return bytes === null ? null : Buffer.from(bytes).toString("hex");
};

describe("an address in text form", () => {
  it.each([
    ["192.0.2.1", "c0000201"],
    ["0.0.0.0", "00000000"],
    ["::", "00000000000000000000000000000000"],
    ["::1", "00000000000000000000000000000001"],
    ["1::", "00010000000000000000000000000000"],
    ["2001:DB8::8:800:200c:417a", "20010db80000000000080800200c417a"],
    ["1:2:3:4:5:6:7::", "00010002000300040005000600070000"],
    ["64:ff9b::192.0.2.1", "0064ff9b0000000000000000c0000201"],
    ["1:2:3:4:5:6:1.2.3.4", "00010002000300040005000601020304"],
  ])("%s is %s", (text, bytes) => expect(hexOf(text)).toBe(bytes));

  it("that is mapped into IPv6 is the IPv4 address", () => {
    expect(hexOf("::ffff:192.0.2.1")).toBe("c0000201");
    expect(hexOf("::FFFF:c000:201")).toBe("c0000201");
  });

  it.each([
    [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      "1.2.3.04",
      "1..2.3",
      "1.2.3.4 ",
      "1.2.3.a",
      "0x1.2.3.4",
    ],
    [":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", "1:2:3:4:5:6:7:8::"],
    ["fe80::1%eth0", "[::1]", "::1.2.3", "1.2.3.4::", "::1.2.3.4:5", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:"],
  ])("%j and the like are none", (...texts) => {
    expect(texts.map(hexOf)).toEqual(texts.map(() => null));
  });

  it("is what Node takes for one", () => {
    const part = fc.constantFrom(
      "",
      "0",
      "1",
      "00",
      "255",
      "256",
      "ff",
      "fffff",
      "1.2.3.4",
      ":",
      "::",
      ".",
      "g",
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), fc.constantFrom(":", ".", ""), (parts, sign) => {
        const text = parts.join(sign);
        expect(parseIp(text) !== null, text).toBe(isIPv4(text) || isIPv6(text));
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the bytes of an address", () => {
  it("become the text that RFC 5952 wants, and that reads as the same bytes", () => {
    const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
    const sparse = fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 });
    fc.assert(
      fc.property(fc.oneof(bytes, sparse.map(Uint8Array.from.bind(Uint8Array))), (given) => {
        const text = formatIp(given);
        const plain = text.includes(".") ? given.subarray(12) : given;
        expect([...parseIp(text)!]).toEqual([...plain]);
        if (!text.includes(".")) expect(text).toBe(new URL(`http://[${text}]`).hostname.slice(1, -1));
      }),
    );
    expect(formatIp(Uint8Array.of(192, 0, 2, 1))).toBe("192.0.2.1");
    expect(formatIp(parseIp("1:0:0:2::3")!)).toBe("1:0:0:2::3");
    expect(formatIp(parseIp("1:0:2:3:4:5:6:7")!)).toBe("1:0:2:3:4:5:6:7");
    expect(formatIp(Buffer.from("00000000000000000000ffffc0000201", "hex"))).toBe("192.0.2.1");
  });
});
