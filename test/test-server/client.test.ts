import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { visitLength } from "../../test-server/client.ts";
import { freePort } from "../support/free-port.ts";
import { loops } from "../support/server.ts";
import { makeCertificate } from "./certificate.ts";
import { type Ended, ProgramProcess } from "./program-process.ts";
import { ServerProcess } from "./server-process.ts";

const CIRCLE = /^c #[0-9a-f]{6} \d+ \d+ \d+;$/;

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
  const client = new ProgramProcess("client", args);
  running.push(client);
  return client;
}

const run = (...args: string[]): Promise<Ended> => start(...args).ended();

/** A server of somebody else's, on a free port; it is told of each session by its protocol. */
async function strangers(onSession: (socket: WebSocket) => void): Promise<string> {
  const stranger = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  running.push(stranger);
  stranger.on("connection", onSession);
  await once(stranger, "listening");
  return `127.0.0.1:${(stranger.address() as { port: number }).port}`;
}

describe.each(loops)("the test client on the %s loop", (loop) => {
  it("prints numbers until it has enough", async () => {
    const { code, stdout, stderr } = await run("--event-loop", loop, "-c", "3", address);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "0\n1\n2\n", stderr: "" });
  });

  it("draws circles that everybody in the mirror gets", async () => {
    const page = new WebSocket(`ws://${address}`, "lws-mirror-protocol");
    await once(page, "open");
    start("--event-loop", loop, address);
    const [circle] = await once(page, "message");
    expect(String(circle)).toMatch(CIRCLE);
    page.terminate();
  });

  it("ends with 0 on ^C", async () => {
    const client = start("--event-loop", loop, address);
    await client.prints(/\n/);
    client.signal("SIGINT");
    expect(await client.ended()).toMatchObject({ code: 0, stderr: "" });
  });

  it("says that nobody listens in one line, and ends with 1", async () => {
    const port = await freePort();
    const { code, stdout, stderr } = await run("--event-loop", loop, "-p", String(port), "127.0.0.1");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^sluice-test-client: cannot connect to ws:\/\/127\.0\.0\.1:\d+\/: .*ECONNREFUSED.*\n$/,
    );
  });
});

describe("the test client", () => {
  it("leaves the mirror with 1001 and comes back", async () => {
    const left: unknown[] = [];
    const place = await strangers((socket) => {
      if (socket.protocol !== "lws-mirror-protocol") return;
      if (left.length > 0) socket.close(1000, "enough");
      else socket.on("close", (...end) => left.push(end.map(String)));
    });
    const { code, stderr } = await run("-r", "0", place);
    expect(left).toEqual([["1001", "going away"]]);
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "sluice-test-client: the server closed lws-mirror-protocol: 1000 enough\n",
    });
  });

  it("stays in the mirror with --longlived", async () => {
    let circles = 0;
    const place = await strangers((socket) => {
      if (socket.protocol !== "lws-mirror-protocol") return;
      socket.on("message", (circle) => {
        expect(String(circle)).toMatch(CIRCLE);
        circles += 1;
        if (circles === 1100) socket.close(1000);
      });
    });
    expect(await run("-l", "-r", "0", place)).toMatchObject({ code: 0 });
    expect(circles).toBeGreaterThanOrEqual(1100);
  });

  it("offers compression unless told otherwise", async () => {
    const extensions: string[] = [];
    const place = await strangers((socket) => socket.close(1000));
    const stranger = running.at(-1) as WebSocketServer;
    stranger.on("headers", (_headers, request) => {
      extensions.push(request.headers["sec-websocket-extensions"]?.split(";")[0] ?? "none");
    });
    await run(place);
    await run("-u", place);
    expect(new Set(extensions)).toEqual(new Set(["permessage-deflate", "none"]));
  });

  it("tells how the server closed", async () => {
    const closing = await ServerProcess.start("--closetest");
    const { code, stdout, stderr } = await run("-p", String(closing.port), "localhost");
    await closing.stop();
    expect({ code, stderr }).toEqual({
      code: 0,
      stderr: "sluice-test-client: the server closed dumb-increment-protocol: 1000 close test\n",
    });
    expect(stdout.trimEnd().split("\n")).toHaveLength(50);
  });

  it("fails when the connection breaks", async () => {
    const place = await strangers((socket) => socket.terminate());
    expect(await run(place)).toEqual({
      code: 1,
      stdout: "",
      stderr: "sluice-test-client: the connection broke: 1006\n",
    });
  });

  it("ends quietly when nobody reads its numbers any more", async () => {
    const client = start(address);
    await client.prints(/\n/);
    client.stopReading();
    expect(await client.ended()).toMatchObject({ code: 0, stderr: "" });
  });

  it("says what is wrong with an option in one line, and ends with 2", async () => {
    expect(await run("--nope", "localhost")).toEqual({
      code: 2,
      stdout: "",
      stderr: "sluice-test-client: Unknown option '--nope'\n",
    });
  });

  it("shows its help", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Usage: sluice-test-client \[options\] ADDRESS\n/);
  });
});

describe("the test client over TLS", () => {
  let folder: string;
  let secure: ServerProcess;
  let files: { cert: string; key: string };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sluice-client-"));
    files = makeCertificate(folder);
    secure = await ServerProcess.start("--ssl", "--cert", files.cert, "--key", files.key);
  });
  afterAll(async () => {
    await secure.stop();
    rmSync(folder, { recursive: true });
  });

  it.each(loops)("takes any certificate with --ssl on the %s loop", async (loop) => {
    const place = `127.0.0.1:${secure.port}`;
    expect(await run("--event-loop", loop, "-s", "-c", "1", place)).toMatchObject({ code: 0, stdout: "0\n" });
  });

  it("takes only one that is valid otherwise", async () => {
    const place = `localhost:${secure.port}`;
    expect(await run("--ca", files.cert, "-c", "1", place)).toMatchObject({ code: 0, stdout: "0\n" });
    const { code, stderr } = await run("--verify", place);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice-test-client: cannot connect to wss:.*self-signed certificate\n$/);
  });
});

describe("a visit to the mirror", () => {
  it("is 10 to 1033 circles long", () => {
    expect(visitLength(() => 0)).toBe(10);
    expect(visitLength(() => 0.9999)).toBe(1033);
  });
});
