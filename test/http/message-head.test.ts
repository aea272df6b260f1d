import { describe, expect, it } from "vitest";
import { MessageHead } from "../../lib/http/message-head.ts";

// What the fields of a head are is in fields.test.ts; the two kinds of heads have tests of their own.

const FIRST = "GET / HTTP/1.1\r\n";
const head = new MessageHead(`${FIRST}Host: a\r\nX-One: 1\r\nx-one: 2\r\n\r\n`, FIRST.length);

describe("a head", () => {
  it("gives its headers by name, joined, and made once", () => {
    expect({ ...head.headers }).toEqual({ host: "a", "x-one": "1, 2" });
    expect(head.headers).toBe(head.headers);
    expect(Object.getPrototypeOf(head.headers)).toBeNull();
  });

  it("gives one of them without the others, and how often it came", () => {
    expect([head.get("x-one"), head.get("host"), head.get("none")]).toEqual(["1, 2", "a", undefined]);
    expect([head.count("x-one"), head.count("host"), head.count("none")]).toEqual([2, 1, 0]);
  });

  it("keeps its text as it came", () => expect(head.raw).toContain("\r\nx-one: 2\r\n\r\n"));
});
