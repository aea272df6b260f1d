import { describe, expect, it } from "vitest";
import { type Context, type Protocol, WriteProtocol, type Wsi } from "../../lib/api.ts";
import { ContextWsi } from "../../lib/engine/context-wsi.ts";

const context = { port: 1 } as Context;
const protocol: Protocol = { name: "mine", callback() {} };
const wsi: Wsi = new ContextWsi(context, protocol);

describe("the wsi of a callback that concerns no connection", () => {
  it("tells the context and the protocol", () => {
    expect(wsi.context).toBe(context);
    expect(wsi.getProtocol()).toBe(protocol);
  });

  it("is closed, and has nothing of a request or a peer", () => {
    expect(wsi).toMatchObject({ state: "CLOSED", method: "", uri: "", query: "", protocolsAsked: [] });
    expect(wsi).toMatchObject({ remoteAddress: "", remotePort: 0, secure: false, bufferedAmount: 0 });
    expect(Object.keys(wsi.headers)).toEqual([]);
    expect(wsi.headers["constructor"]).toBeUndefined();
    expect(wsi.getSocketFd()).toBe(-1);
    expect(wsi.stats).toMatchObject({ bytesSent: 0, messagesReceived: 0 });
  });

  it("takes nothing that is written", () => {
    expect(wsi.write("x", WriteProtocol.TEXT)).toBe(-1);
    expect(wsi.ping()).toBe(-1);
    expect(wsi.sendPipeChoked()).toBe(false);
  });

  it("has no piece of a message", () => {
    expect(wsi.remainingPacketPayload()).toBe(0);
    expect([wsi.isFirstFragment(), wsi.isFinalFragment(), wsi.frameIsBinary()]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it("may be closed and asked for, as one whose connection has ended", () => {
    wsi.callbackOnWritable();
    wsi.rxFlowControl(false);
    wsi.close(1000, "x");
    wsi.closeReason(1000);
    wsi.terminate();
    expect(wsi.state).toBe("CLOSED");
  });

  it.each([
    ["setTimer", () => wsi.setTimer(5)],
    ["reject", () => wsi.reject(403)],
    ["httpReply", () => wsi.httpReply(200)],
    ["redirect", () => wsi.redirect(301, "/")],
    ["serveHttpFile", () => wsi.serveHttpFile("x")],
    ["writeHttpHeaders", () => wsi.writeHttpHeaders(200)],
    ["readMultipart", () => wsi.readMultipart()],
    ["bodyStream", () => wsi.bodyStream()],
    ["replyStream", () => wsi.replyStream(200)],
    ["eventStream", () => wsi.eventStream()],
  ])("throws ERR_NO_CONNECTION for %s, which would never have an effect", (name, act) => {
    expect(act).toThrow(expect.objectContaining({ code: "ERR_NO_CONNECTION" }));
    expect(act).toThrow(new RegExp(`^${name}: `));
  });

  it.each([
    ["readBody", () => wsi.readBody()],
    ["readJson", () => wsi.readJson()],
    ["readForm", () => wsi.readForm()],
  ])("rejects with it for %s", async (name, act) => {
    await expect(act()).rejects.toMatchObject({
      code: "ERR_NO_CONNECTION",
      message: expect.stringContaining(name),
    });
  });
});
