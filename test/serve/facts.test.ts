import { describe, expect, it } from "vitest";
import { factsOf, isSettled, SETTLED_MS } from "../../lib/serve/facts.ts";

const NOW = Date.UTC(2025, 5, 1, 12);
const old = { size: 255, mtime: Date.UTC(1994, 10, 6, 8, 49, 37) + 0.25, ctime: NOW - 1e6, ino: 1, dev: 1 };
const given = { contentType: "text/plain" };
const etag = (state = old, encoding?: string) => factsOf(state, { ...given, encoding }, NOW).etag;

describe("the facts about a file", () => {
  it("are what the system and the mount say", () => {
    const mount = { ...given, encoding: "br", vary: "Accept-Encoding", cacheControl: "no-cache" };
    expect(factsOf(old, mount, NOW)).toEqual({
      ...mount,
      size: 255,
      mtime: old.mtime,
      etag: expect.stringMatching(/^"[0-9a-z]+-73-br"$/),
      lastModified: Date.UTC(1994, 10, 6, 8, 49, 37),
      lastModifiedText: "Sun, 06 Nov 1994 08:49:37 GMT",
      settled: true,
    });
  });

  it("never say that it was changed after the reply (RFC 9110 section 8.8.2.1)", () => {
    const facts = factsOf({ ...old, mtime: NOW + 1e9 }, given, NOW + 999);
    expect(facts.lastModified).toBe(NOW);
    expect(facts.lastModifiedText).toBe(new Date(NOW).toUTCString());
  });
});

describe("the entity tag", () => {
  it("is another one for another size, time, or coding", () => {
    const others = [
      etag(),
      etag({ ...old, size: 256 }),
      etag({ ...old, mtime: old.mtime + 0.001 }),
      etag(old, "br"),
      etag(old, "gzip"),
    ];
    expect(new Set(others).size).toBe(5);
  });

  it("is the same on another machine, and after a change of name or rights", () => {
    expect(etag({ ...old, ino: 2, dev: 2, ctime: NOW - 5e6 })).toBe(etag());
  });

  it("is weak until another change would show, and the same but for that", () => {
    const fresh = { ...old, ctime: NOW - SETTLED_MS + 1 };
    expect(etag(fresh)).toBe(`W/${etag()}`);
    expect(isSettled(fresh, NOW)).toBe(false);
    expect(isSettled({ ...old, ctime: NOW - SETTLED_MS }, NOW)).toBe(true);
    expect(isSettled({ ...old, ctime: NOW + 1e6 }, NOW)).toBe(false);
  });
});
