import type { Mode } from "./load/workloads.ts";

/** What a case is told by: its one figure. The others stand beside it. */
export type Figure = "perCpuSecond" | "p50" | "bytesPerSession" | "timerP99";

/** How compression is agreed on: with the context of earlier messages on both sides, or without. */
export type Deflate = "takeover" | "fresh";

export type Handshake = "full" | "resumed";

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
  /** Whose CPU time is counted; the server's when it is not there. */
  measured?: "client";
  /** What is asked for, in `http`. */
  path?: string;
  /** Answers are counted by their bytes: what has arrived of the last ones counts as the share that it is. */
  inParts?: boolean;
  /** permessage-deflate (RFC 7692), with messages of JSON. */
  deflate?: Deflate;
  /** TLS, with a handshake for each connection, or one that resumes the session of the first. */
  tls?: Handshake;
  /** Messages that each session of an idle case exchanges before it rests; none when it is not there. */
  exchanged?: number;
  /** Each run gets a server of its own, because what one leaves behind would be measured in the next. */
  freshServer?: boolean;
  /** A timer of 10 ms runs in the server meanwhile. */
  timer?: boolean;
}

const ECHO = { mode: "echo", connections: 64, depth: 1, figure: "perCpuSecond", unit: "messages" } as const;

const BROADCAST = {
  mode: "broadcast",
  connections: 1000,
  bytes: 100,
  depth: 1,
  figure: "perCpuSecond",
  unit: "messages delivered",
} as const;

const CONNECT = {
  mode: "connect",
  connections: 64,
  bytes: 0,
  depth: 1,
  figure: "perCpuSecond",
  unit: "connections",
} as const;

const WEBSOCKET_CASES: readonly BenchCase[] = [
  { ...ECHO, name: "echo-20", title: "echo, 20 B", bytes: 20 },
  { ...ECHO, name: "echo-20x16", title: "echo, 20 B, 16 in flight", bytes: 20, depth: 16 },
  { ...ECHO, name: "echo-1k", title: "echo, 1 KiB", bytes: 1024 },
  { ...ECHO, name: "echo-64k", title: "echo, 64 KiB, 16 connections", bytes: 65_536, connections: 16 },
  { ...BROADCAST, name: "broadcast", title: "broadcast, 100 B to 1000 sessions" },
  { ...CONNECT, name: "connect", title: "connect and upgrade" },
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

const PROCESS_CASES: readonly BenchCase[] = [
  { ...BROADCAST, name: "broadcast-2", title: "broadcast, 100 B to 1000 sessions in 2 processes" },
  { ...ECHO, name: "echo-2", title: "echo, 20 B, 2 processes", bytes: 20 },
];

const STREAM_CASES: readonly BenchCase[] = [
  { ...ECHO, name: "request-20", title: "request and reply, 20 B, each message awaited", bytes: 20 },
  {
    ...ECHO,
    name: "request-64k",
    title: "request and reply, 64 KiB, 16 connections",
    bytes: 65_536,
    connections: 16,
  },
];

const CLIENT = { ...ECHO, unit: "round trips", measured: "client", bytes: 20 } as const;

const CLIENT_CASES: readonly BenchCase[] = [
  { ...CLIENT, name: "client-20", title: "clients, 20 B" },
  { ...CLIENT, name: "client-20x16", title: "clients, 20 B, 16 in flight", depth: 16 },
];

const TLS = { ...ECHO, tls: "full" } as const;

const TLS_CASES: readonly BenchCase[] = [
  { ...TLS, name: "tls-20", title: "TLS echo, 20 B", bytes: 20 },
  { ...TLS, name: "tls-20x16", title: "TLS echo, 20 B, 16 in flight", bytes: 20, depth: 16 },
  { ...TLS, name: "tls-64k", title: "TLS echo, 64 KiB, 16 connections", bytes: 65_536, connections: 16 },
  { ...CONNECT, name: "tls-connect", title: "full TLS handshake and upgrade", tls: "full" },
  { ...CONNECT, name: "tls-resume", title: "resumed TLS handshake and upgrade", tls: "resumed" },
];

export type SuiteName = "websocket" | "tls" | "files" | "processes" | "stream" | "clients";

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
  tls: { cases: TLS_CASES, reference: "ws", marker: "bench: tls" },
  files: { cases: FILE_CASES, reference: "node-http", marker: "bench: files" },
  stream: { cases: STREAM_CASES, reference: "ws-awaited", marker: "bench: stream" },
  processes: { cases: PROCESS_CASES, reference: "ws-cluster", marker: "bench: processes" },
  clients: { cases: CLIENT_CASES, reference: "ws", marker: "bench: clients" },
};
