import { isIPv6 } from "node:net";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FAULTS } from "../../lib/http/fault.ts";
import { isHost, parseTarget } from "../../lib/http/target.ts";

describe("a request target", () => {
  it("has a path and a query in the origin-form", () => {
    expect(parseTarget("GET", "/a?b?c")).toEqual({ path: "/a", query: "b?c", authority: "" });
    expect(parseTarget("GET", "//evil.example/x")).toEqual({
      path: "//evil.example/x",
      query: "",
      authority: "",
    });
  });

  it("row 19: has an authority in the absolute-form", () => {
    expect(parseTarget("GET", "http://a:1/b?c")).toEqual({ path: "/b", query: "c", authority: "a:1" });
    expect(parseTarget("GET", "HTTPS://a")).toEqual({ path: "/", query: "", authority: "a" });
  });

  it("rows 66-68: is refused with userinfo, as * for anything but OPTIONS, and for CONNECT", () => {
    expect(parseTarget("GET", "http://u:p@x/")).toBe(FAULTS.userinfo);
    expect(parseTarget("GET", "*")).toBe(FAULTS.target);
    expect(parseTarget("OPTIONS", "*")).toMatchObject({ path: "*" });
    expect(parseTarget("CONNECT", "a:443")).toBe(FAULTS.connect);
    expect(parseTarget("GET", "a:443")).toBe(FAULTS.target);
  });

  it("row 68: of CONNECT is refused in every form, since any 2xx to it would open a tunnel", () => {
    for (const target of ["/", "/a", "*", "http://a/", "a:443"]) {
      expect(parseTarget("CONNECT", target), target).toBe(FAULTS.connect);
    }
    expect(parseTarget("connect", "/")).toMatchObject({ path: "/" });
  });

  it("means the whole server when OPTIONS has an absolute one without path (RFC 9112 section 3.2.4)", () => {
    expect(parseTarget("OPTIONS", "http://a:1")).toEqual({ path: "*", query: "", authority: "a:1" });
    expect(parseTarget("OPTIONS", "http://a/")).toMatchObject({ path: "/" });
    expect(parseTarget("OPTIONS", "http://a?b")).toMatchObject({ path: "/", query: "b" });
    expect(parseTarget("GET", "http://a")).toMatchObject({ path: "/" });
    expect(parseTarget("options", "*")).toBe(FAULTS.target);
  });
});

describe("isHost", () => {
  it("takes a name or an address with or without a port", () => {
    for (const host of ["a", "a.b:80", "[::1]", "[::1]:1", "1.2.3.4:65535"])
      expect(isHost(host), host).toBe(true);
  });

  it("row 64: refuses everything else", () => {
    for (const host of [
      "",
      ":80",
      "a b@c",
      "a@b",
      "a/b",
      "[]",
      "[x]",
      "a:b",
      "\xe4",
      "a%zz",
      "a%4",
      "a:1:2",
    ]) {
      expect(isHost(host), host).toBe(false);
    }
  });

  it("takes percent-encoded bytes, an empty port, and ports up to 65535", () => {
    for (const host of ["a%41", "a:", "[::1]:", "a:00080"]) expect(isHost(host), host).toBe(true);
    for (const host of ["a:65536", "a:99999", "a:123456"]) expect(isHost(host), host).toBe(false);
  });

  it("takes the IPv6 addresses that Node takes", () => {
    const group = fc.constantFrom(
      "0",
      "1",
      "ab",
      "FFFF",
      "12345",
      "g",
      "",
      "1.2.3.4",
      "1.2.3",
      "1.2.3.256",
      "01.2.3.4",
    );
    const address = fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(":"));
    const seldom = [
      "::",
      "::1",
      "1::",
      "1:2:3:4:5:6:7::",
      "::2:3:4:5:6:7:8",
      "1:2:3:4:5:6:7:8::",
      ":::",
      "1:::2",
    ];
    const mapped = [
      "::ffff:1.2.3.4",
      "1:2:3:4:5:6:1.2.3.4",
      "1.2.3.4::",
      "1:2:3:4:5:6:7:1.2.3.4",
      "::1.2.3.4:5",
    ];
    for (const text of [...seldom, ...mapped]) expect(isHost(`[${text}]`), text).toBe(isIPv6(text));
    fc.assert(fc.property(address, (text) => isHost(`[${text}]`) === isIPv6(text)));
  });

  it("looks at a long one once", () => {
    expect(isHost(`${"a".repeat(1_000_000)}@`)).toBe(false);
  });
});
