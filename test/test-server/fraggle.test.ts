import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { freePort } from "../support/free-port.ts";
import { loops } from "../support/server.ts";
import { type Ended, ProgramProcess } from "./program-process.ts";

let running: ProgramProcess[] = [];
afterEach(async () => {
  for (const program of running) program.signal("SIGKILL");
  await Promise.all(running.map((program) => program.ended()));
  running = [];
});

function start(...args: string[]): ProgramProcess {
  const program = new ProgramProcess("fraggle", args);
  running.push(program);
  return program;
}

const run = (...args: string[]): Promise<Ended> => start(...args).ended();

async function serve(...args: string[]): Promise<{ server: ProgramProcess; url: string }> {
  const server = start("-p", "0", "--fragments", "20", "--size", "300", ...args);
  await server.prints(/\^C ends it/);
  return { server, url: /wss?:\S+/.exec(server.stdout)![0] };
}

/** A server that sends these messages, and then closes with 1000 unless the client did. */
async function wrongServer(
  ...messages: (string | Buffer)[]
): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  server.on("connection", (socket) => {
    for (const message of messages) socket.send(message);
    socket.close(1000);
  });
  await once(server, "listening");
  return { server, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

describe.each(loops)("fraggle on the %s loop", (loop) => {
  it("finds all sums right, and both ends say so", async () => {
    const { server, url } = await serve("--event-loop", loop, "--seed", "7");
    const client = await run("-c", url, "--event-loop", loop, "-n", "20");
    expect(client).toMatchObject({ code: 0, stderr: "" });
    expect(client.stdout).toMatch(/20 messages, \d+ fragments, .* 0 wrong\. All sums were right\.\n$/);
    await server.prints(/closed with 1000 \("all sums were right"\)/);
    server.signal("SIGINT");
    const { code, stdout, stderr } = await server.ended();
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^Seed 7\n/);
    expect(stdout).toMatch(/to 1 client\. None complained\.\n$/);
  });

  it("gives every client of a seed the same, and ends after --count", async () => {
    const { url } = await serve("--event-loop", loop, "--seed", "3", "-n", "5");
    const [one, two] = [await run("-c", url, "-n", "0"), await run("-c", url, "-n", "0")];
    expect(one).toMatchObject({ code: 0, stdout: expect.stringMatching(/^5 messages, /) });
    expect(two.stdout).toBe(one.stdout);
  });
});

describe("the client of fraggle", () => {
  it("tells of a wrong sum, and ends with 1", async () => {
    const { server, url } = await wrongServer("a", Buffer.from([0, 0, 0, 98]));
    const client = await run("-c", url, "-n", "1");
    server.close();
    expect(client.code).toBe(1);
    expect(client.stderr).toBe("sluice-fraggle: message 1: the sum should be 98, and is 97\n");
    expect(client.stdout).toMatch(/WRONG: 1 of 1 sums\.\n$/);
  });

  it("ends with 1 when the server ends too early", async () => {
    const { server, url } = await wrongServer("a", Buffer.from([0, 0, 0, 97]));
    const client = await run("-c", url, "-n", "2");
    server.close();
    expect(client).toMatchObject({ code: 1, stderr: "sluice-fraggle: the server closed with 1000\n" });
    expect(client.stdout).toMatch(/All sums were right\. It ended too early\.\n$/);
  });

  it("ends with 0 and the verdict so far on ^C", async () => {
    const { url } = await serve();
    const client = start("-c", url, "-n", "0");
    await client.prints(/messages/);
    client.signal("SIGINT");
    expect(await client.ended()).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/All sums were right\.\n$/),
    });
  });

  it("says in one line that nobody is there, and ends with 1", async () => {
    const { code, stdout, stderr } = await run("-c", "127.0.0.1", "-p", String(await freePort()));
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(/^sluice-fraggle: cannot connect to ws:.*ECONNREFUSED.*\n$/);
  });
});

describe("the server of fraggle", () => {
  it("counts a client that complains, and ends with 1", async () => {
    const { server, url } = await serve();
    const socket = new WebSocket(url, "fraggle-protocol");
    await once(socket, "message");
    socket.close(4000, "1 wrong sum");
    await server.prints(/closed with 4000 \("1 wrong sum"\)/);
    server.signal("SIGTERM");
    expect(await server.ended()).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/WRONG SUMS at 1 client\.\n$/),
    });
  });

  it("says that the port is taken, and ends with 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { code, stderr } = await run("-p", String((taken.address() as AddressInfo).port));
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice-fraggle: the port is taken: .*\n$/);
  });

  it("says which option is wrong in one line, and ends with 2", async () => {
    expect(await run("--nope")).toEqual({
      code: 2,
      stdout: "",
      stderr: "sluice-fraggle: Unknown option '--nope'\n",
    });
    expect(await run("--help")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^Usage: sluice-fraggle/),
    });
  });
});
