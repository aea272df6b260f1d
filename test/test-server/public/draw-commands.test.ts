import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadPageModule } from "./load.ts";

interface Line {
  kind: "line";
  colour: string;
  x1: number;
  y1: number;
  x2: number;
  y2: number;
  width: number;
}

const { parseCommands, lineCommand } = await loadPageModule<{
  parseCommands(text: string): ({ kind: "circle" } | Line)[];
  lineCommand(line: Omit<Line, "kind">): string;
}>("draw-commands.js");

describe("parseCommands", () => {
  it("reads lines and circles as the first test page wrote them", () => {
    expect(parseCommands("d #20ff20 1 2 3 4;c #A0b1C2 250 125 23;")).toEqual([
      { kind: "line", colour: "#20ff20", x1: 1, y1: 2, x2: 3, y2: 4, width: 2 },
      { kind: "circle", colour: "#A0b1C2", x: 250, y: 125, r: 23 },
    ]);
  });

  it("reads the width of a line as a seventh field", () => {
    expect(parseCommands("d #000000 -1 2.5 3 4 9")).toEqual([
      { kind: "line", colour: "#000000", x1: -1, y1: 2.5, x2: 3, y2: 4, width: 9 },
    ]);
  });

  it.each([
    "",
    ";;;",
    "d",
    "d red 1 2 3 4",
    "d #12345 1 2 3 4",
    "d #000000 1 2 3",
    "d #000000 1 2 3 4 5 6",
    "d #000000 1 2 3 NaN",
    "d #000000 1 2 3 1e9",
    "d #000000 1 2 3 Infinity",
    "c #000000 1 2",
    "x #000000 1 2 3 4",
    "d #000000;url(x) 1 2 3 4",
    "<script>",
  ])("leaves out %j", (text) => {
    expect(parseCommands(text)).toEqual([]);
  });

  it("keeps what is good beside what is not", () => {
    expect(parseCommands("rubbish;d #000000 1 2 3 4;c #000")).toHaveLength(1);
  });

  it("bounds widths", () => {
    expect(parseCommands("d #000000 1 2 3 4 9999; d #000000 1 2 3 4 0")).toMatchObject([
      { width: 64 },
      { width: 0.5 },
    ]);
  });

  it("never throws, whatever comes", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const command of parseCommands(text)) expect(["line", "circle"]).toContain(command.kind);
      }),
    );
  });
});

describe("lineCommand", () => {
  it("writes what parseCommands reads, to a tenth", () => {
    const line = { colour: "#0b7a75", x1: 1.04, y1: 2.06, x2: 639.99, y2: 0, width: 4 };
    expect(lineCommand(line)).toBe("d #0b7a75 1 2.1 640 0 4;");
    expect(parseCommands(lineCommand(line))).toHaveLength(1);
  });
});
