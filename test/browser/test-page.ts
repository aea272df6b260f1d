import type { Page } from "playwright-core";
import { expect } from "vitest";
import { evaluate, patient } from "./pages.ts";

/** Waits until all of the test page's sockets are open. */
export async function allOpen(page: Page): Promise<void> {
  await expect.poll(() => page.getByTestId("summary").textContent(), patient).toBe("4 of 4 connections open");
}

/** Drags the mouse over the canvas; points are fractions of its width and height. */
export async function drag(page: Page, points: readonly (readonly [number, number])[]): Promise<void> {
  const box = (await page.getByTestId("canvas").boundingBox())!;
  for (const [index, [x, y]] of points.entries()) {
    await page.mouse.move(box.x + x * box.width, box.y + y * box.height);
    if (index === 0) await page.mouse.down();
  }
  await page.mouse.up();
}

/** Red, green, blue and alpha at a place of the canvas. */
export async function pixel(page: Page, x: number, y: number): Promise<number[]> {
  return evaluate(
    page,
    `(() => {
      const canvas = document.getElementById("canvas");
      const context = canvas.getContext("2d");
      return [...context.getImageData(${x} * canvas.width, ${y} * canvas.height, 1, 1).data];
    })()`,
  );
}
