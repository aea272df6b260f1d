import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextRound } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import type { ContextOptions } from "../../lib/index.ts";
import { freePort } from "../support/free-port.ts";
import { certificate, describeLoops, Recorder, startServer } from "../support/server.ts";

const text = readFileSync(new URL("../../docs/running-in-production.md", import.meta.url), "utf8");
const folder = mkdtempSync(join(tmpdir(), "sluice-front-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A file or an example that the page shows, with every replacement made at least once. */
function fileOf(name: string, replace: [from: RegExp, to: string][]): string {
  const found = new RegExp(`<!-- (?:file|example): ${name} -->\n\`\`\`\\w+\n([\\s\\S]*?)^\`\`\`$`, "m").exec(
    text,
  );
  if (found === null) throw new Error(`the page shows no ${name}`);
  return replace.reduce((file, [from, to]) => {
    expect(file).toMatch(from);
    return file.replace(from, to);
  }, found[1]);
}

function written(name: string, content: string): string {
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

const has = (command: string, ...args: string[]) => spawnSync(command, args).error === undefined;
const unless = (here: boolean, command: string) => (here ? "" : ` (skipped: no ${command} here)`);
const hasNginx = has("nginx", "-v");
const hasHaproxy = has("haproxy", "-v");
const hasSystemd = has("systemd-analyze", "--version");

const running = new Set<ChildProcess>();
afterEach(async () => {
  for (const child of running) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  running.clear();
});

/** Starts a program, and waits until its port takes connections. */
async function startOn(port: number, command: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn(command, args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data) => void (said += data));
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
    await nextRound();
  }
  return child;
}

function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

/** A session through the proxy: what the server knew of it, and what came back. */
async function throughFront(port: number, recorder: Recorder) {
  const socket = new WebSocket(`wss://127.0.0.1:${port}/room?x=1`, ["unknown", "test"], {
    rejectUnauthorized: false,
    headers: { "x-forwarded-for": "192.0.2.66" },
  });
  const closed = once(socket, "close");
  await once(socket, "open");
  socket.send("through and back");
  const [answer] = (await once(socket, "message")) as [Buffer];
  const { wsi } = recorder.notes.find(({ reason }) => reason === "ESTABLISHED")!;
  const { remoteAddress, secure, uri, query } = wsi;
  socket.close(1000);
  await closed;
  return { protocol: socket.protocol, answer: String(answer), remoteAddress, secure, uri, query };
}

describeLoops("the page's proxies", (loop) => {
  async function serve(options: Partial<ContextOptions>) {
    const recorder = new Recorder({
      RECEIVE: (wsi, input) => void wsi.write(input, 0),
      HTTP: (wsi) => wsi.httpReply(200),
    });
    const { port } = await startServer({
      eventLoop: loop,
      protocols: [recorder.protocol],
      trustedProxies: ["loopback"],
      ...options,
    });
    return { recorder, port };
  }

  it.skipIf(!hasNginx)(`nginx passes sessions, and who they are${unless(hasNginx, "nginx")}`, async () => {
    const { recorder, port } = await serve({});
    const front = await freePort();
    const site = fileOf("nginx.conf", [
      [/127\.0\.0\.1:7681/, `127.0.0.1:${port}`],
      [/listen 443/, `listen 127.0.0.1:${front}`],
      [/\S+fullchain\.pem/, certificate.cert],
      [/\S+key\.pem/, certificate.key],
    ]);
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
      .map((name) => `${name}_temp_path ${folder}/${name};`)
      .join("\n");
    const config = written(
      `nginx-${loop}.conf`,
      `daemon off;\nmaster_process off;\npid ${folder}/nginx-${loop}.pid;\nerror_log stderr warn;\n` +
        `events {}\nhttp {\naccess_log off;\n${temporary}\n${site}}\n`,
    );
    await startOn(front, "nginx", "-e", "stderr", "-p", folder, "-c", config);
    expect(await throughFront(front, recorder)).toEqual({
      protocol: "test",
      answer: "through and back",
      // nginx adds the address that it saw; what the client made up stands left of it.
      remoteAddress: "192.0.2.66",
      secure: true,
      uri: "/room",
      query: "x=1",
    });
  });

  it.skipIf(!hasHaproxy)(`HAProxy does, by the PROXY protocol${unless(hasHaproxy, "haproxy")}`, async () => {
    const { recorder, port } = await serve({ proxyProtocol: true });
    const front = await freePort();
    const both = readFileSync(certificate.cert, "utf8") + readFileSync(certificate.key, "utf8");
    const config = fileOf("haproxy.cfg", [
      [/127\.0\.0\.1:7681/, `127.0.0.1:${port}`],
      [/bind :443/, `bind 127.0.0.1:${front}`],
      [/\S+both\.pem/, written("both.pem", both)],
    ]);
    await startOn(front, "haproxy", "-db", "-f", written(`haproxy-${loop}.cfg`, config));
    // Its check has passed.
    await recorder.nth("HTTP");
    const session = await throughFront(front, recorder);
    expect(session).toMatchObject({ protocol: "test", answer: "through and back", uri: "/room" });
  });
});

describe("the page's unit", () => {
  it.skipIf(!hasSystemd)(`is one${unless(hasSystemd, "systemd-analyze")}`, () => {
    const unit = fileOf("chat.service", [[/\/usr\/bin\/node \S+/, `${process.execPath} /dev/null`]]);
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", written("chat.service", unit)], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stderr).not.toMatch(/chat\.service:\d+/);
  });
});

describe("the page's program", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("serves, and on %s drains and ends with 0", async (signal) => {
    const port = await freePort();
    const program = fileOf("production.js", [
      [/port: 7681/, `port: ${port}`],
      [/8_000/, "10"],
    ]);
    mkdirSync(join(folder, "www"), { recursive: true });
    writeFileSync(join(folder, "www/index.html"), "the page\n");
    mkdirSync(join(folder, "node_modules"), { recursive: true });
    rmSync(join(folder, "node_modules/sluice"), { force: true });
    symlinkSync(
      fileURLToPath(new URL("../../", import.meta.url)),
      join(folder, "node_modules/sluice"),
      "dir",
    );
    const child = await startOn(port, process.execPath, written("production.mjs", program));
    const exited = once(child, "exit");
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("the page\n");
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, ["echo"], { origin: "https://example.com" });
    const closed = once(socket, "close");
    await once(socket, "open");
    child.kill(signal);
    expect((await closed)[0]).toBe(1001);
    expect(await exited).toEqual([0, null]);
  });
});
