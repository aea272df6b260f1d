import { describe, expect, it } from "vitest";
import { AddressCount, networkOf } from "../../lib/engine/addresses.ts";

describe("the network of an address", () => {
  it.each([
    ["127.0.0.1", "127.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["2001:0DB8:0001:0002::9", "2001:db8:1:2::/64"],
    ["::1", "0:0:0:0::/64"],
    ["::", "0:0:0:0::/64"],
    ["1::", "1:0:0:0::/64"],
    ["1::2:3:4:5:6", "1:0:0:2::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["1:2:3:4:5:6:192.0.2.1", "1:2:3:4::/64"],
  ])("of %s is %s", (address, network) => expect(networkOf(address)).toBe(network));
});

describe("a count of addresses", () => {
  it("row 84: takes as many as it may from one address, and from each", () => {
    const count = new AddressCount(2);
    expect([1, 2, 3].map(() => count.add("192.0.2.1"))).toEqual([true, true, false]);
    expect(count.add("192.0.2.2")).toBe(true);
  });

  it("has room again when one leaves, for one that was refused never came", () => {
    const count = new AddressCount(1);
    expect(count.add("192.0.2.1")).toBe(true);
    expect(count.add("192.0.2.1")).toBe(false);
    count.remove("192.0.2.1");
    expect(count.add("192.0.2.1")).toBe(true);
    expect(count.add("192.0.2.1")).toBe(false);
  });

  it("row 84: counts IPv6 by its first 64 bits", () => {
    const count = new AddressCount(1);
    expect(count.add("2001:db8:0:1::1")).toBe(true);
    expect(count.add("2001:db8:0:1:ffff::2")).toBe(false);
    expect(count.add("2001:db8:0:2::1")).toBe(true);
    count.remove("2001:db8:0:1:ffff::2");
    expect(count.add("2001:db8:0:1::3")).toBe(true);
  });

  it("has no limit for Unix sockets, which have no address", () => {
    const count = new AddressCount(1);
    expect([1, 2, 3].map(() => count.add(""))).toEqual([true, true, true]);
    count.remove("");
  });
});
