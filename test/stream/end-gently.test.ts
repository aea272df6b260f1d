import { once } from "node:events";
import { expect, it } from "vitest";
import { endGently } from "../../lib/stream/end-gently.ts";
import { duplexPair } from "../support/duplex-pair.ts";
import { RawClient } from "../support/raw.ts";
import { stateOf, tcpPair } from "./support.ts";

it("is there at once for a stream that is destroyed", async () => {
  const [stream] = duplexPair();
  stream.destroy();
  await endGently(stream, 1000);
});

it("waits until the peer has ended, and reads what it still sends", async () => {
  const [stream, peer] = duplexPair();
  const ending = endGently(stream, 60_000);
  peer.write("unread");
  expect(await stateOf(ending)).toBe("pending");
  peer.resume().end();
  await ending;
  expect(stream.destroyed).toBe(true);
});

it("does not wait for ever", async () => {
  const [stream] = duplexPair();
  await endGently(stream, 5);
  expect(stream.destroyed).toBe(true);
});

it("is done when the stream breaks", async () => {
  const [stream, peer] = duplexPair();
  peer.on("error", () => {});
  const ending = endGently(stream, 60_000);
  stream.destroy(new Error("no"));
  await ending;
});

it("lets the last words arrive over TCP, with much unread behind them", async () => {
  const [client, server] = await tcpPair();
  const raw = new RawClient(client);
  raw.send("x".repeat(200_000));
  await once(server, "readable");
  server.write("last words");
  const ending = endGently(server, 5000);
  expect((await raw.bytes(10)).toString()).toBe("last words");
  client.end();
  await ending;
});

it("is done with a stream that tells nobody that it is closed", async () => {
  const [stream] = duplexPair({ emitClose: false });
  await endGently(stream, 5);
  expect(stream.destroyed).toBe(true);
});
