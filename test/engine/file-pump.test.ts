import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { httpRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, startServer, temporaryFolder } from "../support/server.ts";

const folder = temporaryFolder();

/** Writes a file of `size` bytes, each of which tells its place. */
function file(name: string, size: number): { path: string; bytes: Buffer } {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i + 4 <= size; i += 4) bytes.writeUInt32BE(i, i);
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return { path, bytes };
}

// The leak check of the suite holds that every file is closed.
describeLoops("a file that is sent", (loop) => {
  const serving = (path: string) =>
    startServer({ eventLoop: loop, on: { HTTP: (wsi) => wsi.serveHttpFile(path, "x/y") } });

  it.each([0, 1, 65_535, 65_536, 65_537, 16 * 65_536, 3_000_000])(
    "of %i bytes arrives whole",
    async (size) => {
      const { path, bytes } = file(`size-${loop}-${size}`, size);
      const server = await serving(path);
      const reply = await server.ask(httpRequest());
      expect(reply.status).toBe(200);
      expect(reply.headers["content-length"]).toBe(String(size));
      expect(reply.headers["content-type"]).toBe("x/y");
      expect(new Date(reply.headers["last-modified"]).getTime()).toBeGreaterThan(0);
      expect(reply.body.equals(bytes)).toBe(true);
      expect((await server.nth("HTTP_FILE_COMPLETION")).input).toBe(path);
      expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(1);
    },
  );

  it("to HEAD is told and not sent, and complete at once", async () => {
    const { path } = file(`head-${loop}`, 1000);
    const server = await serving(path);
    const peer = await server.connect();
    peer.send(httpRequest({ method: "HEAD", headers: { Connection: "close" } }));
    expect((await peer.response("HEAD")).headers["content-length"]).toBe("1000");
    expect(await peer.closed()).toHaveLength(0);
    expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(1);
  });

  it("waits for a slow reader with no more than a turn's pieces in memory", async () => {
    const { path, bytes } = file(`slow-${loop}`, 24 * 1_048_576);
    const server = await serving(path);
    const peer = await server.connect();
    peer.pause();
    peer.send(httpRequest());
    const { wsi } = await server.nth("HTTP");
    await rounds(200);
    expect(wsi.bufferedAmount).toBeLessThanOrEqual(2 * 1_048_576);
    expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(0);
    peer.resume();
    expect((await peer.response()).body.equals(bytes)).toBe(true);
    await server.nth("HTTP_FILE_COMPLETION");
  });

  it("row 79: that becomes shorter meanwhile ends the connection, and is never complete", async () => {
    const { path } = file(`cut-${loop}`, 24 * 1_048_576);
    const server = await serving(path);
    const peer = await server.connect();
    peer.pause();
    peer.send(httpRequest());
    await server.nth("HTTP");
    await rounds(100);
    truncateSync(path, 1000);
    peer.resume();
    expect((await peer.closed()).length).toBeLessThan(24 * 1_048_576);
    await server.nth("CLOSED_HTTP");
    expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(0);
  });

  it("is closed when its reader goes away", async () => {
    const { path } = file(`gone-${loop}`, 24 * 1_048_576);
    const server = await serving(path);
    const peer = await server.connect();
    peer.pause();
    peer.send(httpRequest());
    await server.nth("HTTP");
    peer.abort();
    await server.nth("CLOSED_HTTP");
    expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(0);
  });
});
