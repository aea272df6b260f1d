import { readdirSync, readFileSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, get } from "node:http";
import { afterAll, expect, test } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import { RawClient } from "../../support/raw.ts";
import { drive, Recorder, Stage, serviceUntil } from "../recorder.ts";
import { childBuild, runChild } from "./child.ts";

afterAll(() => rmSync(childBuild, { recursive: true, force: true }));

const handler = "{ onBytes() {}, onEnd() {}, onWritable() {}, onClose() {} }";
const descriptors = () => readdirSync("/proc/self/fd").length;
const residentKiB = () => Number(/VmRSS:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))![1]);

test("can be made and closed a thousand times, and leaves nothing", async () => {
  const cycle = async () => {
    const loop = createEpollLoop();
    await loop.listen({ host: "127.0.0.1" }, () => null);
    await loop.service(0);
    await loop.close();
  };
  for (let i = 0; i < 300; i++) await cycle();
  const [fds, memory] = [descriptors(), residentKiB()];
  for (let i = 0; i < 1000; i++) await cycle();
  expect(descriptors()).toBeLessThanOrEqual(fds);
  // Each loop has 768 KiB of buffers; what is not given back would be 750 MiB.
  expect(residentKiB() - memory).toBeLessThan(150 * 1024);
});

test("serves two loops in one process, each for itself", async () => {
  const [a, b] = [new Stage(createEpollLoop()), new Stage(createEpollLoop())];
  const running = [a.loop.run(), b.loop.run()];
  await a.listen();
  await b.listen();
  for (const stage of [a, b]) {
    const client = await RawClient.connect(stage.listener.port);
    await client.send("hello");
    while (stage.arrived[0]?.text !== "hello") await new Promise((resolve) => setImmediate(resolve));
    client.destroy();
  }
  expect([a.arrived.length, b.arrived.length]).toEqual([1, 1]);
  await Promise.all([a.loop.close(), b.loop.close(), ...running]);
});

test("lets timers, promises, files and a node:http server go on under full load", async () => {
  const loop = createEpollLoop();
  const echo = await loop.listen({ host: "127.0.0.1" }, (link) => {
    const recorder = new Recorder();
    recorder.onBytes = (buffer, start, end) => link.send(buffer, start, end);
    return recorder;
  });
  const running = loop.run();
  const clients = await Promise.all(Array.from({ length: 16 }, () => RawClient.connect(echo.port)));
  let stop = false;
  const load = clients.map(async (client) => {
    while (!stop) {
      void client.send("x".repeat(100));
      await client.bytes(100);
    }
  });
  const server = createServer((_request, response) => response.end("there"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  for (let i = 0; i < 5; i++) {
    const text = await new Promise<string>((resolve, reject) =>
      get({ port, host: "127.0.0.1", agent: false }, (response) =>
        response.setEncoding("utf8").on("data", resolve),
      ).on("error", reject),
    );
    expect(text).toBe("there");
    await new Promise((resolve) => setTimeout(resolve, 1));
    expect((await readFile("/proc/self/status", "utf8")).length).toBeGreaterThan(0);
  }
  stop = true;
  await Promise.all(load);
  server.close();
  await loop.close();
  await running;
});

test("does not wake Node again and again for what nobody services", async () => {
  const stage = new Stage(createEpollLoop());
  const { client, peer } = await stage.pair();
  await client.send("waits");
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { user, system } = process.cpuUsage(before);
  expect(user + system).toBeLessThan(200_000);
  expect(peer.events).toEqual([]);
  await serviceUntil(stage.loop, () => peer.text === "waits");
  await stage.loop.close();
});

test("lets the process exit when nothing is left to do", async () => {
  const script = `
    const loop = createEpollLoop();
    void loop.run();
    const listener = await loop.listen({ host: "127.0.0.1" }, () => null);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await listener.close();
    loop.soon({ runSoon() {} });
    process.on("exit", () => console.log("over"));`;
  expect(await runChild(script)).toBe("over");
});

test("keeps the process alive for a listener, until the loop is closed", async () => {
  const script = `
    const loop = createEpollLoop();
    void loop.run().then(() => console.log("closed"));
    await loop.listen({ host: "127.0.0.1" }, () => null);
    setTimeout(() => { console.log("alive"); loop.close(); }, 100).unref();`;
  expect(await runChild(script)).toBe("alive\nclosed");
});

test("ends with process.exit in the midst of it all", async () => {
  const script = `
    const net = await import("node:net");
    const loop = createEpollLoop();
    const listener = await loop.listen({ host: "127.0.0.1" }, () => (${handler}));
    void loop.run();
    net.connect(listener.port, "127.0.0.1").on("connect", () => { console.log("bye"); process.exit(0); });`;
  expect(await runChild(script)).toBe("bye");
});

test("has only serviceSync in a worker thread, and says so", async () => {
  const worker = `(async () => {
    const { parentPort } = require("node:worker_threads");
    const { createEpollLoop } = await import(process.env.LIB + "/loop/epoll/epoll.js");
    const loop = createEpollLoop();
    const said = [];
    for (const call of [() => loop.service(0), () => loop.run()])
      await call().catch((error) => said.push(error.code, /serviceSync/.test(error.message)));
    let got = "";
    const listener = await loop.listen({ host: "127.0.0.1" }, () => ({
      ...${handler},
      onBytes(buffer, start, end) { got += buffer.latin1Slice(start, end); },
    }));
    parentPort.postMessage(listener.port);
    while (got !== "hello") loop.serviceSync(1000);
    await loop.close();
    parentPort.postMessage([...said, got].join());
  })()`;
  const script = `
    const { Worker } = await import("node:worker_threads");
    const net = await import("node:net");
    const worker = new Worker(${JSON.stringify(worker)}, { eval: true, execArgv: [] });
    worker.once("message", (port) => {
      net.connect(port, "127.0.0.1").on("error", () => {}).end("hello");
      worker.once("message", (said) => console.log(said));
    });`;
  expect(await runChild(script)).toBe("ENOTSUP,true,ENOTSUP,true,hello");
});

test("blocks in serviceSync for its time, for a timer, and for bytes", async () => {
  const stage = new Stage(createEpollLoop());
  await stage.listen();
  expect(stage.loop.serviceSync(0)).toBe(0);
  expect(stage.loop.serviceSync(5)).toBe(0);
  let fired = 0;
  const timer = { deadline: 0, timerSlot: -1, onDeadline: () => void fired++ };
  stage.loop.timers.set(timer, stage.loop.now + 10);
  expect(stage.loop.serviceSync(-1)).toBe(1);
  expect(fired).toBe(1);
  const client = await drive(stage.loop, RawClient.connect(stage.listener.port));
  await client.send("x");
  const received = () => stage.arrived[0]?.text;
  while (received() !== "x") stage.loop.serviceSync(1000);
  stage.arrived[0].thenBytes = () => {
    expect(() => stage.loop.serviceSync(0)).toThrowError(expect.objectContaining({ code: "EBUSY" }));
    stage.loop.wake();
  };
  await client.send("y");
  while (received() !== "xy") stage.loop.serviceSync(1000);
  client.destroy();
  await stage.loop.close();
});
