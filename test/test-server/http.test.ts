import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { MAX_UPLOAD } from "../../test-server/uploads.ts";
import { makeCertificate } from "./certificate.ts";
import { ServerProcess } from "./server-process.ts";

/** What the compiled test server does over HTTP beside the mount of its page. */
let running: ServerProcess[] = [];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-http-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const server of running) await server.stop("SIGKILL");
  running = [];
});

async function start(...args: string[]): Promise<ServerProcess> {
  const server = await ServerProcess.start(...args);
  running.push(server);
  return server;
}

describe("POST /upload of the test server", () => {
  it("tells the name, size, type and SHA-256 of each file, and skips fields", async () => {
    const { url } = await start();
    const noise = randomBytes(3_000_000);
    const form = new FormData();
    form.append("note", "a field");
    form.append("file", new Blob([noise], { type: "application/x-noise" }), "noise.bin");
    form.append("file", new Blob([]), "empty.txt");
    const reply = await fetch(`${url}upload`, { method: "POST", body: form });
    expect(reply.headers.get("content-type")).toBe("application/json");
    const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
    expect(await reply.json()).toEqual({
      files: [
        { name: "noise.bin", size: 3_000_000, type: "application/x-noise", sha256: sha256(noise) },
        { name: "empty.txt", size: 0, type: "application/octet-stream", sha256: sha256(Buffer.alloc(0)) },
      ],
    });
  });

  it("answers 413 to what announces more than the limit", async () => {
    const { port } = await start();
    const socket = connect(port, "127.0.0.1");
    socket.end(
      `POST /upload HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: ${MAX_UPLOAD + 1}\r\n\r\n`,
    );
    const pieces = await socket.toArray();
    expect(Buffer.concat(pieces).toString()).toMatch(/^HTTP\/1\.1 413 /);
  });

  it.each([
    ["405 to another method", { method: "PUT", body: "" }, 405],
    ["415 to what is no form", { method: "POST", body: "text" }, 415],
    [
      "400 to a form that is cut off",
      {
        method: "POST",
        headers: { "content-type": "multipart/form-data; boundary=x" },
        body: '--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nhalf',
      },
      400,
    ],
  ])("answers %s, and says nothing on standard error", async (_what, request, status) => {
    const server = await start();
    const reply = await fetch(`${server.url}upload`, request);
    expect(reply.status).toBe(status);
    expect(reply.headers.get("allow")).toBe(status === 405 ? "POST" : null);
    expect((await fetch(server.url)).status).toBe(200);
    expect(server.stderr).toBe("");
  });
});

describe("GET /events of the test server", () => {
  it("sends its status, numbered from 1", async () => {
    const { url } = await start();
    const text = await firstEvents(url, {}, 2);
    expect(text).toMatch(
      /^retry: 1000\n\nid: 1\ndata: \{"time":\d{13},"sessions":0,"memory":\d+\}\n\nid: 2\n/,
    );
  });

  it.each([
    ["numbers on from the Last-Event-ID of who comes back", "41", "resumed\ndata: 41\n\nid: 42\n"],
    ["begins at 1 for one that it did not give", "forty-one", "id: 1\n"],
  ])("%s", async (_what, id, expected) => {
    const { url } = await start();
    expect(await firstEvents(url, { "last-event-id": id }, 1)).toContain(expected);
  });

  it("ends its streams when the server ends", async () => {
    const server = await start();
    const reply = await fetch(`${server.url}events`);
    expect(reply.headers.get("content-type")).toBe("text/event-stream");
    const [text, code] = await Promise.all([reply.text(), server.stop()]);
    expect(text).toMatch(/\n\n$/);
    expect(code).toBe(0);
  });
});

/** Reads until that many statuses have come. */
async function firstEvents(url: string, headers: Record<string, string>, count: number): Promise<string> {
  const reply = await fetch(`${url}events`, { headers });
  let text = "";
  for await (const piece of reply.body!) {
    text += Buffer.from(piece).toString();
    if (text.split("\nid: ").length > count) break;
  }
  return text;
}

describe("the files of the test server", () => {
  it("are asked for each time, and get 304 when they have not changed", async () => {
    const { url } = await start();
    const first = await fetch(`${url}app.js`);
    expect(first.headers.get("cache-control")).toBe("no-cache");
    const again = await fetch(`${url}app.js`, { headers: { "if-none-match": first.headers.get("etag")! } });
    expect(again.status).toBe(304);
  });

  it("are logged with --access-log, and are not without", async () => {
    const [logging, silent] = [await start("--access-log"), await start()];
    for (const { url } of [logging, silent]) await fetch(`${url}nothing`);
    await expect
      .poll(() => logging.stdout)
      .toMatch(/ends it\.\n127\.0\.0\.1 - - \[.*\] "GET \/nothing HTTP\/1\.1" 404 \d+ "-" "node"\n$/);
    expect(silent.stdout).toMatch(/ends it\.\n$/);
  });

  it("are listed with --listing", async () => {
    mkdirSync(join(folder, "deep"));
    writeFileSync(join(folder, "deep", "a.txt"), "a");
    const [listing, plain] = [await start("-r", folder, "--listing"), await start("-r", folder)];
    expect(await (await fetch(`${listing.url}deep/`)).text()).toContain('href="./a.txt"');
    expect((await fetch(`${plain.url}deep/`)).status).toBe(404);
  });
});

describe("the security headers of the test server", () => {
  const policy = async ({ url }: ServerProcess) =>
    (await fetch(url)).headers.get("content-security-policy") ?? "none";

  it("are there for its own page, and not for the pages of another folder", async () => {
    expect(await policy(await start())).toMatch(/^default-src 'self'/);
    expect(await policy(await start("-r", folder))).toBe("none");
  });

  it("never bind a browser to TLS, for it would speak it to every port of this machine", async () => {
    const { cert, key } = makeCertificate(folder);
    const { port } = await start("--ssl", "--cert", cert, "--key", key);
    const head = await headOverTls(port);
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(head).toMatch(/\r\nx-content-type-options: nosniff\r\n/i);
    expect(head).not.toMatch(/strict-transport-security/i);
  });
});

async function headOverTls(port: number): Promise<string> {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  socket.write("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  return Buffer.concat(await socket.toArray()).toString();
}
