import { expect, test } from "vitest";
import { CASES } from "../../bench/cases.ts";
import type { LoadResult } from "../../bench/load/generate.ts";
import { figuresOf, runCase, tryServers, withinLimits } from "../../bench/macro.ts";
import { openFilesLimit } from "../../bench/proc.ts";
import { NO_FIGURES } from "../../bench/result.ts";

const result: LoadResult = {
  loop: "epoll",
  opened: 64,
  errors: 0,
  seconds: 2,
  count: 100_000,
  perSecond: 50_000,
  megabytesPerSecond: 1,
  p50: 100,
  p99: 300,
  openedPerSecond: 4000,
  serverCpu: 0.5,
  loadCpu: 1,
};

test("figuresOf counts by the server's CPU time", () => {
  expect(figuresOf(result)).toEqual({
    ...NO_FIGURES,
    perCpuSecond: 200_000,
    perSecond: 50_000,
    p50: 100,
    p99: 300,
    loadBusy: 0.5,
    errors: 0,
  });
});

test("figuresOf gives no figure for a server that took no CPU time, or whose time is not known", () => {
  expect(figuresOf({ ...result, serverCpu: 0 }).perCpuSecond).toBeNull();
  expect(figuresOf({ ...result, serverCpu: null }).perCpuSecond).toBeNull();
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
  expect(await runCase(CASES[0], [], { rounds: 1, seconds: 1 }, () => {})).toEqual([]);
});

test.runIf(process.platform === "linux" && Number.isFinite(openFilesLimit()))(
  "withinLimits takes fewer connections than asked for where descriptors are short, and says so",
  () => {
    const said: string[] = [];
    const bench = { ...CASES[0], connections: openFilesLimit() };
    expect(withinLimits(bench, (line) => said.push(line)).connections).toBe(openFilesLimit() - 200);
    expect(said).toEqual([expect.stringContaining("limit of open descriptors")]);
    expect(withinLimits(CASES[0], () => said.push("more"))).toBe(CASES[0]);
    expect(said).toHaveLength(1);
  },
);
