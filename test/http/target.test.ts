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
});

describe("isHost", () => {
  it("takes a name or an address with or without a port", () => {
    for (const host of ["a", "a.b:80", "[::1]", "[::1]:1", "1.2.3.4:65535"])
      expect(isHost(host), host).toBe(true);
  });

  it("row 64: refuses everything else", () => {
    for (const host of ["", ":80", "a b@c", "a@b", "a/b", "[]", "[x]", "a:b", "\xe4"]) {
      expect(isHost(host), host).toBe(false);
    }
  });

  it("looks at a long one once", () => {
    expect(isHost(`${"a".repeat(1_000_000)}@`)).toBe(false);
  });
});
