import { once } from "node:events";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { expect, it } from "vitest";
import { NodePort } from "../../lib/loop/node-port.ts";
import { checkLeaks } from "../support/leaks.ts";
import { temporaryFolder } from "../support/server.ts";

checkLeaks();

/** What a server on this place tells of its address, and has been closed. */
async function addressOf(where: { port: number; host: string } | { path: string }) {
  const server = createServer().listen(where);
  await once(server, "listening");
  const address = server.address();
  server.close();
  return address;
}

it("keeps the port of a server that was closed, with one descriptor for everybody", async () => {
  const address = (await addressOf({ port: 0, host: "127.0.0.1" })) as AddressInfo;
  const port = new NodePort(address);
  const fd = port.open();
  expect(fd).toBeGreaterThan(2);
  expect(port.open()).toBe(fd);
  port.close();
  const server = createServer().listen({ fd: port.open() });
  await once(server, "listening");
  expect(server.address()).toEqual(address);
  server.close();
  await once(server, "close");
});

it("removes the path of a Unix socket at the end", async () => {
  const path = `${temporaryFolder()}/s.sock`;
  const port = new NodePort(await addressOf({ path }));
  expect(existsSync(path)).toBe(true);
  port.release();
  expect(existsSync(path)).toBe(false);
});

it("says so when somebody else has the port", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  expect(() => new NodePort(other.address())).toThrow("EADDRINUSE");
  other.close();
  await once(other, "close");
});
