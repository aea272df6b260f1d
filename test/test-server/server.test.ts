import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { main } from "../../test-server/server.ts";
import { makeCertificate } from "./certificate.ts";
import { ServerProcess } from "./server-process.ts";

let running: ServerProcess[] = [];
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-server-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  for (const server of running) await server.stop("SIGKILL");
  running = [];
});

async function start(...args: string[]): Promise<ServerProcess> {
  const server = await ServerProcess.start(...args);
  running.push(server);
  return server;
}

async function run(...args: string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const server = new ServerProcess(args);
  running.push(server);
  const code = await server.exitCode();
  return { code, stdout: server.stdout, stderr: server.stderr };
}

async function open(url: string, protocol: string): Promise<WebSocket> {
  const socket = new WebSocket(url.replace(/^http/, "ws"), protocol, { rejectUnauthorized: false });
  await once(socket, "open");
  return socket;
}

describe("the test server", () => {
  it("says where it listens, which loop runs, what it speaks, and what to open", async () => {
    const server = await start();
    expect(server.stdout).toMatch(/^Listening on 127\.0\.0\.1:\d+\n/);
    expect(server.stdout).toMatch(/event loop {2}(epoll|node)\n/);
    expect(server.stdout).toContain(
      "http-only, dumb-increment-protocol, lws-mirror-protocol, lws-status, echo\n",
    );
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/`);
  });

  it("serves the page, and 404 for what is not there", async () => {
    const { url } = await start();
    const page = await fetch(url);
    expect(page.headers.get("content-type")).toMatch(/^text\/html/);
    expect(await page.text()).toContain("<title>sluice test server</title>");
    const script = await fetch(`${url}app.js`);
    expect(script.headers.get("content-type")).toMatch(/^text\/javascript/);
    expect((await fetch(`${url}nothing`)).status).toBe(404);
  });

  it("serves another folder with --root", async () => {
    writeFileSync(join(folder, "index.html"), "mine");
    const { url } = await start("--root", folder);
    expect(await (await fetch(url)).text()).toBe("mine");
  });

  it.each(["node", "epoll", "auto"])("counts with --event-loop %s where that loop runs", async (loop) => {
    const server = new ServerProcess(["-p", "0", "--event-loop", loop]);
    running.push(server);
    await expect.poll(() => server.stdout + server.stderr, { timeout: 5000 }).not.toBe("");
    if (loop === "epoll" && server.stderr !== "") {
      expect(server.stderr).toMatch(/epoll/);
      return;
    }
    const socket = await open(server.url, "dumb-increment-protocol");
    const [first] = await once(socket, "message");
    expect(String(first)).toBe("0");
    socket.terminate();
  });

  it("closes the counter after 50 numbers with --closetest", async () => {
    const { url } = await start("-c");
    const socket = await open(url, "dumb-increment-protocol");
    const numbers: string[] = [];
    socket.on("message", (data) => numbers.push(String(data)));
    const [code, reason] = await once(socket, "close");
    expect(numbers).toHaveLength(50);
    expect([code, String(reason)]).toEqual([1000, "close test"]);
  });

  it.each(["SIGINT", "SIGTERM"] as const)(
    "closes its sessions with 1001 and ends with 0 on %s",
    async (signal) => {
      const server = await start();
      const socket = await open(server.url, "echo");
      const closed = once(socket, "close");
      expect(await server.stop(signal)).toBe(0);
      expect((await closed)[0]).toBe(1001);
      expect(server.stderr).toBe("");
    },
  );

  it.each(["node", "epoll"])("draws across processes with --fork on the %s loop", async (loop) => {
    const server = await start("--fork", "3", "--event-loop", loop);
    expect(server.stdout).toMatch(/event loop {2}(epoll|node), in 3 processes\n/);
    const sockets = await Promise.all(
      Array.from({ length: 24 }, () => open(server.url, "lws-mirror-protocol")),
    );
    const drawn = Promise.all(sockets.map((socket) => once(socket, "message")));
    sockets[0].send("c #ff0000 1 2 3;");
    for (const [data] of await drawn) expect(String(data)).toBe("c #ff0000 1 2 3;");
    const closed = Promise.all(sockets.map((socket) => once(socket, "close")));
    expect(await server.stop("SIGINT")).toBe(0);
    for (const [code] of await closed) expect(code).toBe(1001);
    expect(server.stdout.match(/^(Listening|Closing)/gm)).toEqual(["Listening", "Closing"]);
    expect(server.stderr).toBe("");
  });

  it("loads a plugin", async () => {
    const plugin = join(folder, "hello.mjs");
    writeFileSync(
      plugin,
      `export default { name: "hello", callback(wsi, reason) { if (reason === 0) wsi.write("hello", 0); } };`,
    );
    const { url, stdout } = await start("--plugin", plugin);
    expect(stdout).toContain("echo, hello\n");
    const socket = new WebSocket(url.replace("http", "ws"), "hello");
    const [greeting] = await once(socket, "message");
    expect(String(greeting)).toBe("hello");
    socket.terminate();
  });

  it("speaks TLS with --ssl", async () => {
    const { cert, key } = makeCertificate(folder);
    const { url } = await start("--ssl", "--cert", cert, "--key", key);
    expect(url).toMatch(/^https:/);
    const socket = await open(url, "echo");
    socket.send("over TLS");
    expect(String((await once(socket, "message"))[0])).toBe("over TLS");
    socket.terminate();
  });

  it("runs through a link, as npm makes one in node_modules/.bin", async () => {
    const link = join(folder, "sluice-test-server");
    await run("--help"); // Builds it when it is not there.
    symlinkSync(fileURLToPath(new URL("../../dist/test-server/server.js", import.meta.url)), link);
    expect(execFileSync(process.execPath, [link, "--help"]).toString()).toMatch(/^Usage: sluice-test-server/);
  });
});

describe("the test server, when it cannot start,", () => {
  it("says which option is wrong in one line and ends with 2", async () => {
    expect(await run("--nope")).toEqual({
      code: 2,
      stdout: "",
      stderr: "sluice-test-server: Unknown option '--nope'\n",
    });
  });

  it("says that the port is taken and ends with 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await run("-p", String(port));
    taken.close();
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice-test-server: the port is taken: .*--port\.\n$/);
  });

  it("names the plugin that it cannot load and ends with 1", async () => {
    const { code, stderr } = await run("-p", "0", "--plugin", "./no-such-plugin.js");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^sluice-test-server: .*no-such-plugin\.js/);
  });

  it("names the certificate that is not there and ends with 1", async () => {
    const { code, stderr } = await run("-p", "0", "-s", "--cert", "/no/cert.pem", "--key", "/no/key.pem");
    expect(code).toBe(1);
    expect(stderr).toMatch(/\/no\/cert\.pem/);
  });
});

describe("main", () => {
  it("shows the help and ends with 0, without a process of its own", async () => {
    let shown = "";
    const terminal = {
      out: (text: string) => {
        shown += text;
      },
      error: () => {},
      signal: AbortSignal.abort(),
    };
    expect(await main(["--help"], terminal)).toBe(0);
    expect(shown).toMatch(/^Usage: sluice-test-server/);
    expect(await main(["-p", "0"], terminal)).toBe(0);
  });
});
