import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { permessageDeflate, WriteProtocol } from "../../lib/index.ts";
import { describeLoops, startServer } from "../support/server.ts";
import { ARGS, CHROMIUM } from "./chromium.ts";

/** Compression with a browser, which offers `permessage-deflate; client_max_window_bits`. */
describe.runIf(existsSync(CHROMIUM))("compression with a browser", { timeout: 60_000 }, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  }, 60_000);
  afterAll(() => browser?.close());

  describeLoops("echo", (loop) => {
    it.each([
      ["as it comes", {}],
      ["with small windows", { serverMaxWindowBits: 10, clientMaxWindowBits: 9 }],
      ["without context takeover", { serverNoContextTakeover: true, clientNoContextTakeover: true }],
    ])("%s", async (_name, options) => {
      const server = await startServer({
        eventLoop: loop,
        extensions: [permessageDeflate({ threshold: 0, ...options })],
        protocol: { wholeMessages: true },
        on: {
          HTTP: (wsi) =>
            wsi.httpReply(200, { "content-type": "text/html" }, "<!doctype html><title>echo</title>"),
          RECEIVE: (wsi, input) =>
            void wsi.write(input, wsi.frameIsBinary() ? WriteProtocol.BINARY : WriteProtocol.TEXT),
        },
      });
      const page = await browser.newPage();
      await page.goto(`http://127.0.0.1:${server.port}/`);
      const result = await page.evaluate(exchange, `ws://127.0.0.1:${server.port}/`);
      expect(result).toEqual({
        extensions: expect.stringMatching(/^permessage-deflate/),
        wrong: [],
        code: 1000,
      });
      expect(server.all("ESTABLISHED")[0].wsi.headers["sec-websocket-extensions"]).toBe(
        "permessage-deflate; client_max_window_bits",
      );
      await page.close();
    });
  });
});

/** Runs in the page: sends texts and bytes of many sizes, and compares what comes back. */
async function exchange(url: string) {
  const session = new WebSocket(url);
  session.binaryType = "arraybuffer";
  await new Promise((resolve, reject) => {
    session.onopen = resolve;
    session.onerror = reject;
  });
  const wrong: number[] = [];
  for (let i = 0; i < 60; i++) {
    const text = `message ${i}, Ωμέγα; `.repeat(i * i);
    const sent = i % 2 === 0 ? text : new TextEncoder().encode(text);
    const got = await new Promise<string | ArrayBuffer>((resolve) => {
      session.onmessage = ({ data }) => resolve(data);
      session.send(sent);
    });
    const back = typeof got === "string" ? got : new TextDecoder().decode(got);
    if (back !== text || (typeof got === "string") !== (i % 2 === 0)) wrong.push(i);
  }
  const { extensions } = session;
  const code = await new Promise<number>((resolve) => {
    session.onclose = (event) => resolve(event.code);
    session.close(1000);
  });
  return { extensions, wrong, code };
}
