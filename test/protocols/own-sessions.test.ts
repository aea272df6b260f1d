import { hostname } from "node:os";
import { echo } from "sluice/protocols";
import { expect, it } from "vitest";
import { OwnSessions } from "../../protocols/lws-status/own-sessions.ts";
import { isSessionReport } from "../../protocols/lws-status/session-report.ts";
import { FakeWsi, fakeContext } from "./fake-wsi.ts";

it("tells of each session, as the others believe it, and which process it belongs to", () => {
  const sessions: FakeWsi[] = [];
  const context = fakeContext(sessions);
  const own = new OwnSessions(context, 500);
  expect([own.look(), own.size]).toEqual([false, 0]);
  const wsi = new FakeWsi(echo, context);
  wsi.headers["user-agent"] = "x".repeat(10_000);
  sessions.push(wsi);
  expect([own.look(), own.look(), own.size]).toEqual([true, false, 1]);
  const [report] = own.reports();
  expect(report).toMatchObject({ server: `${process.pid}@${hostname()}`, userAgent: "x".repeat(256) });
  expect(isSessionReport(report)).toBe(true);
});

it("leaves out what is beyond its limit", () => {
  const sessions: FakeWsi[] = [];
  const context = fakeContext(sessions);
  for (let i = 0; i < 5; i++) sessions.push(new FakeWsi(echo, context));
  const own = new OwnSessions(context, 3);
  own.look();
  expect([own.size, own.reports().length]).toEqual([3, 3]);
});
