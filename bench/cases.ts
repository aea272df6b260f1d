import type { Mode } from "./load/workloads.ts";

/** What a case is told by: its one figure. The others stand beside it. */
export type Figure = "perCpuSecond" | "p50" | "bytesPerSession" | "timerP99";

export interface BenchCase {
  name: string;
  title: string;
  mode: Mode;
  connections: number;
  bytes: number;
  depth: number;
  figure: Figure;
  /** What `perCpuSecond` and the wall rate count. */
  unit: string;
  /** Each run gets a server of its own, because what one leaves behind would be measured in the next. */
  freshServer?: boolean;
  /** A timer of 10 ms runs in the server meanwhile. */
  timer?: boolean;
}

const ECHO = { mode: "echo", connections: 64, depth: 1, figure: "perCpuSecond", unit: "messages" } as const;

export const CASES: readonly BenchCase[] = [
  { ...ECHO, name: "echo-20", title: "echo, 20 B", bytes: 20 },
  { ...ECHO, name: "echo-20x16", title: "echo, 20 B, 16 in flight", bytes: 20, depth: 16 },
  { ...ECHO, name: "echo-1k", title: "echo, 1 KiB", bytes: 1024 },
  { ...ECHO, name: "echo-64k", title: "echo, 64 KiB, 16 connections", bytes: 65_536, connections: 16 },
  {
    name: "broadcast",
    title: "broadcast, 100 B to 1000 sessions",
    mode: "broadcast",
    connections: 1000,
    bytes: 100,
    depth: 1,
    figure: "perCpuSecond",
    unit: "messages delivered",
  },
  {
    name: "connect",
    title: "connect and upgrade",
    mode: "connect",
    connections: 64,
    bytes: 0,
    depth: 1,
    figure: "perCpuSecond",
    unit: "connections",
  },
  {
    ...ECHO,
    name: "ping-pong",
    title: "ping-pong, 20 B, 1 connection",
    bytes: 20,
    connections: 1,
    figure: "p50",
  },
  {
    ...ECHO,
    name: "timer",
    title: "10 ms timer under echo, 20 B",
    bytes: 20,
    figure: "timerP99",
    timer: true,
  },
  {
    name: "idle",
    title: "idle session, memory",
    mode: "idle",
    connections: 15_000,
    bytes: 0,
    depth: 1,
    figure: "bytesPerSession",
    unit: "sessions",
    freshServer: true,
  },
];
