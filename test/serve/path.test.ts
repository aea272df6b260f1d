import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodePath, resolvePath } from "../../lib/serve/path.ts";

describe("resolving a path", () => {
  it.each([
    ["/", "/"],
    ["/a/b.txt", "/a/b.txt"],
    ["/a%20b/%C3%A4", "/a b/ä"],
    ["/a/", "/a/"],
    ["/a/./b", "/a/b"],
    ["/a/../b", "/b"],
    ["/a/..", "/"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/%61/%2e%2e/b", "/b"],
    ["/a...b/..c", "/a...b/..c"],
    ["/100%25", "/100%"],
  ])("makes of %s the path %s", (path, resolved) => expect(resolvePath(path)).toBe(resolved));

  it.each(["/../x", "/%2e%2e/x", "/.%2E/x", "/sub/../../x", "/../root-sibling/x", "/a/../../a", "/.."])(
    "row 70: refuses %s, which climbs above the root",
    (path) => expect(resolvePath(path)).toBeNull(),
  );

  it.each(["/..%2fx", "/..%5cx", "/..\\x", "/a%2Fb", "/a%5Cb", "/admin%2Fs", "/admin%5Cs"])(
    "rows 70, 74: refuses %s, which hides a separator",
    (path) => expect(resolvePath(path)).toBeNull(),
  );

  it("row 70: decodes once, and takes more than two dots for a name", () => {
    expect(resolvePath("/%252e%252e/x")).toBe("/%2e%2e/x");
    expect(resolvePath("/%255c")).toBe("/%5c");
    expect(resolvePath("/....//x")).toBe("/..../x");
  });

  it.each([
    "/%00",
    "/f.txt%00.html",
    "/%",
    "/%zz",
    "/%a",
    "/%c0%ae%c0%ae/",
    "/%ff",
    "/%ed%a0%80",
    "/%0d%0a",
    "/%7f",
    "",
    "x",
    "*",
  ])("row 71: refuses %j", (path) => expect(resolvePath(path)).toBeNull());

  it("rows 74, 75: makes one slash of several", () => {
    expect(resolvePath("//admin/s")).toBe("/admin/s");
    expect(resolvePath("/a///b//")).toBe("/a/b/");
    expect(resolvePath("//evil.example/..")).toBe("/");
    expect(resolvePath("//")).toBe("/");
  });

  it("comes to a path that stays as it is, has no dot segment, and encodes to one that means the same", () => {
    const parts = fc.array(
      fc.constantFrom("/", ".", "..", "a", "%2e", "%20", "%", "%2f", "\\", "ä", "%00", "%25", "?", "#"),
    );
    fc.assert(
      fc.property(parts, (parts) => {
        const resolved = resolvePath(`/${parts.join("")}`);
        if (resolved === null) return;
        expect(resolved).toMatch(/^\/(?!\/)/);
        expect(resolved.split("/")).not.toContain("..");
        expect(resolved.split("/")).not.toContain(".");
        expect(resolvePath(encodePath(resolved))).toBe(resolved);
        expect(encodePath(resolved)).toMatch(/^[!-~]+$/);
      }),
    );
  });
});

describe("encoding a path", () => {
  it("leaves slashes, and nothing that means something else in a Location", () => {
    expect(encodePath("/a b/?x#y/%/ä")).toBe("/a%20b/%3Fx%23y/%25/%C3%A4");
  });
});
