import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { HttpError } from "../../lib/api.ts";
import { httpRequest, upgradeRequest } from "../support/frames.ts";
import { describeLoops, type ServerOptions, startServer, temporaryFolder } from "../support/server.ts";
import { letFilesSettle } from "../support/settled.ts";

// What strangers found who tried to break the HTTP side.

const chunked = { method: "POST", headers: { "Transfer-Encoding": "chunked" } };
const MEBIBYTE = 1 << 20;

describeLoops("a reply that is whole", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it.each([
    ["breaks the grammar", "ZZ\r\n"],
    ["is over the limit", "200000\r\n"],
  ])("arrives, though the rest of its request %s", async (_name, rest) => {
    const server = await start({ on: { HTTP: (wsi) => wsi.httpReply(401, {}, "who are you?") } });
    const peer = await server.connect();
    peer.send(httpRequest({ ...chunked, body: rest }));
    const reply = await peer.response();
    expect([reply.status, String(reply.body)]).toEqual([401, "who are you?"]);
    await peer.closed();
  });

  it("has one time limit for the rest of its request, however it trickles", async () => {
    const server = await start({
      timeouts: { body: 150 },
      on: { HTTP: (wsi) => wsi.httpReply(200, {}, "done") },
    });
    const peer = await server.connect();
    let open = true;
    peer.send(httpRequest({ method: "POST", headers: { "Content-Length": "100000" }, body: "a" }));
    expect((await peer.response()).status).toBe(200);
    const gone = peer.closed().then(() => {
      open = false;
    });
    while (open) {
      peer.send("a").catch(() => {});
      await delay(20);
    }
    await gone;
  });

  it("is read to its end by a steady reader, however slow", async () => {
    const body = Buffer.alloc(24 * MEBIBYTE, "x");
    const server = await start({
      timeouts: { body: 500 },
      maxBufferedBytes: 64 * MEBIBYTE,
      on: { HTTP: (wsi) => wsi.httpReply(200, {}, body) },
    });
    const peer = await server.connect();
    peer.send(httpRequest());
    await peer.head();
    for (let got = 0; got < body.length; got += 256 * 1024) {
      await peer.bytes(256 * 1024);
      await delay(15);
    }
  });

  it("has one type, whoever names it last, and the page of an error has its own", async () => {
    const server = await start({
      on: {
        HTTP(wsi) {
          if (wsi.uri === "/wrong")
            throw new HttpError(409, "no", { headers: { "Content-Type": "text/csv", "x-a": "1" } });
          wsi.httpReply(200, { "content-type": "text/csv" }, "a,b");
        },
        ADD_HEADERS: (_wsi, add: (name: string, value: string) => void) => add("Content-Type", "text/plain"),
      },
    });
    expect((await server.ask(httpRequest())).headers["content-type"]).toBe("text/plain");
    const wrong = await server.ask(httpRequest({ target: "/wrong" }));
    expect(wrong.headers).toMatchObject({ "content-type": "text/html; charset=utf-8", "x-a": "1" });
  });

  it("with status 205 has no body, and says so (RFC 9110 section 15.3.6)", async () => {
    const server = await start({ on: { HTTP: (wsi) => wsi.httpReply(205, {}, "body!") } });
    const peer = await server.connect();
    peer.send(httpRequest(), httpRequest());
    for (let i = 0; i < 2; i++) expect((await peer.response()).headers["content-length"]).toBe("0");
  });

  it("says what it upgrades to in Connection too (RFC 9110 section 7.8)", async () => {
    const server = await start();
    const reply = await server.ask(upgradeRequest({ headers: { "Sec-WebSocket-Version": "8" } }));
    expect(reply).toMatchObject({
      status: 426,
      headers: { upgrade: "websocket", connection: "close, Upgrade" },
    });
  });

  it("as a stream is refused at once for a head that cannot be sent", async () => {
    const thrown: unknown[] = [];
    const server = await start({
      on: {
        HTTP(wsi) {
          for (const [status, headers] of [
            [200, { x: "\r" }],
            [99, {}],
            [600, {}],
          ] as const) {
            try {
              wsi.replyStream(status, headers);
            } catch (error) {
              thrown.push((error as Error).name);
            }
          }
          wsi.httpReply(200, {}, "still mine");
        },
      },
    });
    expect(String((await server.ask(httpRequest())).body)).toBe("still mine");
    expect(thrown).toEqual(["TypeError", "RangeError", "RangeError"]);
  });

  it("is given whatever becomes of the log", async () => {
    const fail = () => {
      throw new Error("the disk is full");
    };
    const server = await start({
      logger: { error: fail, warn: fail, info: fail, debug: fail },
      errorPage: fail,
      on: { HTTP: fail },
    });
    expect((await server.ask(httpRequest())).status).toBe(500);
    expect((await server.ask(upgradeRequest({ method: "POST" }))).status).toBe(405);
    expect((await server.ask("GET /\r\n\r\n")).status).toBe(400);
  });

  describe("of a file", () => {
    letFilesSettle();

    it("is what the request before it in the pipeline has made of it", async () => {
      const origin = temporaryFolder();
      writeFileSync(join(origin, "f.txt"), "old");
      const server = await start({
        mounts: [{ mountpoint: "/s", origin }],
        on: {
          HTTP(wsi) {
            writeFileSync(join(origin, "f.txt"), "new");
            wsi.httpReply(204);
          },
        },
      });
      await server.ask(httpRequest({ target: "/s/f.txt" }));
      const peer = await server.connect();
      const get = httpRequest({ target: "/s/f.txt" });
      peer.send(get, get, httpRequest({ method: "POST", target: "/put" }), get);
      const bodies = [];
      for (let i = 0; i < 4; i++) bodies.push(String((await peer.response()).body));
      expect(bodies).toEqual(["old", "old", "", "new"]);
    });

    it("does not leave the folder that its origin has come to be", async () => {
      const folder = temporaryFolder();
      mkdirSync(join(folder, "data/pub"), { recursive: true });
      writeFileSync(join(folder, "data/secret.txt"), "SECRET");
      writeFileSync(join(folder, "data/pub/open.txt"), "open");
      symlinkSync("../secret.txt", join(folder, "data/pub/link.txt"));
      symlinkSync("data", join(folder, "current"));
      const server = await start({ mounts: [{ mountpoint: "/s", origin: join(folder, "current") }] });
      const get = async (name: string) => (await server.ask(httpRequest({ target: `/s/${name}` }))).status;
      expect(await get("secret.txt")).toBe(200);
      rmSync(join(folder, "current"));
      symlinkSync("data/pub", join(folder, "current"));
      expect([await get("open.txt"), await get("secret.txt"), await get("link.txt")]).toEqual([
        200, 404, 404,
      ]);
    });
  });
});
