import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page, Response } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MAX_UPLOAD } from "../../test-server/uploads.ts";
import { ServerProcess } from "../test-server/server-process.ts";
import { evaluate, findBrowser, Pages, patient } from "./pages.ts";
import { wavFile } from "./wav.ts";

/** What a real browser does over HTTP with the compiled test server: uploads, events, its cache, parts of media files. */
const MIB = 1_048_576;

let server: ServerProcess;
let pages: Pages;
let folder: string;

const has = (page: Page, id: string) => expect.poll(() => page.getByTestId(id).textContent(), patient);
const number = async (page: Page, id: string) => Number(await page.getByTestId(id).textContent());

describe.runIf(findBrowser())("a browser", { timeout: 60_000 }, () => {
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-browser-"));
    pages = await Pages.launch();
    server = await ServerProcess.start("--access-log");
  }, 60_000);
  afterAll(async () => {
    await pages?.close();
    await server?.stop();
    rmSync(folder, { recursive: true });
  });
  afterEach(() => pages.clear());

  describe("that uploads", () => {
    it("shows how far it is, and then the hash that the server computed", async () => {
      const page = await pages.open(server.url);
      await limitUpload(page, 16 * MIB);
      await watchUpload(page);
      const buffer = randomBytes(20 * MIB);
      await choose(page, { name: "noise.bin", mimeType: "application/x-noise", buffer });
      await has(page, "upload-state").toBe("done");
      const file = await page.getByTestId("upload-files").locator("li").textContent();
      expect(file).toContain("noise.bin");
      expect(file).toContain("20.0 MiB (20,971,520 bytes) · application/x-noise");
      expect(file).toContain(createHash("sha256").update(buffer).digest("hex"));

      const told = await evaluate<string[]>(page, "window.uploadStates");
      const steps = told.flatMap((text) => /^sending (\d+) %$/.exec(text)?.[1] ?? []).map(Number);
      expect(new Set(steps).size).toBeGreaterThan(3);
      expect(steps).toEqual([...steps].sort((a, b) => a - b));
      expect(await page.getByTestId("upload-numbers").textContent()).toMatch(
        /^20\.0 MiB of 20\.0 MiB · 100 % · \d.* [KM]iB\/s$/,
      );
      expect(pages.complaints).toEqual([]);
    });

    it("aborts, and the server goes on without a word", async () => {
      const page = await pages.open(server.url);
      await limitUpload(page, MIB);
      await choose(page, { name: "long.bin", mimeType: "", buffer: Buffer.alloc(20 * MIB) });
      await has(page, "upload-state").toMatch(/^sending [1-9]\d* %$/);
      await page.getByTestId("upload-abort").click();
      await has(page, "upload-state").toBe("aborted");
      expect(await page.getByTestId("upload-abort").isDisabled()).toBe(true);

      await limitUpload(page, -1);
      await choose(page, { name: "short.txt", mimeType: "text/plain", buffer: Buffer.from("short") });
      await has(page, "upload-state").toBe("done");
      await has(page, "upload-files").toMatch(/short\.txt5 B \(5 bytes\) · text\/plain/);
      await has(page, "upload-message").toBe("");
      expect(server.stderr).toBe("");
      expect(pages.complaints).toEqual([]);
    });

    it("shows the 413 for a file over the limit", async () => {
      const large = join(folder, "large.bin");
      writeFileSync(large, "");
      truncateSync(large, MAX_UPLOAD + 1);
      const page = await pages.open(server.url);
      await page.getByTestId("upload-file").setInputFiles(large);
      await has(page, "upload-state").toBe("refused");
      await has(page, "upload-message").toBe(
        "The server answered 413: too large: the server takes up to 1 GiB.",
      );
      expect(pages.complaints.filter((text) => !text.includes("413 (Content Too Large)"))).toEqual([]);
      expect(server.stderr).toBe("");
    });

    it("takes several files that are dropped onto the panel, and none beside it", async () => {
      const page = await pages.open(server.url);
      await drop(page, "#drawing-title", ["beside.txt"]);
      await has(page, "upload-state").toBe("ready");
      await drop(page, "#upload-title", ["one.txt", "zwei – ü.txt"]);
      await has(page, "upload-state").toBe("done");
      const files = await page.getByTestId("upload-files").locator("strong").allTextContents();
      expect(files).toEqual(["one.txt", "zwei – ü.txt"]);
      expect(pages.complaints).toEqual([]);
    });
  });

  describe("that listens to events", () => {
    it("shows each of them, and goes on from the last one when the server was gone", async () => {
      const page = await pages.open(server.url);
      await has(page, "events-state").toBe("open");
      await expect.poll(() => number(page, "events-id"), patient).toBeGreaterThanOrEqual(2);
      await has(page, "memory").toMatch(/^\d+(\.\d)? MiB$/);
      await has(page, "live").toBe("4");
      await has(page, "events-resumed").toBe("not yet");

      const { port } = server;
      expect(await server.stop()).toBe(0);
      await has(page, "events-state").toBe("connecting");
      const last = await number(page, "events-id");
      server = await ServerProcess.start("-p", String(port), "--access-log");
      await has(page, "events-state").toBe("open");
      await has(page, "events-resumed").toBe(`behind event ${last}`);
      await expect.poll(() => number(page, "events-id"), patient).toBeGreaterThan(last);
      const unexpected = pages.complaints.filter(
        (text) => !/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE/.test(text),
      );
      expect(unexpected).toEqual([]);
    });

    it("ends them and begins anew", async () => {
      const page = await pages.open(server.url);
      await has(page, "events-state").toBe("open");
      await page.getByTestId("events-toggle").click();
      await has(page, "events-state").toBe("closed");
      await page.getByTestId("events-toggle").click();
      await has(page, "events-state").toBe("open");
      expect(pages.complaints).toEqual([]);
    });

    it("opens more pages than it has connections, since those that are not seen let go of theirs", async () => {
      const first = await pages.open(server.url);
      for (let more = 0; more < 7; more++) {
        const page = await first.context().newPage();
        await page.goto(server.url);
        await has(page, "events-state").toBe("open");
        await evaluate(page, HIDE);
        await has(page, "events-state").toBe("closed");
      }
      expect(pages.complaints).toEqual([]);
    });
  });

  it("asks for each file again, and gets 304 for what it has", async () => {
    const page = await pages.open(server.url);
    await has(page, "summary").toBe("4 of 4 connections open");
    const before = server.stdout.length;
    await page.goto(server.url);
    await has(page, "summary").toBe("4 of 4 connections open");
    const log = () => server.stdout.slice(before);
    for (const path of ["/", "/style.css", "/app.js", "/format.js"]) {
      await expect.poll(log, patient).toContain(`"GET ${path} HTTP/1.1" 304 0 `);
    }
    expect(log()).not.toMatch(/\.(js|css|svg) HTTP\/1\.1" 200 /);
    expect(pages.complaints).toEqual([]);
  });

  it("gets but the parts of a recording that it plays", async () => {
    writeFileSync(join(folder, "tone.wav"), wavFile(180));
    writeFileSync(
      join(folder, "index.html"),
      "<!doctype html><title>tone</title><link rel=icon href=data:,>",
    );
    const files = await ServerProcess.start("--root", folder);
    const page = await pages.open(files.url);
    const answers: Response[] = [];
    page.on("response", (response) => answers.push(response));

    const { duration, at } = await evaluate<{ duration: number; at: number }>(page, SEEK);
    expect(duration).toBeCloseTo(180, 1);
    expect(at).toBeCloseTo(175, 1);
    const parts = await Promise.all(answers.map(partOf));
    expect(parts.map(({ status }) => status)).toEqual(parts.map(() => 206));
    expect(parts[0]).toMatchObject({ asked: "bytes=0-", got: `bytes 0-${SIZE - 1}/${SIZE}` });
    const late = parts.find(({ asked }) => Number(/^bytes=(\d+)-/.exec(asked)?.[1]) > SIZE / 2)!;
    const from = /^bytes=(\d+)-/.exec(late.asked)![1];
    expect(late.got).toBe(`bytes ${from}-${SIZE - 1}/${SIZE}`);
    expect(pages.complaints).toEqual([]);
    await page.context().close();
    await files.stop();
  });
});

/** Bytes of the recording. */
const SIZE = wavFile(180).length;

async function partOf(response: Response): Promise<{ status: number; asked: string; got: string }> {
  const [asked, got] = [await response.request().allHeaders(), await response.allHeaders()];
  return { status: response.status(), asked: asked["range"] ?? "", got: got["content-range"] ?? "" };
}

/** Goes to five seconds before the end of the recording. */
const SEEK = `new Promise((resolve, reject) => {
  const audio = document.createElement("audio");
  audio.preload = "metadata";
  audio.onerror = () => reject(new Error(audio.error.message));
  audio.onloadedmetadata = () => { audio.currentTime = audio.duration - 5; };
  audio.onseeked = () => resolve({ duration: audio.duration, at: audio.currentTime });
  audio.src = "tone.wav";
  document.body.append(audio);
})`;

/** What a page is told that goes to the background; headless pages all are in front. */
const HIDE = `
  Object.defineProperty(document, "visibilityState", { value: "hidden" });
  document.dispatchEvent(new Event("visibilitychange"));
`;

type ChosenFile = { name: string; mimeType: string; buffer: Buffer };

function choose(page: Page, file: ChosenFile): Promise<void> {
  return page.getByTestId("upload-file").setInputFiles(file);
}

/** Bytes a second; -1 for no limit. */
async function limitUpload(page: Page, uploadThroughput: number): Promise<void> {
  const session = await page.context().newCDPSession(page);
  const conditions = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput };
  await session.send("Network.emulateNetworkConditions", conditions);
}

/** Has the page keep every word that the state of the upload shows. */
async function watchUpload(page: Page): Promise<void> {
  await evaluate(
    page,
    `{
      const state = document.getElementById("upload-state");
      window.uploadStates = [];
      new MutationObserver(() => window.uploadStates.push(state.textContent)).observe(state, { childList: true });
    }`,
  );
}

async function drop(page: Page, selector: string, names: readonly string[]): Promise<void> {
  await evaluate(
    page,
    `{
      const dataTransfer = new DataTransfer();
      for (const name of ${JSON.stringify(names)}) dataTransfer.items.add(new File(["content"], name));
      const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
      document.querySelector(${JSON.stringify(selector)}).dispatchEvent(event);
    }`,
  );
}
