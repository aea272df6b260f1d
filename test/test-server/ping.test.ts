import { once } from "node:events";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { freePort } from "../support/free-port.ts";
import { certificate, loops } from "../support/server.ts";
import { type Ended, ProgramProcess } from "./program-process.ts";
import { ServerProcess } from "./server-process.ts";

let server: ServerProcess;
let address: string;
let running: (ProgramProcess | WebSocketServer)[] = [];

beforeAll(async () => {
  server = await ServerProcess.start();
  address = `127.0.0.1:${server.port}`;
});
afterAll(() => server.stop());
afterEach(() => {
  for (const one of running) one instanceof ProgramProcess ? one.signal("SIGKILL") : one.close();
  running = [];
});

function start(...args: string[]): ProgramProcess {
  const ping = new ProgramProcess("ping", args);
  running.push(ping);
  return ping;
}

const run = (...args: string[]): Promise<Ended> => start(...args).ended();

/** A server of somebody else's, on a free port, which leaves pings unanswered. */
async function strangers(onSession: (socket: WebSocket) => void): Promise<string> {
  const stranger = new WebSocketServer({ port: 0, host: "127.0.0.1", autoPong: false });
  running.push(stranger);
  stranger.on("connection", onSession);
  await once(stranger, "listening");
  return `127.0.0.1:${(stranger.address() as { port: number }).port}`;
}

const sequences = (stdout: string) =>
  [...stdout.matchAll(/ seq=(\d+) /g)].map(([, number]) => Number(number));
const duplicates = (stdout: string) => stdout.split("(DUP!)").length - 1;

describe.each(loops)("sluice-ping on the %s loop", (loop) => {
  it("prints a line for each reply, and a report", async () => {
    const { code, stdout, stderr } = await run("--event-loop", loop, "-c", "3", "-i", "0.01", address);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const time = String.raw`\d+\.\d{3}`;
    const four = [time, time, time, time].join("/");
    const lines = [
      `PING ws://${address}/ with PING frames of 64 bytes`,
      ...[1, 2, 3].map((n) => `64 bytes from 127.0.0.1: seq=${n} time=${time} ms`),
      "",
      "--- 127.0.0.1 ping statistics ---",
      String.raw`3 sent, 3 received, 0% loss, time \d+ ms`,
      `rtt min/avg/max/mdev = ${four} ms`,
      `rtt p50/p90/p99/p99.9 = ${four} ms\n`,
    ];
    expect(stdout).toMatch(new RegExp(`^${lines.join("\n")}$`));
  });

  it("goes through a mirror, where each copy comes back to each connection", async () => {
    const args = ["--event-loop", loop, "-m", "-s", "4096", "-r", "2", "-c", "2", "-i", "0.01", address];
    const { code, stdout } = await run(...args);
    expect(code).toBe(0);
    expect(sequences(stdout).toSorted()).toEqual([1, 1, 1, 1, 2, 2, 2, 2]);
    expect(stdout).toContain("\n4096 bytes from ");
    expect(stdout).toContain("\n2 sent, 2 received, +6 duplicates, 0% loss, ");
  });

  it("floods, with a dot for each ping, which its reply takes back", async () => {
    const { code, stdout } = await run("--event-loop", loop, "-f", "-c", "500", address);
    expect(code).toBe(0);
    expect(stdout.split("\b \b")).toHaveLength(501);
    expect(stdout.split(".").length).toBeGreaterThan(500);
    expect(stdout).toContain("\n500 sent, 500 received, 0% loss, ");
  });

  it("reports on ^C", async () => {
    const ping = start("--event-loop", loop, "-i", "3600", address);
    await ping.prints(/seq=1 /);
    ping.signal("SIGINT");
    const { code, stdout, stderr } = await ping.ended();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("\n1 sent, 1 received, 0% loss, ");
  });

  it("says that nobody listens in one line, and ends with 1", async () => {
    const port = await freePort();
    const { code, stdout, stderr } = await run("--event-loop", loop, "-p", String(port), "127.0.0.1");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^sluice-ping: cannot connect to ws:\/\/127\.0\.0\.1:\d+\/: .*ECONNREFUSED.*\n$/);
  });
});

describe("sluice-ping", () => {
  it("sends a copy of each ping on each connection, and marks what comes twice", async () => {
    const { stdout } = await run("-r", "3", "-c", "2", "-i", "0.01", address);
    expect(sequences(stdout).toSorted()).toEqual([1, 1, 1, 2, 2, 2]);
    expect(duplicates(stdout)).toBe(4);
  });

  it("goes through an echo, too", async () => {
    const { code, stdout } = await run("-m", "-n", "echo", "-c", "1", address);
    expect(code).toBe(0);
    expect(stdout).toContain("\n1 sent, 1 received, 0% loss, ");
  });

  it("sends the sequence number in eight bytes, big endian, and asks for what it is told to", async () => {
    const got: Buffer[] = [];
    const asked: string[] = [];
    const place = await strangers((socket) => {
      asked.push(socket.protocol);
      socket.on("ping", (data) => {
        got.push(data);
        socket.pong(data);
      });
    });
    await run("-n", "", "-s", "16", "-c", "2", "-i", "0.01", place);
    await run("-n", "mine", "-c", "1", place);
    expect(asked).toEqual(["", "mine"]);
    expect(got.map((data) => data.length)).toEqual([16, 16, 64]);
    expect(got.map((data) => data.readBigUInt64BE())).toEqual([1n, 2n, 1n]);
  });

  it("takes no stranger's pong for a reply, and ends with 1 when there was none", async () => {
    const place = await strangers((socket) => socket.on("ping", () => socket.pong("something else")));
    const { code, stdout, stderr } = await run("-c", "1", "-W", "0.05", place);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(/\n1 sent, 0 received, 100% loss, time \d+ ms\n$/);
  });

  it("reports when the server closes", async () => {
    const place = await strangers((socket) =>
      socket.once("ping", (data) => {
        socket.pong(data);
        socket.close(1001, "that will do");
      }),
    );
    const { code, stdout, stderr } = await run(place);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "sluice-ping: the connection was closed: 1001 that will do\n",
    });
    expect(stdout).toContain("\n1 sent, 1 received, 0% loss, ");
  });

  it("tells what a server answered that refuses", async () => {
    const { code, stderr } = await run("-n", "no-such-protocol", address);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice-ping: cannot connect to ws:.*: the server answered 400 Bad Request\n$/);
  });

  it("pings over TLS", async () => {
    const { cert, key } = certificate;
    const secure = await ServerProcess.start("--ssl", "--cert", cert, "--key", key);
    const { code, stdout } = await run("-t", "-c", "1", "-p", String(secure.port), "127.0.0.1");
    await secure.stop();
    expect(code).toBe(0);
    expect(stdout).toMatch(/^PING wss:/);
  });

  it("ends quietly when nobody reads its lines any more", async () => {
    const ping = start("-i", "0.01", address);
    await ping.prints(/seq=1 /);
    ping.stopReading();
    expect(await ping.ended()).toMatchObject({ code: 0, stderr: "" });
  });

  it("says what is wrong with an option in one line, and ends with 2", async () => {
    expect(await run("-s", "9999", "localhost")).toEqual({
      code: 2,
      stdout: "",
      stderr: "sluice-ping: --size takes a whole number from 8 to 125, not '9999'\n",
    });
  });

  it("shows its help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: sluice-ping \[options\] ADDRESS\n/);
  });
});
