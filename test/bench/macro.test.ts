import { expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";
import type { LoadResult } from "../../bench/load/generate.ts";
import { figuresOf, runCase, tryServers, withinLimits } from "../../bench/macro.ts";
import { openFilesLimit } from "../../bench/proc.ts";
import { NO_FIGURES } from "../../bench/result.ts";

const [ECHO] = SUITES.websocket.cases;
const fileCase = (name: string) => SUITES.files.cases.find((bench) => bench.name === name)!;

const result: LoadResult = {
  loop: "epoll",
  opened: 64,
  errors: 0,
  seconds: 2,
  count: 100_000,
  bytes: 2_000_000,
  perSecond: 50_000,
  megabytesPerSecond: 1,
  p50: 100,
  p99: 300,
  openedPerSecond: 4000,
  serverCpu: 0.5,
  loadCpu: 1,
};

test("figuresOf counts by the server's CPU time", () => {
  expect(figuresOf(ECHO, result)).toEqual({
    ...NO_FIGURES,
    perCpuSecond: 200_000,
    perSecond: 50_000,
    p50: 100,
    p99: 300,
    loadBusy: 0.5,
    errors: 0,
  });
});

test("figuresOf tells bytes of HTTP", () => {
  expect(figuresOf(fileCase("file-1k"), result)).toMatchObject({
    perCpuSecond: 200_000,
    bytesPerCpuSecond: 4_000_000,
  });
});

test("figuresOf counts large files by their bytes: parts of them too", () => {
  const figures = figuresOf(fileCase("file-10m"), { ...result, count: 3, bytes: 3.5 * 1024 ** 2 * 10 });
  expect(figures).toMatchObject({ perCpuSecond: 7, perSecond: 1.75, bytesPerCpuSecond: 70 * 1024 ** 2 });
});

test("figuresOf gives no figure for a server that took no CPU time, or whose time is not known", () => {
  expect(figuresOf(ECHO, { ...result, serverCpu: 0 }).perCpuSecond).toBeNull();
  expect(figuresOf(ECHO, { ...result, serverCpu: null }).perCpuSecond).toBeNull();
});

test("tryServers leaves out a server that cannot run, and says why", async () => {
  const missing: string[] = [];
  const command = () => [process.execPath, "-e", 'throw new Error("no such loop")'];
  expect(await tryServers([{ name: "broken", command, deflates: false, controlled: true }], missing)).toEqual(
    [],
  );
  expect(missing).toEqual(["broken: Error: no such loop"]);
});

test("a case of no servers has no results", async () => {
  expect(await runCase(ECHO, [], { rounds: 1, seconds: 1, load: "own" }, () => {})).toEqual([]);
});

test.runIf(process.platform === "linux" && Number.isFinite(openFilesLimit()))(
  "withinLimits takes fewer connections than asked for where descriptors are short, and says so",
  () => {
    const said: string[] = [];
    const bench = { ...ECHO, connections: openFilesLimit() };
    expect(withinLimits(bench, (line) => said.push(line)).connections).toBe(openFilesLimit() - 200);
    expect(said).toEqual([expect.stringContaining("limit of open descriptors")]);
    expect(withinLimits(ECHO, () => said.push("more"))).toBe(ECHO);
    expect(said).toHaveLength(1);
  },
);
