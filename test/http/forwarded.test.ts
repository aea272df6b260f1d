import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { forwardedClient, forwardedSecure } from "../../lib/http/forwarded.ts";

const ours = new Set(["10.0.0.1", "10.0.0.2", "::1"]);
const trusts = (address: string) => ours.has(address);
const client = (value: string) => {
  const found = forwardedClient(value, trusts);
  return found === null ? null : found.port === 0 ? found.address : `${found.address} ${found.port}`;
};

describe("X-Forwarded-For", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["192.0.2.1, 10.0.0.1", "192.0.2.1"],
    ["192.0.2.1,10.0.0.2 ,\t10.0.0.1", "192.0.2.1"],
    ["2001:DB8:0:0::1", "2001:db8::1"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
  ])("%s comes from %s", (value, address) => expect(client(value)).toBe(address));

  it("row 84: is believed up to the first address that is not ours, and no further", () => {
    expect(client("127.0.0.1, 192.0.2.1")).toBe("192.0.2.1");
    expect(client("10.0.0.1, 192.0.2.1, 10.0.0.2")).toBe("192.0.2.1");
    expect(client("<script>, 192.0.2.1, 10.0.0.2")).toBe("192.0.2.1");
  });

  it("of our own proxies only comes from the first of them", () => {
    expect(client("10.0.0.2, 10.0.0.1")).toBe("10.0.0.2");
    expect(client("::1")).toBe("::1");
  });

  it("may have ports", () => {
    expect(client("192.0.2.1:8080, 10.0.0.1:1")).toBe("192.0.2.1 8080");
    expect(client("[2001:db8::1]:8080")).toBe("2001:db8::1 8080");
    expect(client("[2001:db8::1]")).toBe("2001:db8::1");
  });

  it.each([
    ["", ",", " ", "unknown", "_hidden", "localhost", "192.0.2.1,", "192.0.2.1,,10.0.0.1", ",10.0.0.1"],
    ["192.0.2.1 10.0.0.1", "192.0.2.256", "192.0.2.1:99999", "[192.0.2.1]", "[::1", "::1]:5", "fe80::1%eth0"],
    ["unknown, 10.0.0.1", "for=192.0.2.1", '"192.0.2.1"', "192.0.2.1:", "192.0.2.1:-1", "010.0.0.1"],
  ])("%j and the like tell nothing", (...values) => {
    for (const value of values) expect(client(value), value).toBeNull();
  });

  it("never tells anything but an address, whatever stands in it", () => {
    const word = fc.constantFrom(
      ",",
      " ",
      "10.0.0.1",
      "192.0.2.1",
      "::1",
      ":80",
      "[",
      "]",
      "x",
      "10.0.0.2",
      "\t",
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 20 }), (words) => {
        const found = forwardedClient(words.join(""), trusts);
        if (found !== null) expect(found.address).toMatch(/^[0-9a-f.:]+$/);
      }),
    );
  });
});

describe("X-Forwarded-Proto", () => {
  it.each([
    ["https", true],
    ["WSS", true],
    ["http", false],
    ["ws", false],
    ["http, https", true],
    ["https,http ", false],
    ["", undefined],
    ["https,", undefined],
    ["ftp", undefined],
  ])("%j says %s", (value, secure) => expect(forwardedSecure(value)).toBe(secure));
});
