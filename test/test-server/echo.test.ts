import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { type RawData, WebSocket, WebSocketServer } from "ws";
import { freePort } from "../support/free-port.ts";
import { certificate, loops } from "../support/server.ts";
import { type Ended, ProgramProcess } from "./program-process.ts";

let running: ProgramProcess[] = [];
afterEach(async () => {
  for (const program of running) program.signal("SIGKILL");
  await Promise.all(running.map((program) => program.ended()));
  running = [];
});

function start(...args: string[]): ProgramProcess {
  const program = new ProgramProcess("echo", args);
  running.push(program);
  return program;
}

const run = (...args: string[]): Promise<Ended> => start(...args).ended();

async function serve(...args: string[]): Promise<{ server: ProgramProcess; url: string }> {
  const server = start("-p", "0", ...args);
  await server.prints(/\^C ends it/);
  return { server, url: /wss?:\S+/.exec(server.stdout)![0] };
}

type Answer = (socket: WebSocket, data: RawData, binary: boolean) => void;

/** An echo server of the package `ws`. */
async function foreign(answer: Answer): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: { threshold: 0 } });
  server.on("connection", (socket) => socket.on("message", (data, binary) => answer(socket, data, binary)));
  await once(server, "listening");
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

const right = { code: 0, stderr: "", stdout: expect.stringMatching(/Every echo was right\.\n$/) };
const DEFLATE = ["--deflate", "--threshold", "0"];

describe.each(loops)("echo on the %s loop", (loop) => {
  const on = ["--event-loop", loop];

  it.each([
    ["plain", []],
    ["compressed", DEFLATE],
    [
      "compressed, each by itself, in a small window",
      [...DEFLATE, "--window-bits", "9", "--no-context-takeover"],
    ],
  ])("gets every message back, %s", async (_, deflate) => {
    const { server, url } = await serve(...on, ...deflate);
    expect(await run("-c", url, ...on, ...deflate, "-n", "28", "--in-flight", "4")).toMatchObject(right);
    expect(await run("-c", url, ...on, ...deflate, "-n", "14", "--fragments", "3")).toMatchObject(right);
    server.signal("SIGINT");
    expect(await server.ended()).toMatchObject({
      code: 0,
      stderr: "",
      stdout: expect.stringMatching(/42 echoes, .* to 2 clients\.\n$/),
    });
  });

  it("gets every message back over TLS", async () => {
    const { url } = await serve(
      "--event-loop",
      "auto",
      "--ssl",
      "--cert",
      certificate.cert,
      "--key",
      certificate.key,
    );
    expect(url).toMatch(/^wss:/);
    expect(await run("-c", url, ...on, "--ssl", "-n", "14")).toMatchObject(right);
    expect(await run("-c", url, ...on, "--ca", certificate.cert, "-n", "14")).toMatchObject(right);
    expect(await run("-c", url, ...on, "--verify")).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^sluice-echo: cannot connect to wss:.*certificate.*\n$/),
    });
  });

  it("gets every message back from ws, compressed too", async () => {
    const { server, url } = await foreign((socket, data, binary) => socket.send(data, { binary }));
    expect(await run("-c", url, ...on, "-n", "14")).toMatchObject(right);
    expect(await run("-c", url, ...on, ...DEFLATE, "-n", "28", "--in-flight", "3")).toMatchObject(right);
    server.close();
  });

  it.each([false, true])("sends every message back to ws, compressed: %s", async (compressed) => {
    const { url } = await serve(...on, "--max-message", "1000", ...(compressed ? DEFLATE : []));
    const socket = new WebSocket(url, { perMessageDeflate: compressed });
    await once(socket, "open");
    expect(socket.extensions).toBe(compressed ? "permessage-deflate" : "");
    for (const message of ["", "tëxt", Buffer.alloc(1000, 1)]) {
      socket.send(message);
      const [echo, binary] = await once(socket, "message");
      expect([echo, binary]).toEqual([Buffer.from(message), typeof message !== "string"]);
    }
    socket.send("fr", { fin: false });
    socket.send("agments", { fin: true });
    expect(String((await once(socket, "message"))[0])).toBe("fragments");
    socket.send(Buffer.alloc(1001));
    expect((await once(socket, "close"))[0]).toBe(1009);
  });
});

describe("the client of echo", () => {
  it("tells what is wrong with an echo, and ends with 1", async () => {
    const { server, url } = await foreign((socket) => socket.send("abX"));
    const client = await run("-c", url, "-n", "2", "--size", "3", "--kind", "binary");
    server.close();
    expect(client.code).toBe(1);
    expect(client.stderr).toMatch(
      /^sluice-echo: echo 1: 3 bytes of binary came back as text\n.*echo 2: .*\n$/,
    );
    expect(client.stdout).toMatch(/WRONG: 2 of 2\.\n$/);
  });

  it("ends with 1 when the server ends too early", async () => {
    const { server, url } = await foreign((socket) => socket.close(1001, "enough"));
    const client = await run("-c", url, "-n", "2");
    server.close();
    expect(client).toMatchObject({
      code: 1,
      stderr: 'sluice-echo: the server closed with 1001 ("enough")\n',
    });
    expect(client.stdout).toMatch(/1 did not come\.\n$/);
  });

  it("ends with 0 and the verdict so far on ^C", async () => {
    const { url } = await serve();
    const client = start("-c", url, "-n", "0");
    await client.prints(/echoes/);
    client.signal("SIGINT");
    expect(await client.ended()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/Every echo was right\./),
    });
  });

  it("ends quietly when nobody reads what it prints", async () => {
    const { url } = await serve();
    const client = start("-c", url, "-n", "0");
    await client.prints(/echoes/);
    client.stopReading();
    expect(await client.ended()).toMatchObject({ code: 0, stderr: "" });
  });

  it("says in one line that nobody is there, and ends with 1", async () => {
    const { code, stdout, stderr } = await run("-c", "127.0.0.1", "-p", String(await freePort()));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^sluice-echo: cannot connect to ws:.*ECONNREFUSED.*\n$/);
  });
});

describe("the server of echo", () => {
  it("says that the port is taken, and ends with 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { code, stderr } = await run("-p", String((taken.address() as AddressInfo).port));
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice-echo: the port is taken: .*\n$/);
  });

  it("says which option is wrong in one line, and ends with 2", async () => {
    expect(await run("--nope")).toEqual({
      code: 2,
      stdout: "",
      stderr: "sluice-echo: Unknown option '--nope'\n",
    });
    expect(await run("--help")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: sluice-echo/),
    });
  });
});
