import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { httpRequest } from "../support/frames.ts";
import { leftOver, openDescriptors } from "../support/leaks.ts";
import type { Peer } from "../support/node-client.ts";
import { rounds } from "../support/raw.ts";
import { certificate, describeLoops, startServer, temporaryFolder } from "../support/server.ts";

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

  it.each(["made longer", "written over", "replaced by an empty one"])(
    "row 79: that is %s meanwhile ends the connection, and is never complete",
    async (how) => {
      const { path } = file(`changed-${loop}-${how.length}`, 24 * 1_048_576);
      const server = await serving(path);
      const peer = await server.connect();
      peer.pause();
      peer.send(httpRequest());
      await server.nth("HTTP");
      await rounds(100);
      if (how === "made longer") appendFileSync(path, "more");
      else if (how === "written over") writeFileSync(path, Buffer.alloc(24 * 1_048_576, 7));
      else writeFileSync(path, "");
      peer.resume();
      expect((await peer.closed()).length).toBeLessThan(24 * 1_048_576);
      await server.nth("CLOSED_HTTP");
      expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(0);
    },
  );

  it("arrives whole over TLS, where the loop does not send files by itself", async () => {
    const { path, bytes } = file(`tls-${loop}`, 3_000_001);
    const server = await startServer({
      eventLoop: loop,
      ssl: certificate,
      on: { HTTP: (wsi) => wsi.serveHttpFile(path) },
    });
    expect((await server.ask(httpRequest())).body.equals(bytes)).toBe(true);
  });

  it("costs a descriptor and no memory while its reader has stopped", async () => {
    const { path } = file(`stopped-${loop}`, 24 * 1_048_576);
    const server = await serving(path);
    const before = openDescriptors().length;
    const peers: Peer[] = [];
    for (let count = 0; count < 8; count++) {
      const peer = await server.connect();
      peer.pause();
      peer.send(httpRequest());
      peers.push(peer);
    }
    await server.nth("HTTP", 8);
    await rounds(200);
    // Both ends of the connections are in this process.
    expect(openDescriptors().length - before).toBe(8 * 3);
    for (const { wsi } of server.all("HTTP")) {
      expect(wsi.bufferedAmount).toBeLessThanOrEqual(loop === "epoll" ? 0 : 2 * 1_048_576);
    }
    for (const peer of peers) peer.abort();
    await server.nth("CLOSED_HTTP", 8);
    expect(await leftOver([])).toHaveLength(before);
  });

  it("lets others have their turn", async () => {
    const { path, bytes } = file(`fair-${loop}`, 24 * 1_048_576);
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP: (wsi) => (wsi.uri === "/file" ? wsi.serveHttpFile(path) : wsi.httpReply(200, {}, "small")),
      },
    });
    const large = await server.connect();
    large.send(httpRequest({ target: "/file" }));
    await server.nth("HTTP");
    expect((await server.ask(httpRequest())).body.toString()).toBe("small");
    expect((await large.response()).body.equals(bytes)).toBe(true);
  });

  it("is dropped with a reader that does not come back in time", async () => {
    const { path } = file(`late-${loop}`, 24 * 1_048_576);
    const server = await startServer({
      eventLoop: loop,
      timeouts: { body: 100 },
      on: { HTTP: (wsi) => wsi.serveHttpFile(path) },
    });
    const peer = await server.connect();
    peer.pause();
    peer.send(httpRequest());
    await server.nth("CLOSED_HTTP");
    expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(0);
  });

  it("keeps its place among other replies on the connection", async () => {
    const { path, bytes } = file(`pipelined-${loop}`, 300_000);
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP: (wsi) => (wsi.uri === "/file" ? wsi.serveHttpFile(path) : wsi.httpReply(200, {}, "small")),
      },
    });
    const peer = await server.connect();
    const targets = ["/", "/file", "/file", "/", "/file", "/"];
    peer.send(targets.map((target) => httpRequest({ target })).join(""));
    for (const target of targets) {
      const { body } = await peer.response();
      expect(body.equals(target === "/" ? Buffer.from("small") : bytes)).toBe(true);
    }
    expect(server.all("HTTP_FILE_COMPLETION")).toHaveLength(3);
  });

  it("that answers a POST is complete once, though the body ends before that is told", async () => {
    const { path } = file(`post-${loop}`, 1000);
    const server = await serving(path);
    const peer = await server.connect();
    const post = httpRequest({ method: "POST", headers: { "Content-Length": "5" }, body: "abcde" });
    peer.send(post, post);
    expect((await peer.response()).body).toHaveLength(1000);
    expect((await peer.response()).body).toHaveLength(1000);
    await server.nth("HTTP_FILE_COMPLETION", 2);
    expect(server.names().filter((name) => name.startsWith("HTTP"))).toEqual([
      "HTTP",
      "HTTP_FILE_COMPLETION",
      "HTTP",
      "HTTP_FILE_COMPLETION",
    ]);
  });

  it("with a type that is no header is not sent, is closed, and leaves the request to be answered", async () => {
    const { path } = file(`type-${loop}`, 100_000);
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP(wsi) {
          expect(() => wsi.serveHttpFile(path, "a\r\nb")).toThrow(TypeError);
          wsi.httpReply(200, {}, "instead");
        },
      },
    });
    expect((await server.ask(httpRequest())).body.toString()).toBe("instead");
    expect(openDescriptors().filter((each) => each.includes("type-"))).toEqual([]);
  });
});
