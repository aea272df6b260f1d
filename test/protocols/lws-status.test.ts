import { CallbackReason } from "sluice";
import { echo, lwsStatus } from "sluice/protocols";
import { describe, expect, it } from "vitest";
import { Board, COUNT_EVERY, LOOK_EVERY } from "../../protocols/lws-status/board.ts";
import { FakeWsi, fakeContext } from "./fake-wsi.ts";

const { PROTOCOL_INIT, ESTABLISHED, TIMER, SERVER_WRITEABLE } = CallbackReason;

describe("Board", () => {
  it("tells about each session, whatever its protocol", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    sessions.push(new FakeWsi(echo, context));
    const board = new Board(context, 500);
    board.look(0);
    expect(JSON.parse(board.text)).toEqual([
      {
        address: "127.0.0.1",
        port: 50_000,
        protocol: "echo",
        userAgent: "fake/1.0",
        since: "1970-01-01T00:00:00.000Z",
        bytesReceived: 0,
        bytesSent: 0,
        messagesReceived: 0,
        messagesSent: 0,
      },
    ]);
  });

  it("sees a session come or go at the next look, but looks at most ten times a second", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    const board = new Board(context, 500);
    expect(board.look(0)).toBe(0);
    sessions.push(new FakeWsi(echo, context));
    expect(board.look(LOOK_EVERY - 1)).toBe(0);
    expect(board.look(LOOK_EVERY)).toBe(1);
    sessions.pop();
    expect(board.look(2 * LOOK_EVERY)).toBe(2);
    expect(board.text).toBe("[]");
  });

  it("counts anew only now and then, and makes no new edition when nothing has changed", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    const wsi = new FakeWsi(echo, context);
    sessions.push(wsi);
    const board = new Board(context, 500);
    expect(board.look(0)).toBe(1);
    wsi.stats.messagesSent = 1;
    expect(board.look(COUNT_EVERY - 1)).toBe(1);
    expect(board.look(COUNT_EVERY + LOOK_EVERY)).toBe(2);
    expect(board.look(3 * COUNT_EVERY)).toBe(2);
  });

  it("leaves out what is beyond its limit", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    for (let i = 0; i < 5; i += 1) sessions.push(new FakeWsi(echo, context));
    const board = new Board(context, 3);
    board.look(0);
    expect(JSON.parse(board.text)).toHaveLength(3);
  });
});

describe("lws-status", () => {
  it("sends the list on opening, and again only when it has changed", () => {
    const sessions: FakeWsi[] = [];
    const context = fakeContext(sessions);
    const wsi = new FakeWsi(lwsStatus as never, context) as FakeWsi;
    wsi.call(PROTOCOL_INIT, undefined);
    sessions.push(wsi);
    wsi.call(ESTABLISHED);
    expect(wsi.take()).toEqual([["callbackOnWritable"], ["setTimer", LOOK_EVERY]]);
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.takeText()).toHaveLength(1);
    wsi.call(TIMER);
    expect(wsi.take()).toEqual([["setTimer", LOOK_EVERY]]);
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.takeText()).toEqual([]);
  });
});
