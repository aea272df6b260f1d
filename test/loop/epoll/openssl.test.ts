import { rmSync } from "node:fs";
import { afterAll, expect, test } from "vitest";
import { indexOfProtocol, isTlsAvailable } from "../../../lib/loop/epoll/openssl.ts";
import { hex } from "../../support/raw.ts";
import { childBuild, runChild, withoutFunction } from "./child.ts";

afterAll(() => rmSync(childBuild, { recursive: true, force: true }));

test("is there", () => {
  expect(isTlsAvailable()).toBe(true);
});

test.each([
  ["h2, http/1.1", "02 68 32 08 68 74 74 70 2f 31 2e 31", 4],
  ["http/1.1", "08 68 74 74 70 2f 31 2e 31", 1],
  ["h2", "02 68 32", -1],
  ["http/1.10", "09 68 74 74 70 2f 31 2e 31 30", -1],
  ["a name that is cut short", "08 68 74 74 70", -1],
  ["an empty name", "00", -1],
  ["nothing", "", -1],
])("finds http/1.1 in what a client offers: %s", (_name, bytes, at) => {
  expect(indexOfProtocol(hex(bytes), "http/1.1")).toBe(at);
});

/** A listener that echoes, and what one client of node:tls hears of it. */
const serving = `
  import { readFileSync } from "node:fs";
  import { connect } from "node:tls";
  const pem = (name) => readFileSync(\`test/support/\${name}.pem\`, "utf8");
  const tls = { cert: pem("cert"), key: pem("key") };
  const echo = (link) => ({
    onBytes: (bytes, start, end) => link.send(bytes, start, end),
    onEnd: () => link.end(), onWritable() {}, onClose() {},
  });
  const ask = (port) => new Promise((resolve, reject) => {
    const options = { port, ca: tls.cert, servername: "localhost", ALPNProtocols: ["h2", "http/1.1"] };
    const socket = connect(options, () => socket.write("hello"));
    socket.on("error", reject);
    socket.once("data", (bytes) => {
      socket.destroy();
      resolve(bytes + " " + socket.alpnProtocol);
    });
  });`;

test("is replaced by node:tls, and a line says so, where a symbol is missing", async () => {
  const script = `
    ${withoutFunction("SSL_has_pending")}
    ${serving}
    const loop = createEpollLoop(logger);
    const listener = await loop.listen({ host: "127.0.0.1", tls }, echo);
    void loop.run();
    console.log(await ask(listener.port), lines.join());
    await loop.close();`;
  expect(await runChild(script)).toMatch(/^hello http\/1.1 TLS uses node:tls: .*no such function/);
});

test("serves in a worker thread and beside it, also when that is gone", async () => {
  const script = `
    import { Worker } from "node:worker_threads";
    ${serving}
    const inside = \`
      const { parentPort, workerData } = require("node:worker_threads");
      import(workerData.file).then(async ({ createEpollLoop }) => {
        const loop = createEpollLoop();
        const echo = \${echo};
        const listener = await loop.listen({ host: "127.0.0.1", tls: workerData.tls }, echo);
        parentPort.postMessage(listener.port);
        for (;;) loop.serviceSync(100);
      });\`;
    const workerData = { file: process.env.LIB + "/loop/epoll/epoll.js", tls };
    const worker = new Worker(inside, { eval: true, workerData, execArgv: [] });
    const port = await new Promise((resolve) => worker.once("message", resolve));
    const loop = createEpollLoop();
    const listener = await loop.listen({ host: "127.0.0.1", tls }, echo);
    void loop.run();
    const answers = [await ask(port), await ask(listener.port), await ask(port)];
    await worker.terminate();
    answers.push(await ask(listener.port));
    await loop.close();
    console.log(answers.join());`;
  const answer = "hello http/1.1";
  expect(await runChild(script)).toBe([answer, answer, answer, answer].join());
});
