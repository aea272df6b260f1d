import { expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";
import { findStreamServers } from "../../bench/stream-servers.ts";

test("findStreamServers has the reference, and what is compared with it", () => {
  const { servers, missing } = findStreamServers();
  expect(servers.map(({ name }) => name)).toEqual(["sluice-stream", SUITES.stream.reference]);
  expect(missing).toEqual([]);
});
