import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { loops } from "../support/server.ts";
import { ProgramProcess } from "../test-server/program-process.ts";
import { ServerProcess } from "../test-server/server-process.ts";
import { evaluate, findBrowser, Pages, patient } from "./pages.ts";
import { allOpen } from "./test-page.ts";

/** The circles of the test client, as a real browser sees them on the test page. */
let server: ServerProcess;
let pages: Pages;
let client: ProgramProcess | undefined;

describe.runIf(findBrowser())("the test page and the test client", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    pages = await Pages.launch();
    server = await ServerProcess.start();
  }, 60_000);
  afterAll(async () => {
    await pages?.close();
    await server?.stop();
  });
  afterEach(async () => {
    client?.signal("SIGKILL");
    await pages.clear();
  });

  it.each(loops)("shows the circles of one on the %s loop as they are drawn", async (loop) => {
    const page = await openPage();
    expect(await painted(page)).toBe(0);

    client = new ProgramProcess("client", ["--event-loop", loop, "-r", "100", `127.0.0.1:${server.port}`]);
    await expect.poll(() => painted(page), patient).toBeGreaterThan(500);
    const sooner = await painted(page);
    await expect.poll(() => painted(page), patient).toBeGreaterThan(sooner);
    await expect.poll(() => coloursOf(page), patient).toBeGreaterThan(5);
    // The page's own four, and those of the client's two protocols.
    await expect.poll(() => sessions(page), patient).toBe(6);

    client.signal("SIGINT");
    expect(await client.ended()).toMatchObject({ code: 0, stderr: "" });
    await expect.poll(() => sessions(page), patient).toBe(4);
    expect(pages.complaints).toEqual([]);
  });
});

async function openPage(): Promise<Page> {
  const page = await pages.open(server.url);
  await allOpen(page);
  return page;
}

function sessions(page: Page): Promise<number> {
  return page.getByTestId("sessions").locator("tbody tr").count();
}

/** The canvas as 32-bit pixels, 0 where nothing was drawn. */
const PIXELS = `(() => {
  const canvas = document.getElementById("canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Uint32Array(data.buffer);
})()`;

/** How many pixels of the canvas something was drawn on. */
function painted(page: Page): Promise<number> {
  return evaluate(page, `${PIXELS}.filter((pixel) => pixel !== 0).length`);
}

/** How many opaque colours there are on the canvas; the edges of a line are half transparent. */
function coloursOf(page: Page): Promise<number> {
  return evaluate(page, `new Set(${PIXELS}.filter((pixel) => pixel >>> 24 === 255)).size`);
}
