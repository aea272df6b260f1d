import { expect, it } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import { textFrame } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, Recorder, type ServerOptions, startServer } from "../support/server.ts";

describeLoops("what goes to all sessions of a protocol", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it("broadcast calls each session of the protocol with a copy of the data, boundaries kept", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [a.protocol, b.protocol] });
    await Promise.all([server.open(), server.open()]);
    const peer = await server.open({ headers: { "Sec-WebSocket-Protocol": "b" } });
    await Promise.all([a.nth("ESTABLISHED", 2), b.nth("ESTABLISHED")]);
    const bytes = Buffer.from("bytes");
    server.context.broadcast(a.protocol, "één");
    server.context.broadcast("a", bytes);
    server.context.broadcast("a", "");
    bytes.fill(0);
    await a.nth("BROADCAST", 6);
    for (const wsi of new Set(a.all("ESTABLISHED").map((note) => note.wsi))) {
      const got = a.all("BROADCAST").filter((note) => note.wsi === wsi);
      expect(got.map((note) => [String(note.input), note.len])).toEqual([
        ["één", 5],
        ["bytes", 5],
        ["", 0],
      ]);
    }
    await rounds(10);
    expect(b.all("BROADCAST")).toEqual([]);
    expect(peer.available).toBe(0);
  });

  it("broadcast from within RECEIVE reaches the caller too", async () => {
    const server = await start({
      on: {
        RECEIVE: (wsi, input) => wsi.context.broadcast("test", input),
        BROADCAST: (wsi, input) => void wsi.write(input, WriteProtocol.TEXT),
      },
    });
    const peers = [await server.open(), await server.open(), await server.open()];
    await server.nth("ESTABLISHED", 3);
    for (const [i, peer] of peers.entries()) peer.send(textFrame(`from ${i}`));
    for (const peer of peers) {
      const texts = (await peer.frames(3)).map((frame) => String(frame.payload));
      expect(texts.sort()).toEqual(["from 0", "from 1", "from 2"]);
    }
  });

  it("callbackOnWritableAllProtocol asks for each session of the protocol", async () => {
    const [a, b] = ["a", "b"].map((name) => new Recorder({}, { name }));
    const server = await start({ protocols: [a.protocol, b.protocol] });
    await Promise.all([server.open(), server.open()]);
    await server.open({ headers: { "Sec-WebSocket-Protocol": "b" } });
    await Promise.all([a.nth("ESTABLISHED", 2), b.nth("ESTABLISHED")]);
    server.context.callbackOnWritableAllProtocol(a.protocol);
    expect(a.all("SERVER_WRITEABLE")).toEqual([]);
    await a.nth("SERVER_WRITEABLE", 2);
    server.context.callbackOnWritableAllProtocol("b");
    await b.nth("SERVER_WRITEABLE");
    await rounds(10);
    expect(a.all("SERVER_WRITEABLE")).toHaveLength(2);
  });
});
