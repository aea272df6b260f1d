import { describe, expect, it } from "vitest";
import { loadPageModule } from "./load.ts";

const { formatBytes, formatAge, formatDuration, browserName, closeCodeName } = await loadPageModule<{
  formatBytes(bytes: number): string;
  formatAge(ms: number): string;
  formatDuration(ms: number): string;
  browserName(userAgent: string): string;
  closeCodeName(code: number): string;
}>("format.js");

describe("the words of the page", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1536, "1.5 KiB"],
    [512_000, "500 KiB"],
    [5_368_709_120, "5.0 GiB"],
  ])("say %d bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [-5, "0 s"],
    [59_999, "59 s"],
    [60_000, "1 min"],
    [7_200_000, "2 h"],
    [172_800_000, "2 d"],
  ])("say an age of %d ms as %s", (ms, text) => {
    expect(formatAge(ms)).toBe(text);
  });

  it("say a duration in the unit that fits", () => {
    expect([0.421, 12.34, 1200].map(formatDuration)).toEqual(["0.42 ms", "12.3 ms", "1.20 s"]);
  });

  it.each([
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox 140"],
    ["Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/155.0.0.0 Safari/537.36", "Chrome 155"],
    ["Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/155.0.0.0 Safari/537.36 Edg/155.0.0.0", "Edge 155"],
    ["Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 Version/18.1 Safari/605.1.15", "Safari 18"],
    ["curl/8.0", "curl/8.0"],
    ["", "unknown"],
  ])("name the browser %s", (userAgent, name) => {
    expect(browserName(userAgent)).toBe(name);
  });

  it("name the close codes that have a name", () => {
    expect([1001, 4321].map(closeCodeName)).toEqual(["going away", ""]);
  });
});
