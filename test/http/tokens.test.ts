import { describe, expect, it } from "vitest";
import { hasWordAt, isFieldValue, isToken, listHas, splitList, trimmed } from "../../lib/http/tokens.ts";

describe("isToken", () => {
  it("takes every tchar and nothing else", () => {
    const tchars = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    for (let code = 0; code < 0x120; code++) {
      const character = String.fromCharCode(code);
      expect(isToken(character), `U+${code.toString(16)}`).toBe(tchars.includes(character));
    }
  });

  it("refuses the empty string", () => {
    expect(isToken("")).toBe(false);
  });
});

describe("isFieldValue", () => {
  it("takes visible characters, blanks, tabs and obs-text", () => {
    expect(isFieldValue("a b\tc \xff")).toBe(true);
    expect(isFieldValue("")).toBe(true);
  });

  it("row 17: refuses CR, LF, NUL, other controls and what is no byte", () => {
    for (const bad of ["a\rb", "a\nb", "a\0b", "\x0b", "\x7f", "\u0100"])
      expect(isFieldValue(bad)).toBe(false);
  });
});

describe("lists", () => {
  it("splits at commas, trims blanks and keeps empty members", () => {
    expect(splitList("a, b\t,,c ")).toEqual(["a", "b", "", "c"]);
    expect(splitList("")).toEqual([""]);
  });

  it("finds a member in whichever case, whole members only", () => {
    expect(listHas("keep-alive, Upgrade", "upgrade")).toBe(true);
    expect(listHas("\t UPGRADE \t", "upgrade")).toBe(true);
    expect(listHas(",,upgrade", "upgrade")).toBe(true);
    expect(listHas("upgrades, up grade, upgrad", "upgrade")).toBe(false);
    expect(listHas("", "upgrade")).toBe(false);
  });

  it("finds a word at an offset in whichever case, which letters alone have", () => {
    expect(hasWordAt("keep\rAlive", 0, "keep-alive")).toBe(false);
    expect(hasWordAt("X_Y", 0, "x_y")).toBe(true);
    expect(hasWordAt("x^", 0, "x~")).toBe(false);
    expect(hasWordAt("Keep-ALIVE", 0, "keep-alive")).toBe(true);
    expect(hasWordAt("xKEY", 1, "key")).toBe(true);
    expect(hasWordAt("ke", 0, "key")).toBe(false);
  });

  it("row 11: goes through blanks once, however many there are", () => {
    const value = `b${" ".repeat(1_000_000)}x`;
    expect(splitList(value)).toEqual([value]);
    expect(listHas(value, "x")).toBe(false);
    expect(trimmed(`${" ".repeat(1_000_000)}x`)).toBe("x");
  });
});
