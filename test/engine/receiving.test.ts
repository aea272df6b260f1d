import { createHash, randomBytes } from "node:crypto";
import { expect, it } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import {
  binaryFrame,
  closeFrame,
  moreFrame,
  pingFrame,
  textFrame,
  upgradeRequest,
} from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

describeLoops("receiving", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it("comes in pieces of at most rxBufferSize, each with true answers about itself", async () => {
    const server = await start({ protocol: { rxBufferSize: 16 } });
    const peer = await server.open();
    peer.send(textFrame("0123456789abcdefghijklmnopqrstuvwxyz"));
    await server.until(() => server.received().join("").length === 36);
    const pieces = server.all("RECEIVE");
    expect(server.received().join("")).toBe("0123456789abcdefghijklmnopqrstuvwxyz");
    let remaining = 36;
    pieces.forEach(({ len, input, piece }, i) => {
      expect(len).toBe((input as Buffer).length);
      expect(len).toBeLessThanOrEqual(16);
      remaining -= len;
      const final = i === pieces.length - 1;
      expect(piece).toEqual({ first: i === 0, final, binary: false, remaining });
    });
  });

  it("asks the same of pieces that TCP cuts", async () => {
    const server = await start();
    const peer = await server.open();
    const bytes = binaryFrame(Buffer.alloc(50, "b"));
    for (let at = 0; at < bytes.length; at += 7) {
      peer.send(bytes.subarray(at, at + 7));
      await rounds(4);
    }
    await server.until(() => server.received().join("").length === 50);
    const pieces = server.all("RECEIVE");
    expect(pieces.map((note) => note.piece?.first)).toEqual(pieces.map((_, i) => i === 0));
    expect(pieces.map((note) => note.piece?.final)).toEqual(pieces.map((_, i) => i === pieces.length - 1));
    expect(pieces.every((note) => note.piece?.binary)).toBe(true);
    let remaining = 50;
    for (const { len, piece } of pieces) expect(piece?.remaining).toBe((remaining -= len));
  });

  it("never merges two frames, and an empty one is a RECEIVE of length 0", async () => {
    const server = await start();
    const peer = await server.open();
    const stream = [textFrame("a", { fin: false }), moreFrame("", { fin: false }), moreFrame("b")];
    peer.send(...stream, textFrame(""), binaryFrame("c"));
    await server.nth("RECEIVE", 5);
    expect(server.received()).toEqual(["a", "", "b", "", "c"]);
    expect(server.all("RECEIVE").map((note) => note.piece)).toEqual([
      { first: true, final: false, binary: false, remaining: 0 },
      { first: false, final: false, binary: false, remaining: 0 },
      { first: false, final: true, binary: false, remaining: 0 },
      { first: true, final: true, binary: false, remaining: 0 },
      { first: true, final: true, binary: true, remaining: 0 },
    ]);
  });

  it("says isFinalFragment on the last piece of the message only, not of each frame", async () => {
    const server = await start({ protocol: { rxBufferSize: 4 } });
    const peer = await server.open();
    peer.send(textFrame("abcdef", { fin: false }), moreFrame("ghijkl"));
    await server.until(() => server.received().join("").length === 12);
    const finals = server.all("RECEIVE").filter((note) => note.piece?.final);
    expect(finals).toEqual([server.all("RECEIVE").at(-1)]);
  });

  it("with wholeMessages is one RECEIVE a message", async () => {
    const server = await start({ protocol: { wholeMessages: true, rxBufferSize: 16 } });
    const peer = await server.open();
    const large = "y".repeat(300_000);
    peer.send(
      textFrame("abc", { fin: false }),
      pingFrame(),
      moreFrame("def"),
      binaryFrame(""),
      textFrame(large),
    );
    await server.nth("RECEIVE", 3);
    expect(server.received()).toEqual(["abcdef", "", large]);
    const whole = { first: true, final: true, remaining: 0 };
    expect(server.all("RECEIVE").map((note) => note.piece)).toEqual([
      { ...whole, binary: false },
      { ...whole, binary: true },
      { ...whole, binary: false },
    ]);
  });

  it("delivers 8 MiB in one message unharmed, in pieces and whole", async () => {
    const data = randomBytes(8 << 20);
    for (const wholeMessages of [true, false]) {
      const server = await start({ protocol: { wholeMessages } });
      const peer = await server.open();
      peer.send(binaryFrame(data));
      await server.until(() => server.all("RECEIVE").at(-1)?.piece?.final === true);
      const hash = createHash("sha1");
      for (const note of server.all("RECEIVE")) {
        hash.update(note.input as Buffer);
        if (!wholeMessages) expect(note.len).toBeLessThanOrEqual(65_536);
      }
      expect(hash.digest("hex")).toBe(createHash("sha1").update(data).digest("hex"));
    }
  });

  it("stops with rxFlowControl(false) in mid-read and goes on in order where it stopped", async () => {
    const server = await start({
      on: { RECEIVE: (wsi, input) => (String(input) === "stop" ? wsi.rxFlowControl(false) : undefined) },
    });
    const { peer, wsi } = await server.pair();
    peer.send(textFrame("one"), textFrame("stop"), textFrame("two"), textFrame("three", { fin: false }));
    await server.nth("RECEIVE", 2);
    peer.send(moreFrame("four"), textFrame("five"));
    await rounds(30);
    expect(server.received()).toEqual(["one", "stop"]);
    wsi.rxFlowControl(false);
    wsi.rxFlowControl(true);
    expect(server.received()).toEqual(["one", "stop"]);
    await server.nth("RECEIVE", 6);
    expect(server.received()).toEqual(["one", "stop", "two", "three", "four", "five"]);
  });

  it("stops between two pieces of one frame too", async () => {
    const server = await start({
      protocol: { rxBufferSize: 2 },
      on: { RECEIVE: (wsi) => wsi.rxFlowControl(false) },
    });
    const { peer, wsi } = await server.pair();
    peer.send(textFrame("aabbcc"), textFrame("dd"));
    const wanted = ["aa", "bb", "cc", "dd"];
    for (let i = 1; i <= wanted.length; i++) {
      await server.nth("RECEIVE", i);
      await rounds(10);
      expect(server.received()).toEqual(wanted.slice(0, i));
      wsi.rxFlowControl(true);
    }
  });

  it("may be stopped and resumed within one callback without losing anything", async () => {
    const server = await start({
      on: {
        RECEIVE(wsi) {
          wsi.rxFlowControl(false);
          wsi.rxFlowControl(true);
        },
      },
    });
    const peer = await server.open();
    const texts = Array.from({ length: 100 }, (_, i) => `message ${i}`);
    peer.send(...texts.map((text) => textFrame(text)));
    await server.nth("RECEIVE", 100);
    expect(server.received()).toEqual(texts);
  });

  it("may be stopped in ESTABLISHED, before frames that came with the handshake", async () => {
    const server = await start({ on: { ESTABLISHED: (wsi) => wsi.rxFlowControl(false) } });
    const peer = await server.connect();
    peer.send(upgradeRequest(), textFrame("early"));
    expect((await peer.response()).status).toBe(101);
    await rounds(20);
    expect(server.names()).not.toContain("RECEIVE");
    server.all("ESTABLISHED")[0].wsi.rxFlowControl(true);
    await server.nth("RECEIVE");
    expect(server.received()).toEqual(["early"]);
  });

  it("notices the peer's Close, and the end of the connection, after resuming", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    wsi.rxFlowControl(false);
    peer.send(textFrame("last"), closeFrame(1000, "bye"));
    peer.end();
    await rounds(20);
    expect(server.received()).toEqual([]);
    wsi.rxFlowControl(true);
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1000, reason: "bye" });
    expect(server.received()).toEqual(["last"]);
  });

  it("stalls the peer through TCP, and loses nothing", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    wsi.rxFlowControl(false);
    const [data, count] = [Buffer.alloc(65_536, "s"), 1000];
    let sent = 0;
    const sending = (async () => {
      for (; sent < count; sent++) await peer.send(binaryFrame(data));
    })();
    let before = -1;
    while (before !== sent) {
      before = sent;
      await rounds(200);
    }
    expect(sent).toBeLessThan(count);
    expect(server.received()).toEqual([]);
    wsi.rxFlowControl(true);
    await sending;
    const size = () => server.all("RECEIVE").reduce((sum, note) => sum + note.len, 0);
    await server.until(() => size() === data.length * count);
  }, 30_000);

  it("goes on while writes are made in RECEIVE, in order", async () => {
    const server = await start({
      on: { RECEIVE: (wsi, input) => void wsi.write(input, WriteProtocol.TEXT) },
    });
    const peer = await server.open();
    const texts = Array.from({ length: 5000 }, (_, i) => `echo ${i}`);
    peer.send(...texts.map((text) => textFrame(text)));
    for (const text of texts) expect(await peer.text()).toBe(text);
  });

  it("is counted in stats, both ways, by messages and bytes of payload", async () => {
    const server = await start({ protocol: { rxBufferSize: 2 } });
    const { peer, wsi } = await server.pair();
    peer.send(textFrame("abc", { fin: false }), pingFrame("p"), moreFrame("de"), binaryFrame("f"));
    await server.until(() => server.received().join("") === "abcdef");
    wsi.write("é", WriteProtocol.TEXT | WriteProtocol.NO_FIN);
    wsi.write("x", WriteProtocol.CONTINUATION);
    wsi.ping("ping");
    expect(wsi.stats).toMatchObject({ bytesReceived: 6, messagesReceived: 2, bytesSent: 3, messagesSent: 1 });
    expect(wsi.stats.since).toBeLessThanOrEqual(Date.now());
    expect(wsi.stats.since).toBeGreaterThan(Date.now() - 60_000);
  });

  it("ends with the session: nothing comes after terminate() in the same read", async () => {
    const server = await start({ on: { RECEIVE: (wsi) => wsi.terminate() } });
    const peer = await server.open();
    peer.send(textFrame("a"), textFrame("b"), textFrame("c"));
    await server.nth("CLOSED");
    await rounds(10);
    expect(server.received()).toEqual(["a"]);
    expect(server.names().at(-1)).toBe("CLOSED");
  });
});
