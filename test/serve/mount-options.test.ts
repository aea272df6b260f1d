import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { CacheBudget } from "../../lib/serve/file-cache.ts";
import { checkMount, type MountOptions } from "../../lib/serve/mount-options.ts";

const checked = (options: object) =>
  checkMount({ mountpoint: "/", ...options } as MountOptions, "mounts[1]", new CacheBudget());

describe("a mount of files", () => {
  it("gets its defaults, and an absolute origin", () => {
    expect(checked({ mountpoint: "/x/", origin: "www" })).toMatchObject({
      kind: "files",
      prefix: "/x",
      guard: null,
      origin: resolve("www"),
      index: "index.html",
      fallback: null,
      listing: false,
      precompressed: false,
      cacheControl: undefined,
      immutable: false,
      dotfiles: false,
      escapingLinks: false,
      mimeTypes: {},
    });
  });

  it("takes undefined for what is not given", () => {
    const undefineds = { redirect: undefined, protocol: undefined, pass: undefined, auth: undefined };
    expect(checked({ origin: ".", index: undefined, ...undefineds })).toMatchObject({ index: "index.html" });
    expect(checked({ origin: ".", pass: false }).kind).toBe("files");
  });

  it("makes a pattern forget where it stopped", () => {
    const mount = checked({ origin: ".", immutable: /x/gy });
    if (mount.kind !== "files" || typeof mount.immutable === "boolean") throw new Error("no pattern");
    expect([mount.immutable.test("ax"), mount.immutable.test("ax")]).toEqual([true, true]);
  });

  it("has its fallback below the origin", () => {
    expect(checked({ origin: ".", fallback: "app/index.html" })).toMatchObject({
      fallback: "/app/index.html",
    });
  });
});

describe("a mount of something else", () => {
  it("is a redirect, a protocol or a hole", () => {
    const redirect = { status: 308, location: "https://example.com/?a=b" };
    expect(checked({ redirect })).toEqual({ kind: "redirect", prefix: "", guard: null, ...redirect });
    expect(checked({ protocol: "chat" })).toEqual({
      kind: "protocol",
      prefix: "",
      guard: null,
      protocol: "chat",
    });
    expect(checked({ pass: true })).toEqual({ kind: "pass", prefix: "", guard: null });
  });

  it("may be guarded", () => {
    const auth = { realm: 'a "realm"\\', check: () => true };
    expect(checked({ protocol: "chat", auth }).guard?.challenge).toBe(
      'Basic realm="a \\"realm\\"\\\\", charset="UTF-8"',
    );
  });
});

const file = { realm: "r", file: "passwords" };
describe("a field that is wrong", () => {
  it.each([
    ["mountpoint", { mountpoint: "static" }],
    ["mountpoint", { mountpoint: "" }],
    ["mountpoint", { mountpoint: "/a//b" }],
    ["mountpoint", { mountpoint: "/a/../b" }],
    ["mountpoint", { mountpoint: "/a\\b" }],
    ["mountpoint", { mountpoint: 1 }],
    ["origin", { origin: "" }],
    ["origin", { origin: undefined }],
    ["origin", { origin: 5 }],
    ["origin", { origin: "a\0b" }],
    ["origin", { origin: undefined, pass: false }],
    ["index", { index: "a/b" }],
    ["index", { index: ".." }],
    ["index", { index: "" }],
    ["fallback", { fallback: "" }],
    ["fallback", { fallback: "/index.html" }],
    ["fallback", { fallback: "../index.html" }],
    ["fallback", { fallback: "app/" }],
    ["fallback", { fallback: true }],
    ["listing", { listing: "yes" }],
    ["precompressed", { precompressed: ["br"] }],
    ["cacheControl", { cacheControl: "" }],
    ["cacheControl", { cacheControl: "a\r\nX: y" }],
    ["cacheControl", { cacheControl: 60 }],
    ["immutable", { immutable: "*.js" }],
    ["dotfiles", { dotfiles: "yes" }],
    ["insecureAllowEscapingLinks", { insecureAllowEscapingLinks: 1 }],
    ["mimeTypes", { mimeTypes: null }],
    ["mimeTypes", { mimeTypes: { ".x": "a/b" } }],
    ["mimeTypes", { mimeTypes: { x: "text" } }],
    ["mimeTypes", { mimeTypes: { x: "a/b\r\nX: y" } }],
    ["mimetypes", { mimetypes: {} }],
    ["redirect", { redirect: { status: 301, location: "/" } }],
    ["protocol", { protocol: "chat" }],
    ["pass", { pass: true }],
    ["pass", { pass: 1 }],
    ["protocol", { origin: undefined, protocol: "" }],
    ["protocol", { origin: undefined, protocol: "a b" }],
    ["protocol", { origin: undefined, protocol: 5 }],
    ["redirect.status", { origin: undefined, redirect: { status: 200, location: "/" } }],
    ["redirect.status", { origin: undefined, redirect: null }],
    ["redirect.location", { origin: undefined, redirect: { status: 301, location: "a b" } }],
    ["redirect.location", { origin: undefined, redirect: { status: 301 } }],
    ["index", { origin: undefined, pass: true, index: "x.html" }],
    ["cacheControl", { origin: undefined, protocol: "chat", cacheControl: "no-cache" }],
    ["auth", { auth: true }],
    ["auth", { auth: null }],
    ["auth", { origin: undefined, pass: true, auth: file }],
    ["auth.users", { auth: { realm: "r", users: {} } }],
    ["auth.realm", { auth: { file: "passwords" } }],
    ["auth.realm", { auth: { ...file, realm: "a\r\nb" } }],
    ["auth.realm", { auth: { ...file, realm: "ä" } }],
    ["auth.file", { auth: { realm: "r" } }],
    ["auth.file", { auth: { realm: "r", file: 5 } }],
    ["auth.file", { auth: { ...file, check: () => true } }],
    ["auth.check", { auth: { realm: "r", check: true } }],
    ["auth.file", { auth: { realm: "r", file: join("www", "sub", "passwords") } }],
    ["auth.file", { auth: { realm: "r", file: join("www", "..passwords") } }],
  ])("%s is named: %j", (field, wrong) => {
    expect(() => checked({ origin: "www", ...wrong })).toThrow(TypeError);
    expect(() => checked({ origin: "www", ...wrong })).toThrow(`mounts[1].${field} is not`);
  });

  it("is none when the passwords lie beside the origin", () => {
    expect(() => checked({ origin: "www", auth: { realm: "r", file: "www-passwords" } })).not.toThrow();
    expect(() =>
      checked({ origin: "www", auth: { realm: "r", file: join("www", "..", "p") } }),
    ).not.toThrow();
  });
});
