import { expect, it } from "vitest";
import { WriteProtocol, type Wsi } from "../../lib/api.ts";
import { closeFrame, pingFrame, textFrame } from "../support/frames.ts";
import { hex, rounds } from "../support/raw.ts";
import { describeLoops, startServer } from "../support/server.ts";

// What frames do is in frames.test.ts, what write does in sending.test.ts; here are the rules by which a session joins
// its link, its timer and its callback.

const { TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG, NO_FIN } = WriteProtocol;

describeLoops("a connection that is a session", (loop) => {
  type Hooks = NonNullable<Parameters<typeof startServer>[0]["on"]>;
  const start = (on: Hooks = {}) => startServer({ eventLoop: loop, on });

  it.each([
    ["TEXT", TEXT, "81 01 78"],
    ["BINARY", BINARY, "82 01 78"],
    ["TEXT | NO_FIN", TEXT | NO_FIN, "01 01 78"],
    ["BINARY | NO_FIN", BINARY | NO_FIN, "02 01 78"],
    ["PING", PING, "89 01 78"],
    ["PONG", PONG, "8a 01 78"],
  ])("writes %s as its frame", async (_name, mode, bytes) => {
    const { peer, wsi } = await (await start()).pair();
    expect(wsi.write("x", mode)).toBe(1);
    expect(await peer.bytes(3)).toEqual(hex(bytes));
  });

  it.each([
    WriteProtocol.HTTP,
    WriteProtocol.HTTP_FINAL,
    PING | NO_FIN,
    CLOSE | NO_FIN,
    8,
    0x43,
    -1,
    1.5,
    2 ** 32,
  ])("throws a TypeError for the mode %s, and writes nothing", async (mode) => {
    const { peer, wsi } = await (await start()).pair();
    expect(() => wsi.write("x", mode)).toThrow(TypeError);
    wsi.write("y", TEXT);
    expect(await peer.bytes(3)).toEqual(hex("81 01 79"));
  });

  it.each([5, null, undefined, {}, [1]])("throws a TypeError for the data %j", async (data) => {
    const { wsi } = await (await start()).pair();
    for (const mode of [TEXT, BINARY, PING, CLOSE])
      expect(() => wsi.write(data as unknown as string, mode)).toThrow(TypeError);
    expect(wsi.state).toBe("ESTABLISHED");
  });

  it("tells its state: ESTABLISHED, CLOSING from its Close on, CLOSED", async () => {
    const server = await start();
    const { peer, wsi } = await server.pair();
    const states = [wsi.state];
    wsi.close(1000);
    states.push(wsi.state);
    expect(wsi.write("x", TEXT)).toBe(-1);
    peer.send(closeFrame(1000));
    states.push((await server.nth("CLOSED")).wsi.state);
    expect(states).toEqual(["ESTABLISHED", "CLOSING", "CLOSED"]);
  });

  it("tells CLOSED after the callback that ended it has returned, and once", async () => {
    const order: string[] = [];
    const server = await start({
      RECEIVE: (wsi) => {
        wsi.terminate();
        order.push("RECEIVE is over");
      },
      CLOSED: () => void order.push("CLOSED"),
    });
    const { peer } = await server.pair();
    peer.send(textFrame("a"), textFrame("b"));
    await server.nth("CLOSED");
    await server.destroy();
    expect(order.at(-1)).toBe("CLOSED");
    expect(order.filter((each) => each === "CLOSED")).toHaveLength(1);
  });

  it("receives nothing more for a user who returned nonzero, but waits for the peer's Close", async () => {
    const server = await start({ RECEIVE: () => 1 });
    const { peer } = await server.pair();
    peer.send(textFrame("a"), textFrame("b"), pingFrame());
    expect(await peer.close()).toEqual({ code: 1005, reason: "" });
    peer.send(textFrame("c"), closeFrame(1000));
    const { input } = await server.nth("CLOSED");
    expect(input).toEqual({ code: 1000, reason: "", wasClean: true });
    expect(server.received()).toEqual(["a"]);
  });

  it("counts messages and payload both ways, and no control frames", async () => {
    const server = await start({ RECEIVE: (wsi, input) => void wsi.write(input, BINARY) });
    const { peer, wsi } = await server.pair();
    peer.send(
      textFrame("one"),
      textFrame("tw", { fin: false }),
      pingFrame("ping"),
      textFrame("o", { opcode: 0 }),
    );
    await peer.frames(4);
    expect(wsi.stats).toMatchObject({ bytesReceived: 6, messagesReceived: 2, bytesSent: 6, messagesSent: 3 });
    expect(Math.abs(wsi.stats.since - Date.now())).toBeLessThan(60_000);
    wsi.write("a", TEXT | NO_FIN);
    expect(wsi.stats.messagesSent).toBe(3);
    wsi.write("b", CONTINUATION);
    expect(wsi.stats).toMatchObject({ bytesSent: 8, messagesSent: 4 });
  });

  it("row 39: answers a thousand pings that come at once to a peer that reads", async () => {
    const server = await start();
    const { peer } = await server.pair();
    const ping = pingFrame(Buffer.alloc(125, "p"));
    peer.send(...Array<Buffer>(1000).fill(ping));
    for (const { opcode, payload } of await peer.frames(1000)) {
      expect(opcode).toBe(10);
      expect(payload).toHaveLength(125);
    }
  });

  it("echoes from where the message stands, fragments and large messages too", async () => {
    const server = await start({
      RECEIVE: (wsi, input) => {
        const first = wsi.isFirstFragment() ? BINARY : CONTINUATION;
        wsi.write(input, wsi.isFinalFragment() ? first : first | NO_FIN);
      },
    });
    const { peer } = await server.pair();
    const payload = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 13) & 255));
    peer.send(textFrame(payload, { opcode: 2 }), textFrame("end"));
    const parts: Buffer[] = [];
    for (let fin = false; !fin; ) {
      const frame = await peer.frame();
      parts.push(frame.payload);
      fin = frame.fin;
    }
    expect(Buffer.concat(parts).equals(payload)).toBe(true);
    expect(await peer.text()).toBe("end");
  });

  it("goes on sending what a callback wrote as soon as a slow reader reads, with nothing else to wake the loop", async () => {
    const reply = Buffer.alloc(14_000_000);
    const server = await startServer({
      eventLoop: loop,
      timeouts: { ping: 600_000, head: 600_000 },
      on: { RECEIVE: (wsi) => void wsi.write(reply, BINARY) },
    });
    const { peer } = await server.pair();
    peer.pause();
    peer.send(textFrame("x"));
    await server.nth("RECEIVE");
    await rounds(100);
    peer.resume();
    expect((await peer.frame()).payload).toHaveLength(reply.length);
  });

  it("that is held and closed by its user still comes to its end", async () => {
    const server = await start({ RECEIVE: (wsi: Wsi) => wsi.rxFlowControl(false) });
    const { peer, wsi } = await server.pair();
    peer.send(textFrame("a"), textFrame("b"), textFrame("c"));
    await server.nth("RECEIVE");
    wsi.terminate();
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1006, wasClean: false });
    expect(server.received()).toEqual(["a"]);
  });
});
