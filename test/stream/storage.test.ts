import { expect, it } from "vitest";
import {
  WS_NOHTTP,
  WsStorage,
  wsAttachClientMem,
  wsAttachServer,
  wsAttachServerMem,
} from "../../lib/stream/index.ts";
import { takeStorage } from "../../lib/stream/storage.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { binaryFrame, upgradeRequest } from "../support/frames.ts";
import { codeOf } from "./support.ts";

const flags = WS_NOHTTP;

it("is in use from attach to hclose", async () => {
  const storage = new WsStorage();
  expect(storage.inUse).toBe(false);
  const socket = await wsAttachServerMem(duplexPair()[0], { flags, storage });
  expect(storage.inUse).toBe(true);
  expect(() => takeStorage(storage)).toThrow(expect.objectContaining({ code: "EBUSY" }));
  socket.hclose();
  expect(storage.inUse).toBe(false);
});

it("is free after detach, and after an attach that failed", async () => {
  const storage = new WsStorage();
  const [stream, peer] = duplexPair();
  const socket = await wsAttachServerMem(stream, { flags, storage });
  peer.end();
  await socket.detach();
  expect(storage.inUse).toBe(false);
  expect(await codeOf(wsAttachServerMem(duplexPair()[0], { storage, deadline: 0 }))).toBe("ETIMEDOUT");
  expect(storage.inUse).toBe(false);
});

it("serves one connection after another, of either role, whatever was left of the one before", async () => {
  const storage = new WsStorage();
  const broken = duplexPair();
  const first = await wsAttachServerMem(broken[0], { flags, storage });
  broken[1].write(Buffer.concat([binaryFrame("cut", { fin: false }), Buffer.of(0x80, 0x85, 1)]));
  expect(await codeOf(first.recv({ deadline: 0 }))).toBe("ETIMEDOUT");
  first.hclose();
  const failed = duplexPair();
  const second = await wsAttachServerMem(failed[0], { flags, storage });
  failed[1].write(binaryFrame("", { rsv: 7 }));
  expect(await codeOf(second.recv())).toBe("EPROTO");
  second.hclose();

  const [left, right] = duplexPair();
  const client = await wsAttachClientMem(left, { flags, storage });
  const server = await wsAttachServer(right, { flags });
  await server.send(0, "to the client");
  expect((await client.recv()).data.toString()).toBe("to the client");
  await client.send(0, "to the server");
  expect((await server.recv()).data.toString()).toBe("to the server");
});

it("leaves a socket of an earlier connection nothing to say", async () => {
  const storage = new WsStorage();
  const old = await wsAttachServerMem(duplexPair()[0], { flags, storage });
  old.hclose();
  const [stream] = duplexPair();
  await wsAttachServerMem(stream, { flags, storage });
  expect(await codeOf(old.send(0, "x"))).toBe("EBADF");
  expect(() => old.hclose()).toThrow(expect.objectContaining({ code: "EBADF" }));
  expect(stream.destroyed).toBe(false);
});

it("shakes hands as often as it is used", async () => {
  const storage = new WsStorage();
  for (let i = 0; i < 3; i++) {
    const [stream, peer] = duplexPair();
    peer.write(upgradeRequest({ target: `/${i}` }));
    const socket = await wsAttachServerMem(stream, { storage });
    expect(socket.resource).toBe(`/${i}`);
    socket.hclose();
  }
});
