import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { makeGuard, parseBasic } from "../../lib/serve/auth.ts";

const basic = (text: string | Buffer) => `Basic ${Buffer.from(text).toString("base64")}`;

describe("an Authorization header", () => {
  it("holds user and password, in UTF-8 (RFC 7617 section 2.1)", () => {
    expect(parseBasic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")).toEqual({
      user: "Aladdin",
      password: "open sesame",
    });
    expect(parseBasic("Basic dGVzdDoxMjPCow==")).toEqual({ user: "test", password: "123£" });
    expect(parseBasic("bAsIc  dGVzdDo6")).toEqual({ user: "test", password: ":" });
    expect(parseBasic(basic(":"))).toEqual({ user: "", password: "" });
  });

  it.each([
    undefined,
    "",
    "Basic",
    "Basic ",
    "Basic %%%",
    "Bearer dGVzdDoxMjM=",
    basic("nocolon"),
    basic("user:pass\0word"),
    basic("user\n:password"),
    basic(Buffer.of(0x61, 0x3a, 0xff)),
    `${basic("a:b")}, ${basic("a:b")}`,
    `${basic("a:b")}x=`,
  ])("holds none: %s", (header) => expect(parseBasic(header)).toBeNull());
});

describe("a guard with a check", () => {
  const guard = (check: (...given: string[]) => unknown) =>
    makeGuard({ realm: "r", check: check as () => boolean });

  it("asks it, with the path", () => {
    const asked: string[][] = [];
    const open = guard((...given) => asked.push(given) > 0);
    expect(open.admits(basic("a:b"), "/x")).toBe(true);
    expect(asked).toEqual([["a", "b", "/x"]]);
  });

  it("does not ask about nobody", () => {
    expect(guard(() => true).admits(undefined, "/")).toBe(false);
    expect(guard(() => true).admits("Basic x", "/")).toBe(false);
  });

  it.each([false, 0, 1, "yes", undefined, null])("takes %s for no", async (answer) => {
    expect(guard(() => answer).admits(basic("a:b"), "/")).toBe(false);
    expect(await guard(() => Promise.resolve(answer)).admits(basic("a:b"), "/")).toBe(false);
  });

  it("waits for a promise, and passes on what fails", async () => {
    expect(await guard(() => Promise.resolve(true)).admits(basic("a:b"), "/")).toBe(true);
    await expect(guard(() => Promise.reject(new Error("db"))).admits(basic("a:b"), "/")).rejects.toThrow(
      "db",
    );
    const throwing = guard(() => {
      throw new Error("now");
    });
    expect(() => throwing.admits(basic("a:b"), "/")).toThrow("now");
  });
});

describe("a guard with a file", () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "sluice-auth-"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => vi.restoreAllMocks());
  const path = () => join(folder, "passwords");

  it("lets in who is in it", () => {
    writeFileSync(path(), "ann:secret\r\nbob:a:b\n\nbroken\n:\nann2:");
    const guard = makeGuard({ realm: "r", file: path() });
    const admits = (text: string) => guard.admits(basic(text), "/");
    expect(["ann:secret", "bob:a:b", "ann2:", ":"].map(admits)).toEqual([true, true, true, true]);
    expect(
      ["ann:", "ann:Secret", "bob:a", "broken:", "eve:secret", "ann:secret\r"].map(admits),
    ).not.toContain(true);
    expect(guard.admits(undefined, "/")).toBe(false);
  });

  it.each(["at once", "long after the last change"])("sees a change, %s", (when) => {
    if (when !== "at once") vi.spyOn(Date, "now").mockReturnValue(Date.now() + 1e6);
    writeFileSync(path(), "ann:one");
    utimesSync(path(), 1000, 1000);
    const guard = makeGuard({ realm: "r", file: path() });
    expect(guard.admits(basic("ann:one"), "/")).toBe(true);
    expect(guard.admits(basic("ann:one"), "/")).toBe(true);
    writeFileSync(`${path()}.new`, "ann:two");
    renameSync(`${path()}.new`, path());
    expect(guard.admits(basic("ann:one"), "/")).toBe(false);
    expect(guard.admits(basic("ann:two"), "/")).toBe(true);
    rmSync(path());
    expect(() => guard.admits(basic("ann:two"), "/"), "nobody is let in").toThrow("ENOENT");
  });
});
