import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { expect, it } from "vitest";
import * as door from "../../lib/stream/index.ts";
import { duplexPair } from "../support/duplex-pair.ts";

const { now, WS_BINARY, WS_NOHTTP, WS_TEXT, wsAttachClient, wsAttachServer } = door;

it("opens onto the names of the manual pages", () => {
  expect(Object.keys(door).sort()).toEqual(
    [
      "WS_BINARY",
      "WS_NOHTTP",
      "WS_TEXT",
      "WsError",
      "WsStorage",
      "now",
      "wsAttachClient",
      "wsAttachClientMem",
      "wsAttachServer",
      "wsAttachServerMem",
      "wsRequestKey",
      "wsResponseKey",
    ].sort(),
  );
  expect([WS_BINARY, WS_TEXT, WS_NOHTTP]).toEqual([0, 1, 2]);
});

it("does what libdill's own test does with text and without a handshake", async () => {
  const [left, right] = duplexPair();
  const client = await wsAttachClient(left, { flags: WS_TEXT | WS_NOHTTP });
  const server = await wsAttachServer(right, { flags: WS_TEXT | WS_NOHTTP });
  await client.msend("ABC");
  expect((await server.mrecv()).toString()).toBe("ABC");
  await server.msend("DEF");
  expect((await client.mrecv()).toString()).toBe("DEF");
  const detaching = server.detach(1000, "OK");
  await expect(client.mrecv()).rejects.toMatchObject({ code: "EPIPE" });
  expect(client.status()).toEqual({ status: 1000, message: Buffer.from("OK") });
  expect(await client.detach(0)).toBe(left);
  expect(await detaching).toBe(right);
});

it("does what libdill's own test does with a handshake and in binary", async () => {
  const [left, right] = duplexPair();
  const [client, server] = await Promise.all([
    wsAttachClient(left, { resource: "/", host: "www.example.org" }),
    wsAttachServer(right, { deadline: now() + 5000 }),
  ]);
  expect(server.resource).toBe("/");
  expect(server.host).toBe("www.example.org");
  await client.msend("ABC");
  expect((await server.mrecv()).toString()).toBe("ABC");
  await server.msend("DEF");
  expect((await client.mrecv()).toString()).toBe("DEF");
  const detaching = server.detach(1000);
  await expect(client.recv()).rejects.toMatchObject({ code: "EPIPE" });
  expect(client.status().status).toBe(1000);
  await client.detach();
  await detaching;
});

it("speaks over TCP", async () => {
  const listener = createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  const stream = connect((listener.address() as { port: number }).port, "127.0.0.1");
  const [accepted] = (await once(listener, "connection")) as [Socket];
  const [client, server] = await Promise.all([
    wsAttachClient(stream, { resource: "/", host: "localhost" }),
    wsAttachServer(accepted),
  ]);
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
    const data = Buffer.alloc(size, "x");
    const sent = client.send(WS_BINARY, data);
    expect((await server.recv()).data.equals(data)).toBe(true);
    await sent;
    const back = server.send(WS_TEXT, data);
    const answer = await client.recv();
    expect(answer.flags).toBe(WS_TEXT);
    expect(answer.data.equals(data)).toBe(true);
    await back;
  }
  const done = server.detach(1000, "", now() + 5000);
  await expect(client.recv()).rejects.toMatchObject({ code: "EPIPE" });
  (await client.detach(1000)).end();
  (await done).end();
  listener.close();
});
