import { expect, test } from "vitest";
import { createEpollLoop } from "../../../lib/loop/epoll/epoll.ts";
import { loopContract } from "../contract.ts";

loopContract("epoll", () => createEpollLoop());

test("closes though a task puts itself off for ever", async () => {
  const loop = createEpollLoop();
  const task = { runSoon: () => loop.soon(task) };
  loop.soon(task);
  await loop.service(0);
  await loop.close();
  await expect(loop.service(0)).rejects.toMatchObject({ code: "ECANCELED" });
});

test("leaves no server behind when it is closed while a TLS listener opens", async () => {
  const loop = createEpollLoop();
  const opening = loop.listen({ host: "127.0.0.1", tls: { cert: "", key: "" } }, () => null);
  const outcome = expect(opening).rejects.toThrow();
  await loop.close();
  await outcome;
});
