import { BlockList } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AddressSet, isAddressSpec } from "../../lib/base/address-set.ts";
import { formatIp } from "../../lib/base/ip.ts";

const has = (specs: string[], ...addresses: string[]) => {
  const set = new AddressSet(specs);
  return addresses.map((address) => set.has(address));
};

describe("a set of addresses", () => {
  it("has single addresses, however they are written", () => {
    expect(has(["192.0.2.1"], "192.0.2.1", "192.0.2.2", "::ffff:192.0.2.1")).toEqual([true, false, true]);
    expect(has(["2001:db8::1"], "2001:DB8:0::1", "2001:db8::2")).toEqual([true, false]);
    expect(has(["::ffff:10.0.0.0/104"], "10.1.2.3", "11.0.0.0")).toEqual([true, false]);
  });

  it("has ranges, whatever stands behind their prefix", () => {
    expect(has(["10.1.2.3/8"], "10.255.0.1", "11.0.0.1", "a00::1")).toEqual([true, false, false]);
    expect(has(["172.16.0.0/12"], "172.31.255.255", "172.32.0.0", "172.15.9.9")).toEqual([
      true,
      false,
      false,
    ]);
    expect(has(["fc00::/7"], "fdff::1", "fe00::1", "10.0.0.1")).toEqual([true, false, false]);
    expect(has(["0.0.0.0/0"], "203.0.113.9", "::1")).toEqual([true, false]);
    expect(has(["::/0"], "203.0.113.9", "::1")).toEqual([false, true]);
  });

  it("knows loopback, private and unix by their names", () => {
    expect(has(["loopback"], "127.0.0.1", "127.9.9.9", "::1", "10.0.0.1", "")).toEqual([
      ...[true, true, true, false, false],
    ]);
    expect(has(["private"], "10.0.0.1", "172.20.0.1", "192.168.9.9", "fd00::1", "127.0.0.1")).toEqual([
      ...[true, true, true, true, false],
    ]);
    expect(has(["unix"], "", "127.0.0.1")).toEqual([true, false]);
  });

  it("has an address with a zone, and nothing that is no address", () => {
    expect(has(["fe80::/10"], "fe80::1%eth0", "fe80", "x", " ")).toEqual([true, false, false, false]);
    expect(has([], "127.0.0.1", "")).toEqual([false, false]);
  });

  it("throws for a member that is none", () => {
    expect(() => new AddressSet(["10.0.0.0/33"])).toThrow(RangeError);
  });

  it("is what BlockList of Node says it is", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc
        .uint8Array({ minLength: 16, maxLength: 16 })
        .map((given) => Uint8Array.of(0x20, ...given.subarray(1))),
    );
    fc.assert(
      fc.property(bytes, fc.nat(128), fc.nat(127), (base, bits, flip) => {
        const family = base.length === 4 ? "ipv4" : "ipv6";
        const prefix = Math.min(bits, 8 * base.length);
        const other = Uint8Array.from(base);
        other[(flip >> 3) % base.length] ^= 1 << (flip & 7);
        const oracle = new BlockList();
        oracle.addSubnet(formatIp(base), prefix, family);
        const set = new AddressSet([`${formatIp(base)}/${prefix}`]);
        for (const each of [base, other])
          expect(set.has(formatIp(each))).toBe(oracle.check(formatIp(each), family));
      }),
    );
  });
});

describe("a member of a set", () => {
  it.each(["loopback", "private", "unix", "127.0.0.1", "::1", "10.0.0.0/8", "::/0", "1.2.3.4/32"])(
    "may be %s",
    (spec) => expect(isAddressSpec(spec)).toBe(true),
  );

  it.each(["", "localhost", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/33", "::/129", "::ffff:1.2.3.4/95"])(
    "cannot be %j",
    (spec) => expect(isAddressSpec(spec)).toBe(false),
  );

  it.each(["10/8", "1.2.3.4/-1", "1.2.3.4/8/8", "/8", "fe80::1%eth0", "constructor", "10.0.0.0/1e1"])(
    "cannot be %j either",
    (spec) => expect(isAddressSpec(spec)).toBe(false),
  );
});
