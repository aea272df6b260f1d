import { isIPv6 } from "node:net";
import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeInternet, encodePath, familyOf, hostOf, portOf } from "../../../lib/loop/epoll/address.ts";
import { AF_INET, AF_INET6, AF_UNIX } from "../../../lib/loop/epoll/libc.ts";
import { hex } from "../../support/raw.ts";

test("lays out an IPv4 address as Linux does", () => {
  const address = encodeInternet("127.0.0.1", 8080);
  expect(Buffer.from(address)).toEqual(hex("02 00 1f 90 7f 00 00 01 00 00 00 00 00 00 00 00"));
  expect([familyOf(address), hostOf(address), portOf(address)]).toEqual([AF_INET, "127.0.0.1", 8080]);
});

test("lays out an IPv6 address as Linux does", () => {
  const address = encodeInternet("2001:db8::1%7", 443);
  const words = "0a 00 01 bb 00 00 00 00 20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01 07 00 00 00";
  expect(Buffer.from(address)).toEqual(hex(words));
  expect([familyOf(address), hostOf(address), portOf(address)]).toEqual([AF_INET6, "2001:db8::1", 443]);
});

test("lays out the path of a Unix socket, with its NUL, and an abstract name without one", () => {
  expect(Buffer.from(encodePath("/a"))).toEqual(hex("01 00 2f 61 00"));
  expect(Buffer.from(encodePath("\0a"))).toEqual(hex("01 00 00 61"));
  const address = encodePath("/a");
  expect([familyOf(address), hostOf(address), portOf(address)]).toEqual([AF_UNIX, "", 0]);
});

test.each([
  ["::", "::"],
  ["::1", "::1"],
  ["1::", "1::"],
  ["0:0:1::", "0:0:1::"],
  ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["2001:DB8::AB", "2001:db8::ab"],
  ["::ffff:10.0.0.255", "10.0.0.255"],
  ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
])("writes %s as %s (RFC 5952; a mapped IPv4 address as IPv4)", (given, written) => {
  expect(hostOf(encodeInternet(given, 1))).toBe(written);
});

test("reads back every IPv6 address that it writes", () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.nat(65_535), (host, port) => {
      fc.pre(isIPv6(host));
      const once = encodeInternet(host, port);
      const text = hostOf(once);
      if (isIPv6(text)) expect(encodeInternet(text, port)).toEqual(once);
      expect(portOf(once)).toBe(port);
    }),
  );
});

test.each([-1, 65_536, 1.5, Number.NaN])("refuses the port %d", (port) => {
  expect(() => encodeInternet("127.0.0.1", port)).toThrowError(
    expect.objectContaining({ code: "ERR_SOCKET_BAD_PORT" }),
  );
});

test("refuses a path that is too long, empty or has a NUL in it", () => {
  const codes = ["x".repeat(108), "", "a\0b"].map((path) => {
    try {
      encodePath(path);
      return "";
    } catch (error) {
      return (error as { code: string }).code;
    }
  });
  expect(codes).toEqual(["ENAMETOOLONG", "EINVAL", "EINVAL"]);
});

test("refuses the zone of an interface that is not there", () => {
  expect(() => encodeInternet("fe80::1%no-such0", 1)).toThrow("No such network interface");
});
