import { describe, expect, it } from "vitest";
import { acceptsHtml, isPagePath } from "../../lib/serve/fallback.ts";

describe("a path that may be a page", () => {
  it.each(["/", "/users", "/users/5", "/users/", "/v1.2/users"])("%s", (path) =>
    expect(isPagePath(path)).toBe(true),
  );
  it.each(["/app.js", "/users/5.json", "/.env", "/.git/config", "/a.b/c.d", "/v1/."])("is not %s", (path) =>
    expect(isPagePath(path)).toBe(false),
  );
});

describe("a client that wants a page", () => {
  it.each([
    "text/html",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "application/json, TEXT/HTML ; q=0.1",
    "text/html;charset=utf-8;q=0.001",
  ])("says %s", (accept) => expect(acceptsHtml(accept)).toBe(true));
  it.each([
    undefined,
    "",
    "*/*",
    "text/*",
    "application/json",
    "text/html;q=0",
    "text/html; q=0.000",
    "text/html5",
  ])("does not say %s", (accept) => expect(acceptsHtml(accept)).toBe(false));
});
