import { expect, it } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import { closeFrame, parseFrames, pingFrame, textFrame } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type ServerOptions, startServer, type TestServer } from "../support/server.ts";

describeLoops("the end of a session", (loop) => {
  const start = (options: ServerOptions = {}) => startServer({ eventLoop: loop, ...options });

  it("closes with the code and text of closeReason after a nonzero return", async () => {
    const server = await start({
      on: {
        RECEIVE(wsi) {
          wsi.closeReason(4001, "enough");
          return -1;
        },
      },
    });
    const peer = await server.open();
    peer.send(textFrame("x"));
    expect(await peer.close()).toEqual({ code: 4001, reason: "enough" });
    peer.send(closeFrame(4001, "enough"));
    expect((await server.nth("CLOSED")).input).toEqual({ code: 4001, reason: "enough", wasClean: true });
  });

  it("forgets a closeReason that its own callback did not return nonzero with", async () => {
    const server = await start({
      on: {
        RECEIVE(wsi, input) {
          if (String(input) === "close") return 1;
          return wsi.closeReason(4001, "of another callback");
        },
      },
    });
    const peer = await server.open();
    peer.send(textFrame("x"), textFrame("close"));
    expect(await peer.close()).toEqual({ code: 1005, reason: "" });
  });

  it("closes with an empty Close after a nonzero return without closeReason", async () => {
    const server = await start({ on: { RECEIVE: () => 1 } });
    const peer = await server.open();
    peer.send(textFrame("x"));
    expect(await peer.close()).toEqual({ code: 1005, reason: "" });
  });

  it("answers the peer's Close when WS_PEER_INITIATED_CLOSE returns zero", async () => {
    const server = await start();
    const peer = await server.open();
    peer.send(closeFrame(3500, "bye"));
    expect(await peer.close()).toMatchObject({ code: 3500 });
    expect((await server.nth("WS_PEER_INITIATED_CLOSE")).input).toMatchObject({ code: 3500, reason: "bye" });
  });

  it("drops the connection without an answer when it returns nonzero", async () => {
    const server = await start({ on: { WS_PEER_INITIATED_CLOSE: () => 1 } });
    const peer = await server.open();
    peer.send(closeFrame(1000));
    expect(await peer.closed()).toHaveLength(0);
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1000, wasClean: false });
  });

  it("lets WS_PEER_INITIATED_CLOSE write before the answer", async () => {
    const server = await start({
      on: { WS_PEER_INITIATED_CLOSE: (wsi) => void wsi.write("last words", WriteProtocol.TEXT) },
    });
    const peer = await server.open();
    peer.send(closeFrame(1000));
    const frames = parseFrames(await peer.closed());
    expect(frames.map((each) => each.opcode)).toEqual([1, 8]);
  });

  it("tells in CLOSED how each session ended", async () => {
    const server = await start({ timeouts: { close: 1000 } });
    const ended = async (how: (pair: Awaited<ReturnType<TestServer["pair"]>>) => unknown) => {
      const count = server.all("CLOSED").length;
      await how(await server.pair());
      return (await server.nth("CLOSED", count + 1)).input;
    };
    const dropped = { code: 1006, reason: "", wasClean: false };
    const closing = (answer: Uint8Array) =>
      ended(async ({ peer, wsi }) => {
        wsi.close(4000, "done");
        expect(await peer.close()).toEqual({ code: 4000, reason: "done" });
        peer.send(answer);
      });
    expect(await closing(closeFrame(4000, "ok"))).toEqual({ code: 4000, reason: "ok", wasClean: true });
    expect(await closing(closeFrame())).toEqual({ code: 1005, reason: "", wasClean: true });
    expect(await closing(pingFrame())).toEqual(dropped);
    expect(await ended(({ peer }) => peer.send(closeFrame(1000, "bye")))).toMatchObject({ reason: "bye" });
    expect(await ended(({ peer }) => peer.end())).toEqual(dropped);
    expect(await ended(({ peer }) => peer.abort())).toEqual(dropped);
    expect(await ended(({ wsi }) => wsi.terminate())).toEqual(dropped);
    const failed = await ended(({ peer }) => peer.send(textFrame("x", { masked: false })));
    expect(failed).toMatchObject({ code: 1002, wasClean: false });
  });

  it("may be asked for while receiving is held, and the peer's answer is heard", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    wsi.rxFlowControl(false);
    wsi.close(1000, "held");
    expect(await peer.close()).toEqual({ code: 1000, reason: "held" });
    peer.send(closeFrame(1000));
    await rounds(10);
    wsi.rxFlowControl(true);
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1000, wasClean: true });
  });

  it("when both sides close at once is clean for both", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    peer.send(closeFrame(1000, "peer"));
    wsi.close(4000, "server");
    expect(await peer.close()).toEqual({ code: 4000, reason: "server" });
    expect(parseFrames(await peer.closed())).toEqual([]);
    expect((await server.nth("CLOSED")).input).toEqual({ code: 1000, reason: "peer", wasClean: true });
    expect(server.all("CLOSED")).toHaveLength(1);
  });

  it("brings the messages that were under way when this side began to close", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    wsi.close(1000);
    await peer.close();
    peer.send(textFrame("under way"), closeFrame(1000));
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1000, wasClean: true });
    expect(server.received()).toEqual(["under way"]);
  });
});
