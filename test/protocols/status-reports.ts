import type { SessionReport } from "sluice/protocols";

/** What is told of a session, as a context elsewhere would tell it. */
export function reportOf(changes: Partial<SessionReport> = {}): SessionReport {
  return {
    server: "4242@web1",
    address: "192.0.2.1",
    port: 50_412,
    protocol: "echo",
    userAgent: "fake/1.0",
    since: "2026-01-31T12:00:00.000Z",
    bytesReceived: 120,
    bytesSent: 120,
    messagesReceived: 10,
    messagesSent: 10,
    ...changes,
  };
}

export const reports = (count: number, changes: Partial<SessionReport> = {}) =>
  Array.from({ length: count }, (_, port) => reportOf({ port, ...changes }));

/** The id of a context. */
export const id = (number: number) => number.toString(16).padStart(32, "0");
