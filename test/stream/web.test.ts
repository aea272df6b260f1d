import { expect, it } from "vitest";
import { WS_BINARY, WS_TEXT } from "../../lib/stream/index.ts";
import { binaryFrame, closeFrame, parseFrames, readClose, textFrame } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { bothEnds, rawServer, stateOf } from "./support.ts";

it("reads text as strings and binary as bytes, up to the peer's Close", async () => {
  const { socket, peer } = await rawServer();
  peer.write(Buffer.concat([textFrame("a"), binaryFrame("b"), closeFrame(1000)]));
  const chunks: unknown[] = [];
  for await (const chunk of socket.readable) chunks.push(chunk);
  expect(chunks).toEqual(["a", Buffer.from("b")]);
  expect(socket.status().status).toBe(1000);
});

it("reads only what is asked for", async () => {
  const { socket, stream, peer } = await rawServer();
  const reader = socket.readable.getReader();
  peer.write(Buffer.concat([textFrame("a"), textFrame("b")]));
  await rounds();
  expect(stream.readableLength).toBeGreaterThan(0);
  expect(await reader.read()).toEqual({ done: false, value: "a" });
  reader.releaseLock();
  expect((await socket.recv()).data.toString()).toBe("b");
});

it("fails as recv does; the end of the stream without a Close is a failure", async () => {
  const { socket, peer } = await rawServer();
  peer.end(textFrame("a"));
  const reader = socket.readable.getReader();
  expect((await reader.read()).value).toBe("a");
  await expect(reader.read()).rejects.toMatchObject({ code: "EPIPE" });
});

it("closes politely when reading is canceled, though a read waits", async () => {
  const raw = await rawServer();
  const reader = raw.socket.readable.getReader();
  const reading = reader.read();
  const canceling = reader.cancel();
  await rounds();
  expect(raw.frames.map(readClose)).toEqual([{ code: 1000, reason: "" }]);
  raw.peer.resume().end(closeFrame(1000));
  await canceling;
  expect((await reading).done).toBe(true);
  expect(raw.stream.destroyed).toBe(true);
});

it("writes strings as text and bytes as binary", async () => {
  const [client, server] = await bothEnds();
  const writer = client.writable.getWriter();
  void writer.write("a");
  void writer.write(Buffer.from("b"));
  expect(await server.recv()).toEqual({ flags: WS_TEXT, data: Buffer.from("a") });
  expect(await server.recv()).toEqual({ flags: WS_BINARY, data: Buffer.from("b") });
});

it("holds the writer up while the stream has no room", async () => {
  const { socket, peer } = await rawServer({}, { highWaterMark: 100 });
  const writer = socket.writable.getWriter();
  await writer.write(Buffer.alloc(100));
  const second = writer.write(Buffer.alloc(100));
  expect(await stateOf(second)).toBe("pending");
  peer.resume();
  await second;
});

it("sends a Close when the writer closes, and receiving goes on", async () => {
  const [client, server] = await bothEnds();
  await client.writable.close();
  await expect(server.recv()).rejects.toMatchObject({ code: "EPIPE" });
  expect(server.status().status).toBe(1000);
  await server.send(WS_TEXT, "still here");
  expect((await client.recv()).data.toString()).toBe("still here");
});

it("closes politely when the writer aborts", async () => {
  const raw = await rawServer();
  const aborting = raw.socket.writable.abort(new Error("enough"));
  raw.peer.resume().end(closeFrame());
  await aborting;
  expect(parseFrames(Buffer.concat(raw.stream.written)).map(readClose)).toEqual([{ code: 1000, reason: "" }]);
});

it("fails the writer when the stream breaks", async () => {
  const { socket, stream } = await rawServer();
  stream.destroy(new Error("no"));
  await rounds();
  await expect(socket.writable.getWriter().write("x")).rejects.toMatchObject({ code: "ECONNRESET" });
});

it("takes no other chunks", async () => {
  const { socket } = await rawServer();
  const writer = socket.writable.getWriter();
  await expect(writer.write(1 as never)).rejects.toMatchObject({ code: "EINVAL" });
  await writer.closed.catch(() => {});
});

it("gives the same streams every time", async () => {
  const { socket } = await rawServer();
  expect(socket.readable).toBe(socket.readable);
  expect(socket.writable).toBe(socket.writable);
});
