import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { expect, it } from "vitest";
import { ARGS, CHROMIUM } from "./chromium.ts";

export const patient = { timeout: 8_000, interval: 50 };

/** Whether there is a browser. Where there is none a test says so: it fails in CI, and is skipped elsewhere. */
export function findBrowser(): boolean {
  if (existsSync(CHROMIUM)) return true;
  const message = `there is no browser at ${CHROMIUM} (set CHROMIUM to name another one)`;
  if (process.env["CI"] === "true") it(`needs a browser, but ${message}`, () => expect.fail(message));
  else it.skip(`is skipped: ${message}`, () => {});
  return false;
}

/** A browser, and what its pages complain about on their consoles. */
export class Pages {
  complaints: string[] = [];
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<Pages> {
    return new Pages(await chromium.launch({ executablePath: CHROMIUM, args: ARGS }));
  }

  /** Opens a page, in a context of its own. */
  async open(url: string, options: BrowserContextOptions = {}): Promise<Page> {
    const context = await this.#browser.newContext(options);
    context.on("console", (message) => {
      const isComplaint = message.type() === "error" || message.type() === "warning";
      // The browser's advice for pages that read pixels: it is these tests that do.
      if (isComplaint && !message.text().includes("willReadFrequently")) this.complaints.push(message.text());
    });
    context.on("weberror", (error) => this.complaints.push(String(error.error())));
    const page = await context.newPage();
    await page.goto(url);
    return page;
  }

  /** Closes all pages, and forgets what they complained about. */
  async clear(): Promise<void> {
    for (const context of this.#browser.contexts()) await context.close();
    this.complaints = [];
  }

  async close(): Promise<void> {
    await this.#browser.close();
  }
}

/** Evaluates in the page: as text, because these tests are compiled without the types of the DOM. */
export function evaluate<Result>(page: Page, expression: string): Promise<Result> {
  return page.evaluate(expression) as Promise<Result>;
}
