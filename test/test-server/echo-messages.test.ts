import { isUtf8 } from "node:buffer";
import { describe, expect, it } from "vitest";
import { compare, Messages } from "../../test-server/echo-messages.ts";

describe("the messages to play", () => {
  it("go round the sizes, first as text, then as binary", () => {
    const messages = new Messages([0, 3, 200], "mixed");
    const all = [0, 1, 2, 3, 4, 5].map((index) => messages.at(index));
    expect(all.map(({ data }) => data.length)).toEqual([0, 3, 200, 0, 3, 200]);
    expect(all.map(({ binary }) => binary)).toEqual([false, false, false, true, true, true]);
    for (const { data } of all.slice(0, 3)) expect(isUtf8(data)).toBe(true);
    expect(new Messages([1], "binary").at(0).binary).toBe(true);
    expect(new Messages([1], "text").at(1).binary).toBe(false);
  });

  it("differ where they have room for their number, and are always the same", () => {
    const messages = new Messages([8], "text");
    expect(messages.at(12).data.toString()).toBe("00000012");
    expect(messages.at(13).data).not.toEqual(messages.at(12).data);
  });
});

describe("an echo", () => {
  const sent = { data: Buffer.from("abcd"), binary: false };

  it.each([
    ["right", Buffer.from("abcd"), false, undefined],
    ["of another kind", Buffer.from("abcd"), true, "4 bytes of text came back as binary"],
    ["too short", Buffer.from("abc"), false, "4 bytes of text came back as 3 bytes"],
    ["changed", Buffer.from("abXd"), false, "4 bytes of text came back with byte 2 changed"],
  ])("that is %s is told", (_, echo, binary, complaint) => {
    expect(compare(echo, binary, sent)).toBe(complaint);
  });

  it("of nothing is wrong", () => {
    expect(compare(Buffer.from("a"), false, undefined)).toMatch(/nothing was sent/);
  });
});
