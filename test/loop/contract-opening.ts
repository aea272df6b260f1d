import { randomUUID } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import type { ConnectOptions, Listener, Loop } from "../../lib/loop/loop.ts";
import { RawClient, rounds } from "../support/raw.ts";
import type { OnStage } from "./contract.ts";
import { put, Recorder, Stage, sendAll, serviceSome, serviceUntil } from "./recorder.ts";

const hasIPv6 = Object.values(networkInterfaces()).some((all) => all?.some((one) => one.address === "::1"));

/** What an attempt to connect came to. */
class Attempt {
  readonly recorder = new Recorder();
  opened = 0;
  error: Error | undefined;
  readonly giveUp: () => void;

  constructor(loop: Loop, options: ConnectOptions) {
    this.giveUp = loop.connect(
      options,
      (link) => {
        this.opened++;
        this.recorder.link = link;
        return this.recorder;
      },
      (error) => {
        this.error = error;
      },
    );
  }

  get settled(): boolean {
    return this.opened > 0 || this.error !== undefined;
  }
}

/** A server of node:net that hands out its sockets. */
async function plainServer(): Promise<{ port: number; next: Promise<Socket>; close(): void }> {
  const server = createServer({ allowHalfOpen: true });
  const next = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as { port: number };
  return { port: address.port, next, close: () => server.close() };
}

/** A port where the kernel's queue is full, so that connecting to it hangs: the thread that listens is blocked. */
async function deafPort(): Promise<{ port: number; close(): Promise<unknown> }> {
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000));
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  const { connect } = await import("node:net");
  const fillers = Array.from({ length: 8 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await new Promise((resolve) => fillers[0].once("connect", resolve));
  await rounds();
  const close = () => {
    for (const filler of fillers) filler.destroy();
    return worker.terminate();
  };
  return { port, close };
}

/** How links come to be. */
export function openingContract(stage: OnStage, create: () => Promise<Loop> | Loop): void {
  test("names the peer's address and port", async () => {
    const { client, link } = await stage().pair();
    expect(link.remoteAddress).toBe("127.0.0.1");
    expect(link.remotePort).toBe(client.socket.localPort);
    expect(link.secure).toBe(false);
    expect(link.fd === -1 || link.fd > 2).toBe(true);
    client.destroy();
  });

  test("names an IPv4 peer of a dual-stack socket by its IPv4 address", async () => {
    await stage().listen({});
    const { client, link } = await stage().pair();
    expect(link.remoteAddress).toBe("127.0.0.1");
    client.destroy();
  });

  test.skipIf(!hasIPv6)("listens on IPv6 (skipped: this machine has no ::1)", async () => {
    const { loop, arrived } = stage();
    const { port } = await stage().listen({ host: "::1" });
    const client = await RawClient.connect({ port, host: "::1" });
    await client.send("six");
    await serviceUntil(loop, () => arrived[0]?.text === "six");
    expect(arrived[0].link.remoteAddress).toBe("::1");
    const attempt = new Attempt(loop, { host: "::1", port, timeout: 5000 });
    await serviceUntil(loop, () => attempt.settled);
    expect(attempt.opened).toBe(1);
    client.destroy();
  });

  test("listens on and connects to a Unix socket", async () => {
    const { loop, arrived } = stage();
    const path = join(tmpdir(), `loop-${randomUUID().slice(0, 8)}.sock`);
    const listener = await stage().listen({ path });
    expect(listener.port).toBe(0);
    const attempt = new Attempt(loop, { path, timeout: 5000 });
    await serviceUntil(loop, () => attempt.settled && arrived.length === 1);
    expect(arrived[0].link.remoteAddress).toBe("");
    expect(arrived[0].link.remotePort).toBe(0);
    put(attempt.recorder.link, "over the file system");
    await serviceUntil(loop, () => arrived[0].text === "over the file system");
    await listener.close();
    await expect(RawClient.connect({ path })).rejects.toThrow();
  });

  test("closes a link at once whose onLink gave null", async () => {
    const { loop } = stage();
    let asked = 0;
    const listener = await loop.listen({ host: "127.0.0.1" }, () => {
      asked++;
      return null;
    });
    const client = await RawClient.connect(listener.port);
    await serviceUntil(loop, () => client.ended);
    expect(asked).toBe(1);
    client.destroy();
  });

  test("rejects a port that is taken, and leaves nothing open", async () => {
    const { port } = await stage().listen();
    const second = stage().loop.listen({ host: "127.0.0.1", port }, () => null);
    await expect(second).rejects.toMatchObject({ code: "EADDRINUSE" });
    await stage().listener.close();
    const again = await stage().loop.listen({ host: "127.0.0.1", port }, () => null);
    await again.close();
  });

  test("rejects an address that is not ours", async () => {
    const elsewhere = stage().loop.listen({ host: "192.0.2.1" }, () => null);
    await expect(elsewhere).rejects.toMatchObject({ code: "EADDRNOTAVAIL" });
  });

  test("stops accepting when the listener is closed, and keeps the links", async () => {
    const { loop } = stage();
    const { client, peer } = await stage().pair();
    await stage().listener.close();
    await stage().listener.close();
    await expect(RawClient.connect(stage().listener.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
    await client.send("still");
    await serviceUntil(loop, () => peer.text === "still");
    client.destroy();
  });

  test("spreads one port over two loops with reusePort, or says that it cannot", async () => {
    const other = new Stage(await create());
    const listened = stage().listen({ host: "127.0.0.1", reusePort: true });
    const first = await listened.catch((error: unknown) => error as { code: string });
    if ("code" in first) {
      expect(first.code).toBe("ENOTSUP");
    } else {
      const port = (first as Listener).port;
      await other.listen({ host: "127.0.0.1", port, reusePort: true });
      expect(other.listener.port).toBe(port);
    }
    await other.loop.close();
  });

  test("connects, and tells of it in a turn", async () => {
    const { loop, arrived } = stage();
    const { port } = await stage().listen();
    const attempt = new Attempt(loop, { host: "127.0.0.1", port, timeout: 5000 });
    await rounds();
    expect(attempt.settled).toBe(false);
    await serviceUntil(loop, () => attempt.settled && arrived.length === 1);
    expect(attempt.recorder.link.remoteAddress).toBe("127.0.0.1");
    expect(attempt.recorder.link.remotePort).toBe(port);
    sendAll(attempt.recorder.link, "hello");
    await serviceUntil(loop, () => arrived[0].text === "hello");
    sendAll(arrived[0].link, "you");
    await serviceUntil(loop, () => attempt.recorder.text === "you");
    expect(attempt.opened).toBe(1);
    expect(attempt.error).toBeUndefined();
  });

  test("connects by name", async () => {
    const { loop } = stage();
    const { port } = await stage().listen();
    const attempt = new Attempt(loop, { host: "localhost", port, timeout: 5000 });
    await serviceUntil(loop, () => attempt.settled);
    expect(attempt.opened).toBe(1);
  });

  test("tells of a refused connection with the system's code", async () => {
    const { loop } = stage();
    const { port } = await stage().listen();
    await stage().listener.close();
    const attempt = new Attempt(loop, { host: "127.0.0.1", port, timeout: 5000 });
    await rounds();
    expect(attempt.settled).toBe(false);
    await serviceUntil(loop, () => attempt.settled);
    expect(attempt.error).toMatchObject({ code: "ECONNREFUSED" });
    await serviceSome(loop);
    expect(attempt.opened).toBe(0);
  });

  test("gives up an attempt that takes too long (ETIMEDOUT)", async () => {
    const { loop } = stage();
    const deaf = await deafPort();
    const attempt = new Attempt(loop, { host: "127.0.0.1", port: deaf.port, timeout: 100 });
    await serviceUntil(loop, () => attempt.settled);
    expect(attempt.error).toMatchObject({ code: "ETIMEDOUT" });
    await deaf.close();
    await serviceSome(loop);
    expect(attempt.opened).toBe(0);
  });

  test("calls nothing for an attempt that was given up, at any moment", async () => {
    const { loop, arrived } = stage();
    const { port } = await stage().listen();
    const atOnce = new Attempt(loop, { host: "127.0.0.1", port, timeout: 5000 });
    atOnce.giveUp();
    const later = new Attempt(loop, { host: "127.0.0.1", port, timeout: 5000 });
    await rounds();
    later.giveUp();
    later.giveUp();
    await serviceSome(loop);
    expect(atOnce.settled).toBe(false);
    expect(later.settled).toBe(false);
    for (const peer of arrived) peer.link.destroy();
    await serviceUntil(loop, () => arrived.every((peer) => peer.closed));
  });

  test("leaves a link alone when its attempt is given up after it was told of", async () => {
    const { loop, arrived } = stage();
    const { port } = await stage().listen();
    const attempt = new Attempt(loop, { host: "127.0.0.1", port, timeout: 5000 });
    await serviceUntil(loop, () => attempt.settled && arrived.length === 1);
    attempt.giveUp();
    put(arrived[0].link, "alive");
    await serviceUntil(loop, () => attempt.recorder.text === "alive");
  });

  test("adopts a socket, and delivers what was read from it first", async () => {
    const { loop } = stage();
    const server = await plainServer();
    const client = await RawClient.connect(server.port);
    const socket = await server.next;
    socket.pause();
    const recorder = new Recorder();
    loop.adopt(socket, Buffer.from("head, "), (link) => {
      recorder.link = link;
      return recorder;
    });
    expect(recorder.link).toBeUndefined();
    await client.send("body");
    await serviceUntil(loop, () => recorder.text === "head, body");
    expect(recorder.link.remoteAddress).toBe("127.0.0.1");
    put(recorder.link, "reply");
    expect((await client.bytes(5)).toString()).toBe("reply");
    client.end();
    await serviceUntil(loop, () => recorder.events.includes("end"));
    recorder.link.end();
    await serviceUntil(loop, () => recorder.closed);
    expect(recorder.error).toBeUndefined();
    server.close();
  });

  test("does not write to the head that it was given", async () => {
    const { loop } = stage();
    const server = await plainServer();
    const client = await RawClient.connect(server.port);
    const head = Buffer.from("head");
    const recorder = new Recorder();
    recorder.thenBytes = (buffer, start, end) => buffer.fill(0, start, end);
    loop.adopt(await server.next, head, (link) => {
      recorder.link = link;
      return recorder;
    });
    await serviceUntil(loop, () => recorder.text === "head");
    expect(head.toString()).toBe("head");
    recorder.link.destroy();
    await serviceUntil(loop, () => recorder.closed);
    client.destroy();
    server.close();
  });
}
