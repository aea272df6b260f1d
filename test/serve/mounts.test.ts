import { describe, expect, it } from "vitest";
import { isServedMethod, MOUNT_ALLOW, type MountOptions, MountTable } from "../../lib/serve/mounts.ts";
import { resolvePath } from "../../lib/serve/path.ts";

const table = (...mountpoints: string[]) =>
  new MountTable(mountpoints.map((mountpoint) => ({ mountpoint, origin: `/srv${mountpoint}` })));

const prefixOf = (mounts: MountTable, path: string) => mounts.find(path)?.prefix;

describe("finding a mount", () => {
  it("takes the longest mountpoint, in whichever order they are given", () => {
    for (const mounts of [table("/", "/a", "/a/b"), table("/a/b", "/a", "/")]) {
      expect(prefixOf(mounts, "/a/b/c")).toBe("/a/b");
      expect(prefixOf(mounts, "/a/c")).toBe("/a");
      expect(prefixOf(mounts, "/x")).toBe("");
      expect(prefixOf(mounts, "/")).toBe("");
    }
  });

  it("fits at a slash only", () => {
    const mounts = table("/static");
    expect(prefixOf(mounts, "/static")).toBe("/static");
    expect(prefixOf(mounts, "/static/")).toBe("/static");
    expect(prefixOf(mounts, "/static.txt")).toBeUndefined();
    expect(prefixOf(mounts, "/statics/x")).toBeUndefined();
    expect(prefixOf(mounts, "/")).toBeUndefined();
  });

  it("takes a mountpoint with a slash at its end for the same one", () => {
    expect(prefixOf(table("/static/"), "/static/x")).toBe("/static");
  });

  it("row 74: sees through every way to write a path", () => {
    const mounts = table("/", "/admin");
    for (const path of ["//admin/s", "/x/../admin/s", "/%61dmin/s", "/./admin//s"]) {
      expect(prefixOf(mounts, resolvePath(path)!), path).toBe("/admin");
    }
  });

  it("finds none without mounts", () => {
    expect(table().find("/")).toBeUndefined();
    expect(table().size).toBe(0);
    expect(table("/a", "/").size).toBe(2);
  });
});

describe("mounts", () => {
  it("name the protocols that must be there", () => {
    const mounts = new MountTable([
      { mountpoint: "/", origin: "." },
      { mountpoint: "/api", protocol: "api" },
      { mountpoint: "/x", pass: true },
    ]);
    expect(mounts.protocols).toEqual(["api"]);
  });

  it("are named by their place when a field is wrong", () => {
    const wrong = { mountpoint: "x", origin: "." };
    expect(() => new MountTable([{ mountpoint: "/", origin: "." }, wrong])).toThrow(
      /mounts\[1\]\.mountpoint/,
    );
  });

  it("refuses the same mountpoint twice", () => {
    expect(() => table("/a", "/b", "/a/")).toThrow(/mounts\[2\]\.mountpoint/);
  });

  it("refuses what is no list or no object", () => {
    expect(() => new MountTable("x" as unknown as MountOptions[])).toThrow(TypeError);
    expect(() => new MountTable([null as unknown as MountOptions])).toThrow(/mounts\[0\]/);
  });
});

describe("methods", () => {
  it("are GET and HEAD, which is what a 405 says", () => {
    expect(isServedMethod("GET") && isServedMethod("HEAD")).toBe(true);
    for (const method of ["POST", "get", "OPTIONS", ""]) expect(isServedMethod(method)).toBe(false);
    expect(MOUNT_ALLOW).toBe("GET, HEAD");
  });
});
