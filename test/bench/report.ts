import { type Figures, type Measured, NO_FIGURES, type Report } from "../../bench/result.ts";

function measured(name: string, server: string, figures: Partial<Figures>): Measured {
  const medians = { ...NO_FIGURES, ...figures };
  return { case: name, server, runs: [medians], medians };
}

/** A report with round figures. */
export const report: Report = {
  suite: "websocket",
  load: "own",
  date: "2024-05-06T07:08:09.000Z",
  machine: {
    cpu: "2 × Some CPU",
    kernel: "6.1",
    node: "20.20.0",
    pinned: "server on core 0, load on core 1",
  },
  rounds: 5,
  seconds: 2,
  results: [
    measured("idle", "sluice-epoll", { bytesPerSession: 1024 }),
    measured("idle", "ws", { bytesPerSession: 6144 }),
    measured("echo-20", "sluice-epoll", {
      perCpuSecond: 150_000,
      perSecond: 140_000,
      loadBusy: 0.99,
      errors: 0,
    }),
    measured("echo-20", "ws", { perCpuSecond: 50_000, perSecond: 49_000, loadBusy: 0.5, errors: 0 }),
  ],
};

/** One of HTTP, with wrk. */
export const filesReport: Report = {
  ...report,
  suite: "files",
  load: "wrk",
  results: [
    measured("file-10m", "sluice-epoll", { perCpuSecond: 300, bytesPerCpuSecond: 3 * 1024 ** 3 }),
    measured("file-10m", "node-http", { perCpuSecond: 100, bytesPerCpuSecond: 1024 ** 3 }),
  ],
};
