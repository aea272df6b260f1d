import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import {
  now,
  WS_TEXT,
  WsStorage,
  wsAttachClient,
  wsAttachServer,
  wsAttachServerMem,
} from "../../lib/stream/index.ts";

/*
 * The examples of libdill's manual pages, ws_attach_server(3), ws_attach_server_mem(3) and ws_send(3), put right where
 * they slip: they attach TLS in place of WebSocket, and leave out arguments.
 */

/** `tcp_listen`, and a client that does what `visit` says. */
async function meeting(
  visit: (client: Socket) => Promise<void>,
): Promise<{ accepted: Socket; visiting: Promise<void> }> {
  const listener = createServer({ allowHalfOpen: true }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const arrival = once(listener, "connection") as Promise<[Socket]>;
  const client = connect({
    port: (listener.address() as AddressInfo).port,
    host: "127.0.0.1",
    allowHalfOpen: true,
  });
  await once(client, "connect");
  const visiting = visit(client);
  const [accepted] = await arrival;
  listener.close();
  return { accepted, visiting };
}

async function visitor(client: Socket): Promise<void> {
  const socket = await wsAttachClient(client, { resource: "/", host: "www.example.org", flags: WS_TEXT });
  expect(String(await socket.mrecv({ maxLength: 3 }))).toBe("ABC");
  await socket.msend("DEF");
  (await socket.detach()).end();
}

it.each([
  ["ws_attach_server", (accepted: Socket) => wsAttachServer(accepted, { flags: WS_TEXT, deadline: -1 })],
  [
    "ws_attach_server_mem",
    (accepted: Socket) =>
      wsAttachServerMem(accepted, { flags: WS_TEXT, deadline: -1, storage: new WsStorage() }),
  ],
])("the example of %s", async (_name, attach) => {
  const { accepted, visiting } = await meeting(visitor);
  const socket = await attach(accepted);
  expect([socket.resource, socket.host]).toEqual(["/", "www.example.org"]);
  await socket.msend("ABC", -1);
  const buffer = Buffer.alloc(3);
  expect(await socket.mrecvl([buffer], -1)).toBe(3);
  expect(String(buffer)).toBe("DEF");
  const bytestream = await socket.detach(1000, "OK", -1);
  expect(bytestream).toBe(accepted);
  bytestream.end();
  await visiting;
});

it("the example of ws_send", async () => {
  const { accepted, visiting } = await meeting(async (client) => {
    const socket = await wsAttachClient(client, {
      resource: "/",
      host: "www.example.org",
      flags: WS_TEXT,
      deadline: -1,
    });
    await socket.send(WS_TEXT, "Hello, world!", -1);
    const { flags, data } = await socket.recv({ maxLength: 256, deadline: -1 });
    expect(flags & WS_TEXT).toBe(WS_TEXT);
    expect(String(data)).toBe("Hello, whoever you are!");
    (await socket.detach(1000, "OK", -1)).end();
  });
  const server = await wsAttachServer(accepted, { flags: WS_TEXT, deadline: now() + 5000 });
  expect(String(await server.mrecv({ deadline: now() + 5000 }))).toBe("Hello, world!");
  await server.msend("Hello, whoever you are!");
  await expect(server.recv()).rejects.toMatchObject({ code: "EPIPE" });
  expect(server.status()).toEqual({ status: 1000, message: Buffer.from("OK") });
  (await server.detach(0, "", now() + 5000)).end();
  await visiting;
});
