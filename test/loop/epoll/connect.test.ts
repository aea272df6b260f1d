import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import type { Link } from "../../../lib/loop/loop.ts";
import { Recorder, Stage, serviceUntil } from "../recorder.ts";

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
let server: Server;
let port: number;
beforeEach(async () => {
  stage = new Stage(createEpollLoop());
  server = createServer((socket) => socket.on("error", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  port = (server.address() as { port: number }).port;
});
afterEach(async () => {
  await stage.loop.close();
  server.close();
});

/** Connects to a name that stands for `list`, and gives the link or the error. */
async function connectTo(list: string[], timeout = 5000): Promise<Link | Error> {
  addresses.list = list.map((address) => ({ address, family: 4 }));
  let outcome: Link | Error | undefined;
  stage.loop.connect(
    { host: "somewhere.test", port, timeout },
    (link) => {
      outcome = link;
      return new Recorder();
    },
    (error) => {
      outcome = error;
    },
  );
  await serviceUntil(stage.loop, () => outcome !== undefined);
  return outcome!;
}

test("tries the next address at once when one refuses", async () => {
  // Nobody listens on 127.0.0.2 and .3.
  const link = (await connectTo(["127.0.0.2", "127.0.0.3", "127.0.0.1"])) as Link;
  expect([link.remoteAddress, link.remotePort]).toEqual(["127.0.0.1", port]);
});

test("gives the error of the last address when none answers", async () => {
  expect(await connectTo(["127.0.0.2", "127.0.0.3"])).toMatchObject({ code: "ECONNREFUSED" });
});

test("gives the resolver's error for a name that does not exist", async () => {
  expect(await connectTo([])).toMatchObject({ code: "ENOTFOUND" });
});

test("goes on to the next address when one does not answer, and leaves no attempt behind", async () => {
  // A full queue of a listener that nobody accepts from: the kernel drops the SYN, as a dead host does.
  const dead = new Stage(createEpollLoop());
  const { port: deadPort } = await dead.loop.listen({ host: "127.0.0.9", port, backlog: 0 }, () => null);
  expect(deadPort).toBe(port);
  let filled = 0;
  const note = () => {
    filled++;
    return new Recorder();
  };
  for (let i = 0; i < 2; i++)
    stage.loop.connect({ host: "127.0.0.9", port, timeout: 300 }, note, () => filled++);
  await serviceUntil(stage.loop, () => filled === 2);
  const link = (await connectTo(["127.0.0.9", "127.0.0.1"])) as Link;
  expect(link.remoteAddress).toBe("127.0.0.1");
  await dead.loop.close();
});

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
    { host: "somewhere.test", port, timeout: 1000 },
    () => null,
    (error) => errors.push(error),
  );
  await stage.loop.close();
  expect(errors).toMatchObject([{ code: "ECANCELED" }]);
});
