import { describe, expect, it } from "vitest";
import { normalOrigin, originAllowed } from "../../lib/ws/origin.ts";

describe("an origin", () => {
  it.each([
    ["https://good.example", "https://good.example"],
    ["HTTPS://GOOD.example", "https://good.example"],
    ["https://good.example:443", "https://good.example"],
    ["http://good.example:80", "http://good.example"],
    ["https://good.example:80", "https://good.example:80"],
    ["http://127.0.0.1:8080", "http://127.0.0.1:8080"],
    ["http://[::1]:8080", "http://[::1]:8080"],
    ["http://[0:0::1]", "http://[::1]"],
    ["https://bücher.example", "https://xn--bcher-kva.example"],
    ["chrome-extension://abcdef", "chrome-extension://abcdef"],
  ])("%s is %s in the form that is compared", (origin, normal) => {
    expect(normalOrigin(origin)).toBe(normal);
    expect(normalOrigin(normal), "the form stays as it is").toBe(normal);
  });

  it.each([
    ...["", "null", "*", "good.example", "//good.example", "https://", "https:", "file://", "about:blank"],
    ...[
      "https://good.example/",
      "https://good.example/path",
      "https://good.example?q",
      "https://good.example#f",
    ],
    ...[
      "https://user@good.example",
      "https://user:secret@good.example",
      "https://a b",
      "https://a,https://b",
    ],
    ...["data:text/html,x", "blob:https://good.example"],
    // What the URL parser mends, but no browser sends as an origin.
    ...["https://good.example?", "https://good.example#", "https://@good.example", "https:good.example"],
    ...[
      "https:\\\\good.example",
      "https://good.example/.",
      " https://good.example",
      "https://good\t.example",
    ],
  ])("%j is none", (origin) => expect(normalOrigin(origin)).toBeNull());
});

describe("a session from an origin", () => {
  const allowed = new Set(["https://good.example", "http://localhost:7681"]);

  it.each(["https://good.example", "https://GOOD.example:443", "http://localhost:7681"])(
    "row 16: is allowed from %s, which is on the list",
    (origin) => expect(originAllowed(allowed, origin)).toBe(true),
  );

  it.each([
    "https://evil.example",
    "null",
    "",
    "https://good.example.evil.com",
    "https://evil.com/https://good.example",
    "https://good.example@evil.com",
    "http://good.example",
    "https://good.example:8443",
    "https://sub.good.example",
    "http://localhost",
    "https://good.example, https://good.example",
  ])("row 16: is not allowed from %j", (origin) => expect(originAllowed(allowed, origin)).toBe(false));

  it("is allowed without an Origin header, which every browser sends", () => {
    expect(originAllowed(allowed, undefined)).toBe(true);
  });

  it("is allowed from anywhere when there is no list, and from nowhere when it is empty", () => {
    expect(originAllowed(undefined, "https://evil.example")).toBe(true);
    expect(originAllowed(undefined, "null")).toBe(true);
    expect(originAllowed(new Set(), "https://good.example")).toBe(false);
  });
});
