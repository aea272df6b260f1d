import fc from "fast-check";
import { expect, it } from "vitest";
import { isSessionReport, MAX_TEXT } from "../../protocols/lws-status/session-report.ts";
import { reportOf } from "./status-reports.ts";

it("knows a report, with the longest texts and the largest numbers too", () => {
  const longest = "x".repeat(MAX_TEXT);
  expect(isSessionReport(reportOf())).toBe(true);
  expect(isSessionReport(reportOf({ server: longest, userAgent: longest, address: "" }))).toBe(true);
  expect(isSessionReport(reportOf({ port: 65_535, bytesSent: Number.MAX_SAFE_INTEGER }))).toBe(true);
});

it.each<[string, unknown]>([
  ["port", 65_536],
  ["port", -1],
  ["port", "80"],
  ["bytesSent", 0.5],
  ["bytesReceived", 2 ** 53],
  ["messagesSent", null],
  ["messagesReceived", undefined],
  ["server", 4242],
  ["address", "x".repeat(MAX_TEXT + 1)],
  ["userAgent", ["fake"]],
  ["protocol", { toString: "echo" }],
  ["since", "2026-01-31"],
  ["since", "2026-02-31T12:00:00.000Z"],
  ["since", "now"],
  ["since", 0],
])("refuses one whose %s is %j", (name, value) => {
  expect(isSessionReport({ ...reportOf(), [name]: value })).toBe(false);
});

it("refuses one with a field too few or too many, or under another name", () => {
  const { address: _, ...few } = reportOf();
  expect(isSessionReport(few)).toBe(false);
  expect(isSessionReport({ ...reportOf(), more: 1 })).toBe(false);
  expect(isSessionReport({ ...few, Address: "192.0.2.1" })).toBe(false);
  expect(isSessionReport(JSON.parse(JSON.stringify(few).replace("{", '{"__proto__":{"address":""},')))).toBe(
    false,
  );
});

it("refuses whatever else JSON can hold", () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => !isSessionReport(value)));
});
