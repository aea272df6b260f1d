import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ServerProcess } from "../test-server/server-process.ts";

/** Does what docs/writing-a-plugin.md tells the reader to do, with the code that stands there. */
const root = fileURLToPath(new URL("../..", import.meta.url));
const page = readFileSync(`${root}docs/writing-a-plugin.md`, "utf8");
const run = promisify(execFile);

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "sluice-plugin-"));
  mkdirSync(join(folder, "node_modules"));
  symlinkSync(root, join(folder, "node_modules", "sluice"));
  symlinkSync(join(root, "node_modules", "ws"), join(folder, "node_modules", "ws"));
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  await new ServerProcess(["--help"]).exitCode(); // Builds dist/ when it is not there.
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The code blocks that are files: their first line is a comment with the name. */
function files(name: string): string[] {
  const blocks = [...page.matchAll(/^```js\n\/\/ (\S+)\n(.*?)^```$/gms)];
  return blocks.filter((block) => block[1] === name).map((block) => block[2]!);
}

function write(name: string, version = 0): void {
  writeFileSync(join(folder, name), files(name)[version]!);
}

async function testsPass(): Promise<void> {
  const { stdout } = await run(process.execPath, ["--test"], { cwd: folder });
  expect(stdout).toMatch(/fail 0/);
}

describe("docs/writing-a-plugin.md", () => {
  it("gives a plugin that passes its test", async () => {
    write("chat.js");
    write("chat.test.js");
    await testsPass();
  });

  it("has it run in the test server", async () => {
    const server = await ServerProcess.start("--plugin", join(folder, "chat.js"));
    expect(server.stdout).toMatch(/, chat\n/);
    await server.stop();
  });

  it("gives a grown-up plugin that passes the old test and the new one", async () => {
    write("chat.js", 1);
    write("options.test.js");
    await testsPass();
  });

  it("gives a server that serves the plugin until SIGTERM", async () => {
    write("server.js");
    const options = { cwd: folder, env: { ...process.env, PORT: "-1" } };
    const server = spawn(process.execPath, ["server.js"], options);
    const closed = once(server, "close");
    const [line] = await once(server.stdout, "data");
    expect(String(line)).toMatch(/^ws:\/\/127\.0\.0\.1:\d+\/ speaks lws-mirror-protocol, chat\n$/);
    server.kill("SIGTERM");
    expect((await closed)[0]).toBe(0);
  });
});
