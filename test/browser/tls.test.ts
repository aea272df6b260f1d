import { createHash, X509Certificate } from "node:crypto";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { chromium } from "playwright-core";
import { describe, expect, it } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import { Authority } from "../support/certificates.ts";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";
import { ARGS, CHROMIUM } from "./chromium.ts";

const folder = temporaryFolder();
const certificate = new Authority(folder).issue("localhost", "DNS:localhost,IP:127.0.0.1");

/** The hash of its public key, by which a browser can be told to take this certificate and no other. */
function keyHash(): string {
  const { publicKey } = new X509Certificate(readFileSync(certificate.cert));
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64");
}

describe.runIf(existsSync(CHROMIUM))("TLS with a browser", { timeout: 60_000 }, () => {
  describeLoops("one port", (loop) => {
    it("serves a page, and its socket, and brings those who come without TLS", async () => {
      const server = await startServer({
        eventLoop: loop,
        ssl: certificate,
        protocol: { wholeMessages: true },
        on: {
          HTTP: (wsi) =>
            wsi.httpReply(200, { "content-type": "text/html" }, "<!doctype html><title>safe</title>"),
          RECEIVE: (wsi, input: Buffer) => void wsi.write(`${input} indeed`, WriteProtocol.TEXT),
        },
      });
      // The browser heeds the hash for a profile of its own only.
      const profile = `${folder}/profile-${loop}`;
      const browser = await chromium.launchPersistentContext(profile, {
        executablePath: CHROMIUM,
        args: [...ARGS, `--ignore-certificate-errors-spki-list=${keyHash()}`],
      });
      try {
        const page = await browser.newPage();
        const response = await page.goto(`http://localhost:${server.port}/`);
        expect(response?.url()).toBe(`https://localhost:${server.port}/`);
        expect(await page.title()).toBe("safe");
        expect((await response?.securityDetails())?.protocol).toBe("TLS 1.3");
        expect(await page.evaluate(ask, `wss://localhost:${server.port}/`)).toEqual(["safe indeed", 1000]);
        const { wsi } = await server.nth("ESTABLISHED");
        expect(wsi.secure).toBe(true);
      } finally {
        await browser.close();
        rmSync(profile, { recursive: true, force: true });
      }
    });
  });
});

/** Runs in the page: the answer to a message, and how the session was closed. */
async function ask(url: string): Promise<[string, number]> {
  const session = new WebSocket(url);
  session.onopen = () => session.send("safe");
  const answer = await new Promise<string>((resolve, reject) => {
    session.onmessage = ({ data }) => resolve(data);
    session.onerror = reject;
  });
  const code = await new Promise<number>((resolve) => {
    session.onclose = (event) => resolve(event.code);
    session.close(1000);
  });
  return [answer, code];
}
