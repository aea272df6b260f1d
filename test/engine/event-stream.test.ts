import { describe, expect, it } from "vitest";
import type { EventStream, EventStreamOptions, Wsi } from "../../lib/api.ts";
import { commentText, eventText } from "../../lib/engine/event-stream.ts";
import { httpRequest } from "../support/frames.ts";
import { rounds } from "../support/raw.ts";
import { describeLoops, type ServerOptions, startServer } from "../support/server.ts";

describe("the text of an event", () => {
  it.each([
    [{ data: "x" }, "data: x\n\n"],
    [{ data: "" }, "data: \n\n"],
    [{ data: "a\nb\r\nc\rd" }, "data: a\ndata: b\ndata: c\ndata: d\n\n"],
    [{ data: " :x\0" }, "data:  :x\0\n\n"],
    [{ event: "tick", id: "7", data: "x" }, "event: tick\nid: 7\ndata: x\n\n"],
    [{ id: "", data: "x" }, "id: \ndata: x\n\n"],
  ])("of %j is %j", (event, text) => {
    expect(eventText(event)).toBe(text);
  });

  it.each([
    { event: "a\nb", data: "" },
    { event: "a\rb", data: "" },
    { id: "a\nb", data: "" },
    { id: "a\0b", data: "" },
    { id: 5 as unknown as string, data: "" },
    { data: undefined as unknown as string },
  ])("cannot be made of %j", (event) => {
    expect(() => eventText(event)).toThrow(TypeError);
  });

  it("of a comment has a colon in front of each line", () => {
    expect(commentText("a\r\nb")).toBe(": a\n: b\n\n");
  });
});

describeLoops("eventStream", (loop) => {
  const start = async (options?: EventStreamOptions, context: ServerOptions = {}) => {
    const streams: EventStream[] = [];
    const open = (wsi: Wsi) => void streams.push(wsi.eventStream(options));
    const server = await startServer({ eventLoop: loop, ...context, on: { HTTP: open } });
    return { server, streams };
  };
  const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

  it("sends a head, events and comments, and ends in order; the connection is kept", async () => {
    const { server, streams } = await start({
      retry: 3000,
      headers: { "X-A": "1", "Content-Type": "text/wrong" },
    });
    const peer = await server.connect();
    peer.send(httpRequest());
    const { headers } = await peer.head();
    expect(headers).toMatchObject({
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-a": "1",
    });
    const [events] = streams;
    expect(events.send({ event: "tick", id: "ä", data: "1\n2" })).toBe(true);
    expect(events.comment("hm")).toBe(true);
    events.close();
    expect(events.send({ data: "late" })).toBe(false);
    expect(events.comment("late")).toBe(false);
    events.close();
    await events.closed;
    const expected = ["retry: 3000\n\n", "event: tick\nid: ä\ndata: 1\ndata: 2\n\n", ": hm\n\n"]
      .map(chunk)
      .join("");
    expect(String(await peer.until("0\r\n\r\n"))).toBe(`${expected}0\r\n\r\n`);
    peer.send(httpRequest());
    expect((await peer.head()).status).toBe(200);
  });

  it("gives the client's last identifier as UTF-8, and an empty one without", async () => {
    const { server, streams } = await start();
    for (const headers of [{ "Last-Event-ID": "7-ä" }, {}]) {
      const peer = await server.connect();
      peer.send(httpRequest({ headers }));
      await peer.head();
    }
    expect(streams.map(({ lastEventId }) => lastEventId)).toEqual(["7-ä", ""]);
  });

  it("goes to HTTP/1.0 until the connection ends", async () => {
    const { server, streams } = await start();
    const peer = await server.connect();
    peer.send("GET / HTTP/1.0\r\n\r\n");
    await peer.head();
    streams[0].send({ data: "x" });
    streams[0].close();
    expect(String(await peer.closed())).toBe("data: x\n\n");
  });

  it("has its head only for HEAD", async () => {
    const { server, streams } = await start();
    const peer = await server.connect();
    peer.send(httpRequest({ method: "HEAD" }), httpRequest());
    expect((await peer.head()).headers["content-type"]).toBe("text/event-stream");
    expect((await peer.head()).status).toBe(200);
    await streams[0].closed;
    expect(streams[0].send({ data: "x" })).toBe(false);
  });

  it("sends to several clients at once, each its own", async () => {
    const { server, streams } = await start();
    const peers = await Promise.all([server.connect(), server.connect(), server.connect()]);
    for (const [i, peer] of peers.entries()) {
      peer.send(httpRequest());
      await peer.head();
      expect(streams).toHaveLength(i + 1);
    }
    for (const [i, events] of streams.entries()) events.send({ data: String(i) });
    for (const [i, peer] of peers.entries()) {
      expect(String(await peer.until("\n\n\r\n"))).toBe(chunk(`data: ${i}\n\n`));
    }
  });

  it("is kept alive by comments while nothing else is sent", async () => {
    const { server, streams } = await start({ keepAlive: 20 });
    const peer = await server.connect();
    peer.send(httpRequest());
    await peer.head();
    expect(String(await peer.until("\n\n\r\n"))).toBe(chunk(":\n\n"));
    expect(String(await peer.until("\n\n\r\n"))).toBe(chunk(":\n\n"));
    streams[0].close();
  });

  it("outlasts the time that a reply has", async () => {
    const { server, streams } = await start({ keepAlive: 0 }, { timeouts: { reply: 20, body: 20 } });
    const peer = await server.connect();
    peer.send(httpRequest());
    await peer.head();
    await new Promise((resolve) => setTimeout(resolve, 100));
    streams[0].send({ data: "x" });
    expect(String(await peer.until("\n\n\r\n"))).toBe(chunk("data: x\n\n"));
  });

  it.each(["drops the connection", "ends it"])("is over when the client %s", async (how) => {
    const { server, streams } = await start();
    const peer = await server.connect();
    peer.send(httpRequest());
    await peer.head();
    if (how === "ends it") peer.end();
    else peer.abort();
    await streams[0].closed;
    expect(streams[0].send({ data: "x" })).toBe(false);
    expect(streams[0].bufferedAmount).toBe(0);
    await server.nth("CLOSED_HTTP");
  });

  it("ends in order when the server goes away", async () => {
    const { server, streams } = await start();
    const peer = await server.connect();
    peer.send(httpRequest());
    await peer.head();
    streams[0].send({ data: "last" });
    const destroyed = server.context.destroy();
    expect(String(await peer.closed())).toBe(`${chunk("data: last\n\n")}0\r\n\r\n`);
    await streams[0].closed;
    await destroyed;
  });

  it("drops a client that does not read, over maxBufferedBytes", async () => {
    const { server, streams } = await start({}, { maxBufferedBytes: 100_000 });
    const peer = await server.connect();
    peer.pause();
    peer.send(httpRequest());
    await server.nth("HTTP");
    const data = "x".repeat(100_000);
    let most = 0;
    while (streams[0].send({ data })) {
      most = Math.max(most, streams[0].bufferedAmount);
      await rounds(1);
    }
    expect(most).toBeLessThan(400_000);
    await streams[0].closed;
    await server.nth("CLOSED_HTTP");
  });

  it("throws for what it cannot send, and leaves the request to be answered", async () => {
    const bad = [
      { retry: -1 },
      { retry: 0.5 },
      { keepAlive: Number.NaN },
      { keepAlive: 2 ** 31 },
      { headers: { "x bad": "1" } },
    ];
    const thrown: unknown[] = [];
    const server = await startServer({
      eventLoop: loop,
      on: {
        HTTP(wsi) {
          for (const options of bad) {
            try {
              wsi.eventStream(options);
            } catch (error) {
              thrown.push(error);
            }
          }
          wsi.httpReply(400);
        },
      },
    });
    expect((await server.ask(httpRequest())).status).toBe(400);
    expect(thrown.map((error) => error instanceof TypeError)).toEqual(bad.map(() => true));
  });
});
