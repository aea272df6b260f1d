import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import {
  allowedCores,
  childrenCpuSeconds,
  cpuSeconds,
  familyCpuSeconds,
  familyOf,
  parseChildrenTicks,
  parseCores,
  parseCpuTicks,
  parseOpenFiles,
  parseRss,
  residentBytes,
} from "../../bench/proc.ts";

const behindName = "S 1 1 1 0 -1 4194304 100 0 0 0 250 75 0 0 20 0 11 0 12345 1000000 500";

describe("parseCpuTicks", () => {
  test("adds user and system time", () => {
    expect(parseCpuTicks(`4242 (node) ${behindName}`)).toBe(325);
  });

  test("is not misled by spaces and parentheses in the program's name", () => {
    expect(parseCpuTicks(`4242 (a) b (c d)) ${behindName}`)).toBe(325);
  });
});

test("parseChildrenTicks adds the times of children that have ended", () => {
  const stat = behindName.replace("250 75 0 0", "250 75 30 12");
  expect(parseChildrenTicks(`4242 (a) b (c d)) ${stat}`)).toBe(42);
});

describe("parseRss", () => {
  test("gives VmRSS in bytes", () => {
    expect(parseRss("Name:\tnode\nVmHWM:\t   60000 kB\nVmRSS:\t   51200 kB\nRssAnon:\t   20000 kB\n")).toBe(
      51_200 * 1024,
    );
  });

  test("is NaN for a process without memory", () => {
    expect(parseRss("Name:\tnode\nState:\tZ (zombie)\n")).toBeNaN();
  });
});

describe("parseOpenFiles", () => {
  const limits = (soft: string, hard: string) =>
    `Limit                     Soft Limit           Hard Limit           Units     \nMax open files            ${soft}                 ${hard}              files     \n`;

  test("gives the hard limit", () => {
    expect(parseOpenFiles(limits("1024", "20000"))).toBe(20_000);
  });

  test("understands that there is none", () => {
    expect(parseOpenFiles(limits("1024", "unlimited"))).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("parseCores", () => {
  test.each([
    ["0", [0]],
    ["0-1", [0, 1]],
    ["0-2,5,8-9", [0, 1, 2, 5, 8, 9]],
  ])("reads %s", (list, cores) => {
    expect(parseCores(`Cpus_allowed:\t3\nCpus_allowed_list:\t${list}\nMems_allowed:\t1\n`)).toEqual(cores);
  });

  test("finds none where there is no list", () => {
    expect(parseCores("Name:\tnode\n")).toEqual([]);
  });
});

describe.runIf(process.platform === "linux")("of this process", () => {
  test("CPU time, cores and memory can be read", () => {
    expect(cpuSeconds(process.pid)).toBeGreaterThanOrEqual(0);
    expect(childrenCpuSeconds()).toBeGreaterThanOrEqual(0);
    expect(allowedCores().length).toBeGreaterThan(0);
    expect(residentBytes(process.pid)).toBeGreaterThan(1024 * 1024);
  });

  test("its family holds a child, and that one's child, until they end", async () => {
    const inner = "setInterval(() => {}, 1000); console.log('up')";
    const outer = `require("node:child_process").spawn(process.execPath, ["-e", ${JSON.stringify(inner)}], { stdio: ["ignore", 1, 2] })`;
    const child = spawn(process.execPath, ["-e", outer], { stdio: ["ignore", "pipe", "inherit"] });
    await once(child.stdout, "data");
    const family = familyOf(child.pid!);
    expect(family).toHaveLength(2);
    expect(familyCpuSeconds(child.pid!)).toBeGreaterThan(0);
    for (const member of family) process.kill(member);
    await once(child, "close");
    expect(familyOf(child.pid!)).toEqual([]);
  });
});
