import { expect, test } from "vitest";
import { SUITES } from "../../bench/cases.ts";
import { findProcessServers, Redis } from "../../bench/process-servers.ts";
import { hasProgram } from "../../bench/processes.ts";

test("findProcessServers has the reference where there is a Redis, and says what is missing without", async () => {
  const { servers, missing } = findProcessServers(null);
  expect(servers.map(({ name }) => name)).toEqual(["sluice-epoll", "sluice-node"]);
  expect(missing).toHaveLength(1);
  const redis = await Redis.start();
  expect(redis === null).toBe(!hasProgram("redis-server"));
  if (redis === null) return;
  try {
    const found = findProcessServers(redis);
    expect(found.servers.map(({ name }) => name)).toContain(SUITES.processes.reference);
    expect(found.missing).toEqual([]);
  } finally {
    await redis.stop();
  }
});
