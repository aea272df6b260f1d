import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate as nextRound } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canMakeHosts, Hosts } from "../support/hosts.ts";
import { ServerProcess } from "../test-server/server-process.ts";
import { findBrowser, Pages, patient } from "./pages.ts";
import { allOpen, drag, pixel } from "./test-page.ts";

const PORT = 6379;
const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;
const able = hasRedis && canMakeHosts();
const why = hasRedis
  ? "network namespaces cannot be made here, which takes root"
  : "redis-server is not installed";

/** Redis on an address that the hosts reach. */
async function startRedis(host: string, folder: string): Promise<ChildProcess> {
  const options = ["--bind", host, "--port", String(PORT), "--save", "", "--protected-mode", "no"];
  const redis = spawn("redis-server", [...options, "--dir", folder], { stdio: "ignore" });
  while (!(await accepts(host))) await nextRound();
  return redis;
}

function accepts(host: string): Promise<boolean> {
  const socket = connect(PORT, host);
  return new Promise<boolean>((resolve) => {
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
  }).finally(() => socket.destroy());
}

describe.runIf(findBrowser())("two hosts on one Redis", { timeout: 60_000 }, () => {
  if (!able) return it.skip(`are skipped: ${why}`, () => {});
  const folder = mkdtempSync(join(tmpdir(), "sluice-hosts-"));
  let hosts: Hosts;
  let redis: ChildProcess;
  let servers: ServerProcess[];
  let pages: Pages;

  beforeAll(async () => {
    hosts = new Hosts();
    redis = await startRedis(hosts.here, folder);
    const bus = `redis://${hosts.here}:${PORT}`;
    servers = await Promise.all(
      [hosts.add(), hosts.add()].map(({ address, command }) =>
        ServerProcess.startBy(command, "-i", address, "--bus", bus),
      ),
    );
    pages = await Pages.launch();
  }, 60_000);
  afterAll(async () => {
    await pages?.close();
    await Promise.all((servers ?? []).map((server) => server.stop()));
    if (redis?.kill()) await once(redis, "exit");
    hosts?.remove();
    rmSync(folder, { recursive: true });
  });

  it("show the drawing of each other's pages", async () => {
    const [here, there] = await Promise.all(servers.map(({ url }) => pages.open(url)));
    for (const page of [here, there]) await allOpen(page);
    await here.locator('input[value="#dc2626"]').check();
    await here.getByTestId("width").fill("12");
    await drag(here, [
      [0.2, 0.3],
      [0.8, 0.3],
    ]);
    await expect.poll(() => pixel(there, 0.5, 0.3), patient).toEqual([0xdc, 0x26, 0x26, 255]);
    await there.locator('input[value="#2563eb"]').check();
    await there.getByTestId("width").fill("12");
    await drag(there, [
      [0.2, 0.7],
      [0.8, 0.7],
    ]);
    await expect.poll(() => pixel(here, 0.5, 0.7), patient).toEqual([0x25, 0x63, 0xeb, 255]);
    // One header means nothing without TLS, and the browser says so; on the loopback it does not.
    expect(pages.complaints.filter((text) => !text.startsWith("The Cross-Origin-Opener-Policy"))).toEqual([]);
  });
});
