import type { Mode } from "./load/workloads.ts";

/** What a case is told by: its one figure. The others stand beside it. */
export type Figure = "perCpuSecond" | "p50" | "bytesPerSession" | "timerP99";

/** How compression is agreed on: with the context of earlier messages on both sides, or without. */
export type Deflate = "takeover" | "fresh";

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
  /** What is asked for, in `http`. */
  path?: string;
  /** Answers are counted by their bytes: what has arrived of the last ones counts as the share that it is. */
  inParts?: boolean;
  /** permessage-deflate (RFC 7692), with messages of JSON. */
  deflate?: Deflate;
  /** Messages that each session of an idle case exchanges before it rests; none when it is not there. */
  exchanged?: number;
  /** Each run gets a server of its own, because what one leaves behind would be measured in the next. */
  freshServer?: boolean;
  /** A timer of 10 ms runs in the server meanwhile. */
  timer?: boolean;
}

const ECHO = { mode: "echo", connections: 64, depth: 1, figure: "perCpuSecond", unit: "messages" } as const;

const WEBSOCKET_CASES: readonly BenchCase[] = [
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
  { ...ECHO, name: "deflate-1k", title: "echo, 1 KiB JSON, compressed", bytes: 1024, deflate: "takeover" },
  {
    ...ECHO,
    name: "deflate-1k-fresh",
    title: "echo, 1 KiB JSON, compressed, no context takeover",
    bytes: 1024,
    deflate: "fresh",
  },
  {
    name: "deflate-idle",
    title: "idle compressed session after 20 messages of 1 KiB, memory",
    mode: "idle",
    connections: 2000,
    bytes: 1024,
    depth: 1,
    figure: "bytesPerSession",
    unit: "sessions",
    deflate: "takeover",
    exchanged: 20,
    freshServer: true,
  },
];

const HTTP = {
  mode: "http",
  connections: 64,
  depth: 1,
  figure: "perCpuSecond",
  unit: "requests",
} as const;

const FILE_CASES: readonly BenchCase[] = [
  { ...HTTP, name: "file-1k", title: "file, 1 KiB", bytes: 1024, path: "/files/1k.bin" },
  {
    ...HTTP,
    name: "file-10m",
    title: "file, 10 MiB",
    bytes: 10 * 1024 * 1024,
    path: "/files/10m.bin",
    inParts: true,
  },
  { ...HTTP, name: "reply-200", title: "reply of the application, 200 B", bytes: 200, path: "/reply" },
];

export type SuiteName = "websocket" | "files";

/** Cases that are measured together, on the same servers. */
export interface Suite {
  cases: readonly BenchCase[];
  /** The server that all others are compared with. */
  reference: string;
  /** The name of the markers that its table stands between, in the READMEs. */
  marker: string;
}

export const SUITES: Readonly<Record<SuiteName, Suite>> = {
  websocket: { cases: WEBSOCKET_CASES, reference: "ws", marker: "bench" },
  files: { cases: FILE_CASES, reference: "node-http", marker: "bench: files" },
};
