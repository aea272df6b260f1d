import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/*
 * What Linux tells of a process (proc(5)). The functions that parse are apart from those that read.
 */

/**
 * User and system time of /proc/PID/stat, in clock ticks. The second field is the program's name in parentheses, and
 * may hold spaces and parentheses itself; so the fields are counted from behind the last one.
 */
export function parseCpuTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // Field 3, the state, is fields[0]; utime is field 14, stime field 15.
  return Number(fields[11]) + Number(fields[12]);
}

/** The same of the children that have ended and were waited for. */
export function parseChildrenTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  // cutime is field 16, cstime field 17.
  return Number(fields[13]) + Number(fields[14]);
}

/** Resident memory of /proc/PID/status, in bytes; NaN when the process has none any more (a zombie). */
export function parseRss(status: string): number {
  const found = /^VmRSS:\s+(\d+) kB$/m.exec(status);
  return found === null ? Number.NaN : Number(found[1]) * 1024;
}

/** The hard limit of open descriptors of /proc/PID/limits; Node raises its soft limit to it. */
export function parseOpenFiles(limits: string): number {
  const found = /^Max open files\s+\S+\s+(\S+)/m.exec(limits);
  if (found === null) return Number.NaN;
  return found[1] === "unlimited" ? Number.POSITIVE_INFINITY : Number(found[1]);
}

/** The cores of /proc/PID/status that the process may run on: `0-2,5` is 0, 1, 2 and 5. */
export function parseCores(status: string): number[] {
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1] ?? "";
  return list.split(",").flatMap((range) => {
    const [first, last = first] = range.split("-").map(Number);
    return range === "" ? [] : Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

let ticksPerSecond = 0;

function clockTicks(): number {
  if (ticksPerSecond === 0)
    ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return ticksPerSecond;
}

/** The CPU time that a process has taken, all its threads together, in seconds. */
export function cpuSeconds(pid: number): number {
  return parseCpuTicks(readFileSync(`/proc/${pid}/stat`, "latin1")) / clockTicks();
}

/** A process and all that it has started which still run, theirs too. */
export function familyOf(pid: number): number[] {
  try {
    const tasks = readdirSync(`/proc/${pid}/task`);
    const lists = tasks.map((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "latin1"));
    const children = lists.flatMap((list) => list.split(" ").filter(Boolean).map(Number));
    return [pid, ...children.flatMap(familyOf)];
  } catch {
    // It has ended meanwhile.
    return [];
  }
}

/** The CPU time that a process and those that it has started have taken, in seconds. */
export function familyCpuSeconds(pid: number): number {
  return familyOf(pid).reduce((sum, member) => sum + cpuSeconds(member), 0);
}

/** The CPU time that the children of this process have taken that have ended, in seconds. */
export function childrenCpuSeconds(): number {
  return parseChildrenTicks(readFileSync("/proc/self/stat", "latin1")) / clockTicks();
}

/** The resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  return parseRss(readFileSync(`/proc/${pid}/status`, "latin1"));
}

/** The cores that a process started from here may run on; none where that cannot be told. */
export function allowedCores(): number[] {
  try {
    return parseCores(readFileSync("/proc/self/status", "latin1"));
  } catch {
    return [];
  }
}

/** How many descriptors a process started from here may open. */
export function openFilesLimit(): number {
  return parseOpenFiles(readFileSync("/proc/self/limits", "latin1"));
}
