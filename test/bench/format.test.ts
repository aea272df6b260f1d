import { describe, expect, test } from "vitest";
import { compact, figureText, markdownTable, memory, ratio, textTable } from "../../bench/format.ts";

describe("compact", () => {
  test.each([
    [0, "0.00"],
    [1.234, "1.23"],
    [9.996, "10.0"],
    [27.31, "27.3"],
    [99.96, "100"],
    [999.4, "999"],
    [999.6, "1.00 k"],
    [153_240, "153 k"],
    [999_600, "1.00 M"],
    [2_413_000, "2.41 M"],
  ])("writes %d as %s", (value, text) => {
    expect(compact(value)).toBe(text);
  });

  test("writes a dash for what is not there", () => {
    expect(compact(null)).toBe("–");
    expect(compact(Number.NaN)).toBe("–");
  });
});

describe("memory", () => {
  test("counts in binary units", () => {
    expect(memory(717)).toBe("0.70 KiB");
    expect(memory(6656)).toBe("6.50 KiB");
    expect(memory(64 * 1024 * 1024)).toBe("64.0 MiB");
  });
});

describe("figureText", () => {
  test("gives each figure its unit", () => {
    expect(figureText("perCpuSecond", 153_240)).toBe("153 k");
    expect(figureText("p50", 27.3)).toBe("27.3 µs");
    expect(figureText("timerP99", 1.5)).toBe("1.50 ms");
    expect(figureText("bytesPerSession", 2048)).toBe("2.00 KiB");
    expect(figureText("bytesPerSession", null)).toBe("–");
  });
});

describe("ratio", () => {
  test("is over 1 for more messages", () => {
    expect(ratio("perCpuSecond", 150, 50)).toBe(3);
  });

  test("is over 1 for less memory and for a shorter time", () => {
    expect(ratio("bytesPerSession", 1000, 6000)).toBe(6);
    expect(ratio("p50", 20, 30)).toBe(1.5);
  });

  test("is null where there is nothing to compare", () => {
    expect(ratio("p50", null, 30)).toBeNull();
    expect(ratio("p50", 20, null)).toBeNull();
    expect(ratio("perCpuSecond", 20, 0)).toBeNull();
  });
});

describe("tables", () => {
  test("as text have columns of equal width", () => {
    const table = textTable([
      ["", "per s"],
      ["ws", "43.2 k"],
      ["sluice", "1 k"],
    ]);
    expect(table).toBe("         per s\nws      43.2 k\nsluice     1 k");
  });

  test("in Markdown have a head, a rule, and escaped bars", () => {
    const table = markdownTable([
      ["", "a"],
      ["x|y", "1"],
    ]);
    expect(table).toBe("|  | a |\n| --- | ---: |\n| x\\|y | 1 |");
  });
});
