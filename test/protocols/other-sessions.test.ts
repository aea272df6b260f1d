import { expect, it } from "vitest";
import { MAX_PARTS, OtherSessions } from "../../protocols/lws-status/other-sessions.ts";
import { id, reports } from "./status-reports.ts";

const part = (number: number, count: number) => ({
  id: id(number),
  sessions: reports(count, { server: `${number}@web1` }),
});
const servers = (others: OtherSessions) =>
  others
    .reports()
    .map(({ server }) => server.split("@")[0])
    .join("");

it("has what each context told last, in the order in which they were first heard", () => {
  const others = new OtherSessions(500, 100);
  others.take(part(1, 2), 0);
  others.take(part(2, 1), 0);
  expect(servers(others)).toBe("112");
  others.take(part(1, 1), 1);
  expect(servers(others)).toBe("12");
});

it("drops a context at its goodbye, and one that is silent for too long", () => {
  const others = new OtherSessions(500, 100);
  for (const number of [1, 2, 3]) others.take(part(number, 1), 0);
  others.take(part(2, 0), 10);
  others.take(part(3, 1), 50);
  expect([others.look(99), servers(others)]).toEqual([true, "13"]);
  expect([others.look(100), servers(others)]).toEqual([true, "3"]);
  expect([others.look(149), servers(others)]).toEqual([false, "3"]);
  expect([others.look(150), servers(others)]).toEqual([true, ""]);
  expect(others.look(1000)).toBe(false);
});

it("has no more sessions than it may, and room again when some go", () => {
  const others = new OtherSessions(5, 100);
  for (const number of [1, 2, 3]) others.take(part(number, 3), 0);
  expect(servers(others)).toBe("11122");
  others.take(part(1, 1), 1);
  others.take(part(3, 3), 1);
  expect(servers(others)).toBe("12233");
  others.look(100);
  expect(servers(others)).toBe("133");
  others.take(part(4, 9), 100);
  expect(servers(others)).toBe("13344");
});

it("hears no more contexts than it may", () => {
  const others = new OtherSessions(10_000, 100);
  for (let number = 0; number < MAX_PARTS + 10; number++) others.take(part(number, 1), 0);
  expect(others.reports()).toHaveLength(MAX_PARTS);
  others.take(part(0, 2), 1);
  expect(others.reports()).toHaveLength(MAX_PARTS + 1);
});

it("is not changed by a goodbye of somebody unknown", () => {
  const others = new OtherSessions(500, 100);
  others.take(part(1, 0), 0);
  expect(others.look(0)).toBe(false);
});
