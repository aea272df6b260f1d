import { describe, expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";
import { readTask } from "../../bench/clients/measured.ts";
import { clientFigures } from "../../bench/clients.ts";
import { NO_FIGURES, type Report } from "../../bench/result.ts";
import { summaryText } from "../../bench/tables.ts";
import { report } from "./report.ts";

describe("clients", () => {
  test("are told by round trips for each second of their own CPU time", () => {
    expect(clientFigures({ count: 30_000, seconds: 2, cpu: 0.5, errors: 1 })).toEqual({
      ...NO_FIGURES,
      perCpuSecond: 60_000,
      perSecond: 15_000,
      errors: 1,
    });
  });

  test("have no figure where no CPU time was counted", () => {
    expect(clientFigures({ count: 3, seconds: 0.01, cpu: 0, errors: 0 }).perCpuSecond).toBeNull();
  });

  test("read their task from the command line", () => {
    const task = { port: 7681, connections: 64, bytes: 20, depth: 16, seconds: 0.5 };
    expect(readTask(["7681", "64", "20", "16", "0.5"])).toEqual(task);
  });

  test("are measured with one message in flight and with 16, on the same connections", () => {
    const load = { connections: 64, bytes: 20, measured: "client" };
    expect(SUITES.clients.cases).toMatchObject([
      { ...load, depth: 1 },
      { ...load, depth: 16 },
    ]);
  });

  test("have a table that says whose CPU time it is, and compares with ws", () => {
    const measured = (server: string, perCpuSecond: number) => {
      const medians = { ...NO_FIGURES, perCpuSecond };
      return { case: "client-20x16", server, runs: [medians], medians };
    };
    const results = [measured("sluice-epoll", 900_000), measured("ws", 90_000)];
    const clients: Report = { ...report, suite: "clients", results };
    expect(summaryText(clients)).toContain(
      "| clients, 20 B, 16 in flight: round trips per second of client CPU time | 900 k (10×) | 90.0 k |",
    );
  });
});
