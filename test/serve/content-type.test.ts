import { describe, expect, it } from "vitest";
import { contentTypeOf } from "../../lib/serve/content-type.ts";

describe("the content type", () => {
  it.each([
    ["index.html", "text/html; charset=utf-8"],
    ["a/b.CSS", "text/css; charset=utf-8"],
    ["x.js", "text/javascript; charset=utf-8"],
    ["x.json", "application/json; charset=utf-8"],
    ["x.png", "image/png"],
    ["x.svg", "image/svg+xml"],
    ["x.wasm", "application/wasm"],
    ["x.tar.gz", "application/gzip"],
    ["x.unheard-of", "application/octet-stream"],
    ["x", "application/octet-stream"],
    ["html", "application/octet-stream"],
    [".html", "application/octet-stream"],
    ["x.", "application/octet-stream"],
    ["a.html/x", "application/octet-stream"],
  ])("of %s is %s", (file, type) => expect(contentTypeOf(file)).toBe(type));

  it("asks the own types first, and gives them as they stand", () => {
    const own = { html: "text/x-own", foo: "a/b" };
    expect(contentTypeOf("x.html", own)).toBe("text/x-own");
    expect(contentTypeOf("x.FOO", own)).toBe("a/b");
    expect(contentTypeOf("x.css", own)).toBe("text/css; charset=utf-8");
  });

  it("takes no extension for a property of objects", () => {
    expect(contentTypeOf("x.constructor", {})).toBe("application/octet-stream");
    expect(contentTypeOf("x.__proto__", {})).toBe("application/octet-stream");
  });
});
