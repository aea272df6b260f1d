import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import { Stage, serviceUntil } from "../recorder.ts";

const addresses = vi.hoisted(() => ({ list: [] as { address: string; family: number }[] }));
vi.mock("node:dns", async (original) => ({
  ...(await original<typeof import("node:dns")>()),
  lookup: (_host: string, _options: object, callback: (error: Error | null, all: object[]) => void) =>
    setImmediate(() =>
      addresses.list.length === 0
        ? callback(Object.assign(new Error("not found"), { code: "ENOTFOUND" }), [])
        : callback(null, addresses.list),
    ),
}));

let stage: Stage;
beforeEach(() => {
  stage = new Stage(createEpollLoop());
});
afterEach(() => stage.loop.close());

/* How the addresses of a name are tried is in test/loop/connect-race.test.ts, for both loops. */

test("says the system's code for a Unix socket that is not there, and a port that is none", async () => {
  const errors: unknown[] = [];
  const refuse = () => null;
  stage.loop.connect({ path: "/no/such/socket", timeout: 1000 }, refuse, (error) => errors.push(error));
  stage.loop.connect({ host: "127.0.0.1", port: 99_999, timeout: 1000 }, refuse, (error) =>
    errors.push(error),
  );
  expect(errors).toEqual([]);
  await serviceUntil(stage.loop, () => errors.length === 2);
  expect(errors).toMatchObject([{ code: "ENOENT" }, { code: "ERR_SOCKET_BAD_PORT" }]);
});

test("tells an attempt that is on its way that the loop was closed", async () => {
  const errors: unknown[] = [];
  addresses.list = [{ address: "127.0.0.1", family: 4 }];
  stage.loop.connect(
    { host: "somewhere.test", port: 9, timeout: 1000 },
    () => null,
    (error) => errors.push(error),
  );
  await stage.loop.close();
  expect(errors).toMatchObject([{ code: "ECANCELED" }]);
});
