import { describe, expect, it } from "vitest";
import { CallbackReason, type Extension, permessageDeflate, WriteProtocol } from "../../lib/index.ts";
import { reversing } from "../support/extension.ts";
import { textFrame, upgradeRequest } from "../support/frames.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

const { TEXT, BINARY, NO_COMPRESS, NO_FIN, CONTINUATION } = WriteProtocol;
const offering = (value: string) => ({ headers: { "Sec-WebSocket-Extensions": value } });

describeLoops("extensions", (loop) => {
  const start = (extensions: readonly Extension[], options: ServerOptions = {}) =>
    startServer({ eventLoop: loop, extensions, protocol: { wholeMessages: true }, ...options });

  it("are agreed on when the client offers them, and say so in the 101", async () => {
    const server = await start([reversing()]);
    const offers: [string, string | undefined][] = [
      ["x-reverse", "x-reverse; toy"],
      ["foo, x-reverse; a=1, bar", "x-reverse; toy"],
      ["X-Reverse", undefined],
      ["foo; bar=1", undefined],
      ["__proto__, constructor; toString", undefined],
    ];
    for (const [offer, answer] of offers) {
      const peer = await server.open(offering(offer));
      expect(peer.reply!.headers["sec-websocket-extensions"], offer).toBe(answer);
    }
  });

  it("are not spoken of when nobody offers them", async () => {
    const peer = await (await start([reversing()])).open();
    expect(peer.reply!.headers).not.toHaveProperty("sec-websocket-extensions");
  });

  it("are passed over in silence by a server that has none", async () => {
    const peer = await (await start([])).open(offering("permessage-deflate; client_max_window_bits"));
    expect(peer.reply!.headers).not.toHaveProperty("sec-websocket-extensions");
  });

  it.each(["x-reverse;", "x reverse", "a; b=", 'a; b="', 'a; b="c d"', "=", ""])(
    'answer a list that breaks the grammar with 400: "%s" (section 9.1)',
    async (value) => {
      const server = await start([reversing()]);
      expect((await server.ask(upgradeRequest(offering(value)))).status).toBe(400);
    },
  );

  it("change what is sent and what arrives, but not what is written plain", async () => {
    const server = await start([reversing()]);
    const { peer, wsi } = await server.pair(offering("x-reverse"));
    expect(wsi.write("Hello", TEXT)).toBe(5);
    expect(wsi.write("Hello", TEXT | NO_COMPRESS)).toBe(5);
    wsi.write(Buffer.from("Hel"), BINARY | NO_FIN);
    wsi.write(Buffer.from("lo"), CONTINUATION);
    const frames = await peer.frames(4);
    expect(frames.map(({ rsv, payload }) => `${rsv} ${payload}`)).toEqual([
      "4 olleH",
      "0 Hello",
      "4 leH",
      "0 ol",
    ]);
    peer.send(textFrame("olleH", { rsv: 4 }), textFrame("Hello"));
    await server.nth("RECEIVE", 2);
    expect(server.received()).toEqual(["Hello", "Hello"]);
    expect(wsi.stats).toMatchObject({ messagesSent: 3, bytesSent: 15, bytesReceived: 10 });
  });

  it("take NO_COMPRESS without effect where a session has none", async () => {
    const { peer, wsi } = await (await start([])).pair();
    expect(wsi.write("plain", TEXT | NO_COMPRESS)).toBe(5);
    expect(await peer.frame()).toMatchObject({ rsv: 0, payload: Buffer.from("plain") });
  });

  it("that throw at an offer cost that client its upgrade, and nobody else anything", async () => {
    const broken = reversing();
    const server = await start([
      {
        ...broken,
        accept(offers) {
          if (offers[0].has("boom")) throw new Error("oops");
          return broken.accept(offers);
        },
      },
    ]);
    expect((await server.ask(upgradeRequest(offering("x-reverse; boom")))).status).toBe(500);
    expect(server.log.join("\n")).toMatch(/error an extension threw at its offers: Error: oops/);
    await server.open(offering("x-reverse"));
  });

  it("that throw at a message cost that session 1011, and nobody else anything", async () => {
    const decode = () => {
      throw new Error("oops");
    };
    const server = await start([reversing({ session: { decode } })]);
    const other = await server.open();
    const peer = await server.open(offering("x-reverse"));
    peer.send(textFrame("x", { rsv: 4 }));
    expect(await peer.close()).toMatchObject({ code: 1011 });
    expect(server.log.join("\n")).toMatch(/error an extension threw: Error: oops/);
    expect((await server.nth("CLOSED")).input).toMatchObject({ code: 1011, wasClean: false });
    other.send(textFrame("fine"));
    await server.nth("RECEIVE");
  });

  it("that throw when a session ends cost nobody CLOSED, nor the next client its place", async () => {
    const close = () => {
      throw new Error("oops");
    };
    const server = await start([reversing({ session: { close } })], { maxConnections: 2 });
    for (let i = 1; i <= 5; i++) {
      const peer = await server.open(offering("x-reverse"));
      await peer.drop();
      expect((await server.nth("CLOSED", i)).input).toMatchObject({ code: 1006 });
      while ([...server.context.sessions()].length > 0) await new Promise((resolve) => setImmediate(resolve));
    }
  });

  it("that throw at a message to be sent cost that session 1011, and write says so", async () => {
    const encode = () => {
      throw new Error("oops");
    };
    const server = await start([reversing({ session: { encode } })]);
    const { peer, wsi } = await server.pair(offering("x-reverse"));
    expect(wsi.write("Hello", TEXT)).toBe(-1);
    expect(await peer.close()).toMatchObject({ code: 1011 });
    expect(wsi.stats.messagesSent).toBe(0);
  });

  it("are not ADD_HEADERS's to say anything about", async () => {
    for (const name of ["Sec-WebSocket-Extensions", "sec-websocket-accept", "Upgrade", "connection"]) {
      const server = await start([reversing()], {
        on: { ADD_HEADERS: (_wsi, add: (name: string, value: string) => void) => add(name, "x") },
      });
      expect((await server.ask(upgradeRequest(offering("x-reverse")))).status).toBe(500);
      expect(server.log.join("\n")).toContain(`ADD_HEADERS: ${name} is the handshake's to set in a 101`);
    }
  });

  it("hold back a message amid its pieces, and go on where they stopped", async () => {
    const server = await start([reversing()], {
      protocol: { rxBufferSize: 2 },
      on: {
        RECEIVE(wsi) {
          wsi.rxFlowControl(false);
          wsi.setTimer(0);
        },
        TIMER: (wsi) => wsi.rxFlowControl(true),
      },
    });
    const peer = await server.open(offering("x-reverse"));
    peer.send(textFrame("54321", { rsv: 4 }), textFrame("next"));
    await server.nth("RECEIVE", 5);
    expect(server.received()).toEqual(["12", "34", "5", "ne", "xt"]);
    expect(server.all("RECEIVE").map(({ piece }) => piece)).toMatchObject([
      { first: true, final: false, remaining: 3 },
      { first: false, final: false, remaining: 1 },
      { first: false, final: true, remaining: 0 },
      { first: true, final: false },
      { first: false, final: true },
    ]);
    expect(server.all("TIMER").length).toBeGreaterThan(0);
  });

  it("answer no plain request, and a refused upgrade names none", async () => {
    const server = await start([permessageDeflate()], { on: { FILTER_PROTOCOL_CONNECTION: () => 1 } });
    const reply = await server.ask(upgradeRequest(offering("permessage-deflate")));
    expect(reply.status).toBe(403);
    expect(reply.headers).not.toHaveProperty("sec-websocket-extensions");
    expect(server.all(String(CallbackReason.ESTABLISHED))).toEqual([]);
  });
});

describe("the option extensions", () => {
  const refusal = (extensions: unknown) =>
    expect(startServer({ eventLoop: "node", extensions: extensions as Extension[] })).rejects;

  it("takes a list of extensions, each with a name, a reserved bit and its methods", async () => {
    await refusal("permessage-deflate").toThrow(/^extensions: has to be a list/);
    await refusal(["permessage-deflate"]).toThrow(/^extensions\[0\]: has to be an extension/);
    await refusal([permessageDeflate]).toThrow(/^extensions\[0\]/);
    await refusal([reversing({ name: "a b" })]).toThrow(/^extensions\[0\]\.name: has to be a token/);
    await refusal([reversing({ rsv: 0x80 })]).toThrow(/^extensions\[0\]\.rsv/);
    await refusal([reversing(), reversing()]).toThrow(/^extensions: two are named "x-reverse"/);
  });
});
