import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BrowserContextOptions, Locator, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { makeCertificate } from "../test-server/certificate.ts";
import { ServerProcess } from "../test-server/server-process.ts";
import { evaluate, findBrowser, Pages, patient } from "./pages.ts";
import { allOpen, drag, pixel } from "./test-page.ts";

/** The test page in a real browser, against the compiled test server. */
const SCREENSHOT = fileURLToPath(new URL("../../docs/test-page.png", import.meta.url));
let server: ServerProcess;
let pages: Pages;

describe.runIf(findBrowser())("the test page", { timeout: 90_000 }, () => {
  beforeAll(async () => {
    pages = await Pages.launch();
    server = await ServerProcess.start();
  }, 60_000);
  afterAll(async () => {
    await pages?.close();
    await server?.stop();
  });
  afterEach(() => pages.clear());

  it("counts, and starts again at zero on Reset", async () => {
    const page = await open();
    await allOpen(page);
    await expect.poll(() => shownNumber(page), patient).toBeGreaterThan(20);
    const before = await shownNumber(page);
    await page.getByTestId("reset").click();
    await expect.poll(() => shownNumber(page), patient).toBeLessThan(before);
    await expect.poll(() => page.getByTestId("rtt").textContent(), patient).toMatch(/ ms$/);
    expect(pages.complaints).toEqual([]);
  });

  it("shows in one page what is drawn in another one of the same room, and not in other rooms", async () => {
    const [here, there, elsewhere] = [await open(), await open(), await open("?mirror=elsewhere")];
    for (const page of [here, there, elsewhere]) await allOpen(page);
    await here.locator('input[value="#dc2626"]').check();
    await here.getByTestId("width").fill("12");
    await drag(here, [
      [0.2, 0.5],
      [0.8, 0.5],
    ]);
    await expect.poll(() => pixel(here, 0.5, 0.5), patient).toEqual([0xdc, 0x26, 0x26, 255]);
    await expect.poll(() => pixel(there, 0.5, 0.5), patient).toEqual([0xdc, 0x26, 0x26, 255]);
    await expect.poll(() => sameDrawing(here, there), patient).toBe(true);
    expect(await pixel(elsewhere, 0.5, 0.5)).toEqual([0, 0, 0, 0]);

    await there.getByTestId("clear").click();
    expect(await pixel(there, 0.5, 0.5)).toEqual([0, 0, 0, 0]);
    expect(await pixel(here, 0.5, 0.5)).toEqual([0xdc, 0x26, 0x26, 255]);
    expect(pages.complaints).toEqual([]);
  });

  it("draws with the arrow keys", async () => {
    const page = await open();
    await allOpen(page);
    await page.getByTestId("canvas").focus();
    for (let i = 0; i < 4; i += 1) await page.keyboard.press("ArrowRight");
    await expect.poll(async () => (await pixel(page, 0.51, 0.5))[3], patient).toBe(255);
  });

  it("lists the sessions of all pages, and drops those of a page that went", async () => {
    const [one, two] = [await open(), await open()];
    await expect.poll(() => rows(one), patient).toHaveLength(8);
    await expect.poll(() => rows(two), patient).toHaveLength(8);
    expect((await rows(one)).filter((row) => row.includes("lws-mirror-protocol"))).toHaveLength(2);
    await two.context().close();
    await expect.poll(() => rows(one), patient).toHaveLength(4);
    expect(pages.complaints).toEqual([]);
  });

  it("tells which process serves each session, where there are several", async () => {
    const alone = await open();
    await allOpen(alone);
    expect(await serverColumn(alone).isVisible()).toBe(false);
    const tree = await ServerProcess.start("--fork", "2");
    const page = await open("", {}, tree);
    // Which of them a connection goes to is up to the system.
    for (let count = 1; (await processes(page)).size < 2; count++) {
      await expect.poll(() => rows(page), patient).toHaveLength(4 * count);
      if ((await processes(page)).size < 2) await open("", {}, tree);
    }
    await expect.poll(() => serverColumn(page).isVisible(), patient).toBe(true);
    expect(pages.complaints).toEqual([]);
    await pages.clear();
    expect(await tree.stop()).toBe(0);
  });

  it("closes from either end, and shows the code, the reason, and whether it was clean", async () => {
    const page = await open();
    await allOpen(page);
    await page.getByTestId("close-server").click();
    await expect.poll(() => closedWith(page), patient).toEqual(["1001 going away", "seeya", "yes"]);
    await allOpen(page);

    await page.getByTestId("close-code").fill("4321");
    await page.getByTestId("close-reason").fill("enough");
    await page.getByTestId("close-here").click();
    await expect.poll(() => closedWith(page), patient).toEqual(["4321", "none", "yes"]);
    expect(await page.getByTestId("counter-state").textContent()).toBe("closed");
    await page.getByTestId("close-open").click();
    await allOpen(page);

    await page.getByTestId("close-code").fill("1001");
    await page.getByTestId("close-here").click();
    expect(await page.getByTestId("counter-state").textContent()).toBe("open");
    expect(pages.complaints).toEqual([]);
  });

  it("comes back by itself when the server was gone", async () => {
    const [one, two] = [await open(), await open()];
    for (const page of [one, two]) await allOpen(page);
    const { port } = server;
    expect(await server.stop()).toBe(0);
    for (const page of [one, two]) {
      await expect
        .poll(() => page.getByTestId("summary").textContent(), patient)
        .toBe("0 of 4 connections open");
      await expect
        .poll(() => page.getByTestId("counter-state").textContent(), patient)
        .toMatch(/^waiting \d+ s$/);
    }
    server = await ServerProcess.start("-p", String(port));
    for (const page of [one, two]) await allOpen(page);
    expect(pages.complaints.filter((text) => !text.includes("ERR_CONNECTION_REFUSED"))).toEqual([]);
  });

  it("fits a phone without scrolling sideways", async () => {
    const page = await open("", { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
    await expect.poll(() => rows(page), patient).toHaveLength(4);
    const { scroll, inner } = await evaluate<{ scroll: number; inner: number }>(
      page,
      "({ scroll: document.documentElement.scrollWidth, inner: innerWidth })",
    );
    expect(scroll).toBeLessThanOrEqual(inner);
  });

  it("speaks wss when it came by https", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-page-"));
    const { cert, key } = makeCertificate(folder);
    const secure = await ServerProcess.start("--ssl", "--cert", cert, "--key", key);
    const page = await open("", { ignoreHTTPSErrors: true }, secure);
    await allOpen(page);
    expect(page.url()).toMatch(/^https:/);
    expect(pages.complaints).toEqual([]);
    await page.context().close();
    await secure.stop();
    rmSync(folder, { recursive: true });
  });

  if (process.env["UPDATE_SCREENSHOT"] === "1") it("has its picture taken for the docs", takePicture);
});

async function takePicture(): Promise<void> {
  const page = await open("", { viewport: { width: 1200, height: 1260 } });
  await open();
  await allOpen(page);
  const inks = ["#0b7a75", "#2563eb", "#9333ea", "#f59e0b"];
  for (const [index, ink] of inks.entries()) {
    await page.locator(`input[value="${ink}"]`).check();
    await page.getByTestId("width").fill(String(3 + 2 * index));
    await drag(page, wave(index));
  }
  const film = {
    name: "lock-gates.webm",
    mimeType: "video/webm",
    buffer: Buffer.alloc(40 * 1_048_576, "water"),
  };
  await page.getByTestId("upload-file").setInputFiles(film);
  await page.waitForTimeout(31_000); // Half a minute fills the graphs.
  await page.screenshot({ path: SCREENSHOT });
}

function open(query = "", options: BrowserContextOptions = {}, from = server): Promise<Page> {
  return pages.open(from.url + query, options);
}

async function shownNumber(page: Page): Promise<number> {
  return Number(await page.getByTestId("number").textContent());
}

async function rows(page: Page): Promise<string[]> {
  return page.getByTestId("sessions").locator("tbody tr").allTextContents();
}

function serverColumn(page: Page): Locator {
  return page.getByTestId("sessions").locator("th.server");
}

/** Those that the table tells of. */
async function processes(page: Page): Promise<Set<string>> {
  return new Set(await page.getByTestId("sessions").locator("td.server").allTextContents());
}

async function closedWith(page: Page): Promise<(string | null)[]> {
  const ids = ["closed-code", "closed-reason", "closed-clean"];
  return Promise.all(ids.map((id) => page.getByTestId(id).textContent()));
}

function wave(phase: number): [number, number][] {
  return Array.from({ length: 61 }, (_, i) => {
    const height = 0.3 * (1 - phase * 0.15);
    return [0.08 + (0.84 * i) / 60, 0.5 + height * Math.sin((i / 60) * 3 * Math.PI + phase * 0.7)];
  });
}

async function sameDrawing(left: Page, right: Page): Promise<boolean> {
  const image = `document.getElementById("canvas").toDataURL()`;
  return (await evaluate<string>(left, image)) === (await evaluate<string>(right, image));
}
