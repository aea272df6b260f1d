import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { circleCommand } from "../../test-server/circles.ts";
import { loadPageModule } from "./public/load.ts";

const page = await loadPageModule<{
  WIDTH: number;
  HEIGHT: number;
  parseCommands(text: string): { kind: string; x: number; y: number; r: number }[];
}>("draw-commands.js");

describe("a random circle", () => {
  it("is a command in the words of the mirror's drawing", () => {
    expect(circleCommand(() => 0)).toBe("c #000000 0 0 1;");
    expect(circleCommand(() => 0.5)).toBe("c #800000 320 200 13;");
  });

  it("is one that the test page draws, within its drawing", () => {
    const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(fc.infiniteStream(chance), (chances) => {
        const [circle, ...rest] = page.parseCommands(circleCommand(() => chances.next().value));
        expect(rest).toEqual([]);
        expect(circle.kind).toBe("circle");
        expect(circle.x).toBeLessThan(page.WIDTH);
        expect(circle.y).toBeLessThan(page.HEIGHT);
        expect(circle.r).toBeGreaterThan(0);
      }),
    );
  });
});
