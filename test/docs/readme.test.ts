import { type ChildProcess, execFile, spawn } from "node:child_process";
import { on, once } from "node:events";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setImmediate as nextRound } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { httpRequest, textFrame } from "../support/frames.ts";
import { freePort } from "../support/free-port.ts";
import { Peer } from "../support/node-client.ts";

const checkout = fileURLToPath(new URL("../../", import.meta.url));
const run = promisify(execFile);

/** Documents whose examples are run or compiled; each of them is marked `<!-- example: name -->`. */
const documents = [
  "README.md",
  "docs/porting-from-libwebsockets.md",
  "docs/compression.md",
  "docs/http.md",
  "docs/stream.md",
];
const linking = [
  ...documents,
  "CHANGELOG.md",
  "docs/bus.md",
  "docs/callbacks.md",
  "CONTRIBUTING.md",
  "docs/design.md",
  "docs/options.md",
  "docs/running-in-production.md",
  "docs/security.md",
  "docs/tls.md",
  "docs/writing-a-plugin.md",
  "bench/README.md",
];

interface Example {
  document: string;
  name: string;
  text: string;
}

const examples = documents.flatMap(examplesOf);
const folder = mkdtempSync(join(tmpdir(), "sluice-readme-"));
const running = new Set<ChildProcess>();

function examplesOf(document: string): Example[] {
  const text = readFileSync(join(checkout, document), "utf8");
  const marked = text.matchAll(/<!-- example: (\S+) -->\n```(?:js|ts)\n([\s\S]*?)^```$/gm);
  return [...marked].map((match) => ({ document, name: match[1], text: match[2] }));
}

function exampleText(name: string): string {
  const example = examples.find((one) => one.name === name);
  if (example === undefined) throw new Error(`there is no example ${name}`);
  return example.text;
}

/** A folder as a user of the package has one: `sluice` in node_modules, and the examples beside it. */
beforeAll(() => {
  if (!existsSync(join(checkout, "dist/lib/index.js"))) throw new Error("dist/ is missing: npm run build");
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(checkout, join(folder, "node_modules/sluice"), "dir");
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
  mkdirSync(join(folder, "www"));
  writeFileSync(join(folder, "www/index.html"), "<p>a file\n");
  for (const name of ["cert.pem", "key.pem"])
    cpSync(join(checkout, "test/support", name), join(folder, name));
});

afterEach(async () => {
  for (const child of running) {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  }
  running.clear();
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs an example with a free port in the place of its own, and gives that port once it listens. */
async function start(text: string, name: string): Promise<number> {
  const port = await freePort();
  const file = join(folder, `run-${name}`);
  const [replaced, count] = withPort(text, port);
  expect(count, "one port").toBe(1);
  writeFileSync(file, replaced);
  const child = spawn(process.execPath, [file], { cwd: folder, stdio: ["ignore", "inherit", "pipe"] });
  running.add(child);
  let complaint = "";
  child.stderr.on("data", (data) => {
    complaint += data;
  });
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${complaint}`);
    await nextRound();
  }
  return port;
}

function withPort(text: string, port: number): [string, number] {
  let count = 0;
  const replaced = text.replace(/(port: |listen\()\d+/g, (_, before: string) => {
    count++;
    return before + port;
  });
  return [replaced, count];
}

function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  return new Promise((resolve) => {
    socket.on("error", () => resolve(false));
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** A client that loses no message, whenever it is asked for. */
class Client {
  readonly socket: WebSocket;
  readonly #messages: AsyncIterator<unknown[]>;

  constructor(url: string, protocols: string[]) {
    this.socket = new WebSocket(url, protocols, { rejectUnauthorized: false });
    this.#messages = on(this.socket, "message");
  }

  static async open(url: string, protocols: string[] = []): Promise<Client> {
    const client = new Client(url, protocols);
    await once(client.socket, "open");
    return client;
  }

  async next(): Promise<{ data: string; binary: boolean }> {
    const [data, binary] = (await this.#messages.next()).value as [Buffer, boolean];
    return { data: data.toString(), binary };
  }
}

async function echoes(url: string): Promise<void> {
  const client = await Client.open(url);
  client.socket.send("grüße");
  expect(await client.next()).toEqual({ data: "grüße", binary: false });
  client.socket.send(Buffer.from("\x00\x01"));
  expect(await client.next()).toEqual({ data: "\x00\x01", binary: true });
  client.socket.close(1000);
  expect((await once(client.socket, "close"))[0]).toBe(1000);
}

describe("the examples of the documents", () => {
  test("every block of JavaScript or TypeScript is marked as an example", () => {
    for (const document of documents) {
      const text = readFileSync(join(checkout, document), "utf8");
      const blocks = text.match(/^```(?:js|ts|javascript|typescript)$/gm) ?? [];
      expect(examplesOf(document).length, document).toBe(blocks.length);
    }
    expect(new Set(examples.map(({ name }) => name)).size).toBe(examples.length);
  });

  test.each(linking)("every link of %s to this repository leads somewhere", (document) => {
    const text = readFileSync(join(checkout, document), "utf8");
    const targets = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) => match[1]);
    const missing = targets.filter((target) => !existsSync(join(checkout, dirname(document), target)));
    expect(missing).toEqual([]);
  });

  test("all of them compile, strictly", { timeout: 60_000 }, async () => {
    const typed = join(folder, "typed");
    mkdirSync(typed);
    // What is plain JavaScript has no types of its own to hold against; that it runs is shown below.
    for (const { name, text } of examples.filter(({ name }) => name.endsWith(".ts"))) {
      writeFileSync(join(typed, name), text);
    }
    const compilerOptions = {
      target: "ES2023",
      module: "NodeNext",
      strict: true,
      types: ["node"],
      typeRoots: [join(checkout, "node_modules/@types")],
      outDir: join(folder, "compiled"),
    };
    writeFileSync(join(typed, "tsconfig.json"), JSON.stringify({ compilerOptions }));
    writeFileSync(join(typed, "package.json"), '{ "type": "module" }\n');
    const tsc = join(checkout, "node_modules/typescript/bin/tsc");
    await run(process.execPath, [tsc, "-p", typed]).catch(({ stdout }) => expect.fail(stdout));
  });

  test("deflate.mjs compresses for a client that offers it", async () => {
    const port = await start(exampleText("deflate.mjs"), "deflate.mjs");
    const client = await Client.open(`ws://127.0.0.1:${port}/`);
    expect(client.socket.extensions).toBe("permessage-deflate");
    client.socket.send("again and ".repeat(1000));
    expect(await client.next()).toEqual({ data: "again and ".repeat(1000), binary: false });
    client.socket.terminate();
  });

  test("reverse.ts is an extension that a client can agree on", async () => {
    const port = await start(readFileSync(join(folder, "compiled/reverse.js"), "utf8"), "reverse.mjs");
    const peer = await Peer.open({ port });
    const reply = await peer.upgrade({ headers: { "Sec-WebSocket-Extensions": "x-reverse" } });
    expect(reply.headers["sec-websocket-extensions"]).toBe("x-reverse");
    peer.send(textFrame("olleh", { rsv: 2 }));
    expect(await peer.frame()).toMatchObject({ rsv: 2, payload: Buffer.from("olleh") });
    await peer.drop();
  });

  test("echo.mjs sends back text as text and binary as binary", async () => {
    const port = await start(exampleText("echo.mjs"), "echo.mjs");
    await echoes(`ws://127.0.0.1:${port}/`);
  });

  test("chat.ts sends what one says to all", async () => {
    const port = await start(readFileSync(join(folder, "compiled/chat.js"), "utf8"), "chat.js");
    const names = ["ann", "ben"];
    const [ann, ben] = await Promise.all(
      names.map((name) => Client.open(`ws://127.0.0.1:${port}/?name=${name}`, ["chat"])),
    );
    ann.socket.send("hello");
    for (const client of [ann, ben])
      expect(await client.next()).toEqual({ data: "ann: hello", binary: false });
    ann.socket.close(1000);
    expect((await ben.next()).data).toBe("ann left (1000)");
  });

  test("files.mjs serves the folder", async () => {
    const port = await start(exampleText("files.mjs"), "files.mjs");
    const reply = await fetch(`http://127.0.0.1:${port}/`);
    expect(reply.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await reply.text()).toBe("<p>a file\n");
    expect((await fetch(`http://127.0.0.1:${port}/nothing`)).status).toBe(404);
  });

  test("shared.mjs answers HTTP by node:http and WebSocket by sluice on one port", async () => {
    const port = await start(exampleText("shared.mjs"), "shared.mjs");
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("from node:http\n");
    await echoes(`ws://127.0.0.1:${port}/`);
  });

  test("tls.mjs speaks wss", async () => {
    const port = await start(exampleText("tls.mjs"), "tls.mjs");
    await echoes(`wss://127.0.0.1:${port}/`);
  });

  test("client.mjs says hello to the echo, and ends; and says why where nobody listens", async () => {
    const port = await start(exampleText("echo.mjs"), "echo.mjs");
    const file = join(folder, "client.mjs");
    const runWith = async (to: number) => {
      writeFileSync(file, exampleText("client.mjs").replace(":9000/", `:${to}/`));
      return run(process.execPath, [file], { cwd: folder, timeout: 10_000 });
    };
    expect((await runWith(port)).stdout).toBe("hello\n");
    expect((await runWith(await freePort())).stderr).toMatch(/^ECONNREFUSED .* undefined\n/);
  });

  test("awaited.mjs answers, and hands the stream back when the client closes", async () => {
    const port = await start(exampleText("awaited.mjs"), "awaited.mjs");
    const client = await Client.open(`ws://127.0.0.1:${port}/`);
    client.socket.send("hello");
    expect(await client.next()).toEqual({ data: "you said hello", binary: false });
    client.socket.close(1000);
    expect((await once(client.socket, "close"))[0]).toBe(1000);
  });

  test("pull-server.mjs asks for a name, greets it and says bye", async () => {
    const port = await start(exampleText("pull-server.mjs"), "pull-server.mjs");
    const client = await Client.open(`ws://127.0.0.1:${port}/`);
    expect(await client.next()).toEqual({ data: "What is your name?", binary: false });
    client.socket.send("Ada");
    expect(await client.next()).toEqual({ data: "Hello, Ada.", binary: false });
    const [code, reason] = (await once(client.socket, "close")) as [number, Buffer];
    expect([code, String(reason)]).toEqual([1000, "bye"]);
  });

  test("pull-upgrade.mjs echoes beside HTTP, also for pull-client.mjs", async () => {
    const port = await start(exampleText("pull-upgrade.mjs"), "pull-upgrade.mjs");
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("Not a WebSocket.\n");
    const file = join(folder, "pull-client.mjs");
    writeFileSync(file, exampleText("pull-client.mjs").replaceAll("9002", String(port)));
    const { stdout, stderr } = await run(process.execPath, [file], { cwd: folder, timeout: 10_000 });
    expect({ stdout, stderr }).toEqual({ stdout: "one\ntwo\n", stderr: "" });
  });

  test("by-hand.mjs serves from a loop of its own", async () => {
    const port = await start(exampleText("by-hand.mjs"), "by-hand.mjs");
    const counter = await Client.open(`ws://127.0.0.1:${port}/`, ["dumb-increment-protocol"]);
    expect((await counter.next()).data).toBe("0");
    counter.socket.terminate();
  });

  test("forked.mjs tells the sessions of all processes what one of them says", async () => {
    const port = await start(exampleText("forked.mjs"), "forked.mjs");
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => Client.open(`ws://127.0.0.1:${port}/`, ["chat"])),
    );
    clients[0].socket.send("to everybody");
    for (const client of clients) {
      expect((await client.next()).data).toBe("to everybody");
      client.socket.terminate();
    }
  });

  test("plugins.mjs loads two bundled plugins, one with options", async () => {
    const port = await start(exampleText("plugins.mjs"), "plugins.mjs");
    const mirror = await Client.open(`ws://127.0.0.1:${port}/`, ["lws-mirror-protocol"]);
    mirror.socket.send("d #000000 1 1 2 2;");
    expect((await mirror.next()).data).toBe("d #000000 1 1 2 2;");
    const counter = await Client.open(`ws://127.0.0.1:${port}/`, ["dumb-increment-protocol"]);
    expect((await counter.next()).data).toBe("0");
    for (const { socket } of [mirror, counter]) socket.terminate();
  });

  test("counter.ts, the port of the C example, counts and takes a reset", async () => {
    const port = await start(readFileSync(join(folder, "compiled/counter.js"), "utf8"), "counter.js");
    const counter = await Client.open(`ws://127.0.0.1:${port}/`, ["counter"]);
    expect((await counter.next()).data).toBe("0");
    expect((await counter.next()).data).toBe("1");
    counter.socket.send("reset\n");
    while ((await counter.next()).data !== "0");
    counter.socket.terminate();
  });

  test("answer.mjs answers with JSON, takes it, and says what is wrong", async () => {
    const url = `http://127.0.0.1:${await start(exampleText("answer.mjs"), "answer.mjs")}/people/`;
    expect(await (await fetch(`${url}1`)).json()).toEqual({ name: "Ada" });
    const headers = { "content-type": "application/json" };
    const put = (body: string, type = headers) => fetch(`${url}2`, { method: "PUT", body, headers: type });
    expect(await (await put('{ "name": "Bea" }')).json()).toEqual({ name: "Bea" });
    expect(await (await fetch(`${url}2`)).json()).toEqual({ name: "Bea" });
    expect((await put("{")).status).toBe(400);
    expect((await put("{}", { "content-type": "text/plain" })).status).toBe(415);
    expect((await put(`"${"x".repeat(10_000)}"`)).status).toBe(413);
    expect((await fetch(`${url}3`)).status).toBe(404);
  });

  test("upload.mjs takes a form with a file", async () => {
    const port = await start(exampleText("upload.mjs"), "upload.mjs");
    const body = new FormData();
    body.set("title", "holiday");
    body.set("photo", new Blob(["x".repeat(2_000_000)]), "beach.jpg");
    const reply = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
    expect(await reply.text()).toBe("title is holiday\nphoto is the file beach.jpg");
  });

  test("download.mjs streams rows, compressed", async () => {
    const port = await start(exampleText("download.mjs"), "download.mjs");
    const reply = await fetch(`http://127.0.0.1:${port}/`);
    expect(reply.headers.get("content-type")).toBe("text/csv");
    const rows = (await reply.text()).trimEnd().split("\n");
    expect(rows).toHaveLength(10_000);
    expect(rows.at(-1)).toBe("9999,99980001");
  });

  test("events.ts sends events to whoever listens", async () => {
    const port = await start(readFileSync(join(folder, "compiled/events.js"), "utf8"), "events.js");
    const peer = await Peer.open({ port });
    peer.send(httpRequest({ headers: { "Last-Event-ID": "7" } }));
    expect((await peer.head()).headers["content-type"]).toBe("text/event-stream");
    expect(String(await peer.until("data: 7\n\n"))).toContain("event: welcome\n");
    expect(String(await peer.until("data: tick "))).toMatch(/id: \d+\n/);
    await peer.drop();
  });
});
