import { CallbackReason, type Context } from "sluice";
import { type LwsMirrorOptions, lwsMirror } from "sluice/protocols";
import { describe, expect, it } from "vitest";
import { FakeWsi, fakeContext, text } from "./fake-wsi.ts";

const {
  BROADCAST,
  PROTOCOL_INIT,
  FILTER_PROTOCOL_CONNECTION,
  ESTABLISHED,
  RECEIVE,
  SERVER_WRITEABLE,
  TIMER,
  CLOSED,
} = CallbackReason;

function start(options?: LwsMirrorOptions): Context {
  const context = fakeContext();
  new FakeWsi(lwsMirror as never, context).call(PROTOCOL_INIT, options);
  return context;
}

function open(context: Context, query = ""): FakeWsi {
  const wsi = new FakeWsi(lwsMirror as never, context) as FakeWsi;
  wsi.query = query;
  wsi.call(FILTER_PROTOCOL_CONNECTION, ["lws-mirror-protocol"]);
  wsi.call(ESTABLISHED);
  return wsi;
}

const send = (wsi: FakeWsi, data: string) => wsi.call(RECEIVE, Buffer.from(data));
const sendMany = (wsi: FakeWsi, count: number) => {
  for (let i = 0; i < count; i += 1) send(wsi, String(i));
};
const flow = (wsi: FakeWsi) =>
  wsi.take().filter(([name]) => name === "rxFlowControl" || name === "setTimer" || name === "terminate");

/** A context on a bus, and what its mirror has broadcast. */
function startOnBus(): { context: Context; sent: Buffer[] } {
  const sent: Buffer[] = [];
  const broadcast = (protocol: unknown, data: Buffer, options: { filter: () => boolean }) => {
    expect([protocol, options.filter()]).toEqual([lwsMirror, false]);
    sent.push(data);
  };
  const context = Object.assign(fakeContext(), { busStats: {}, broadcast }) as Context;
  new FakeWsi(lwsMirror as never, context).call(PROTOCOL_INIT);
  return { context, sent };
}

describe("lws-mirror on a bus", () => {
  it("takes a message to the rooms of that name in other processes, once for all sessions", () => {
    const { context: here, sent } = startOnBus();
    const { context: there, sent: sentThere } = startOnBus();
    const others = [open(there, "mirror=a"), open(there, "mirror=a"), open(there, "mirror=b")];
    send(open(here, "mirror=a"), "hello");
    expect(sent).toHaveLength(1);
    for (const other of others) other.call(BROADCAST, sent[0]);
    for (const other of others) other.call(SERVER_WRITEABLE);
    expect(others.map((other) => other.takeText())).toEqual([["hello"], ["hello"], []]);
    expect(sentThere).toEqual([]);
  });

  it("drops what comes from afar when the room is full", () => {
    const { context: here, sent } = startOnBus();
    const { context: there } = startOnBus();
    const reader = open(there);
    const writer = open(here);
    for (let i = 0; i < 300; i++) {
      send(writer, String(i));
      writer.call(SERVER_WRITEABLE);
      reader.call(BROADCAST, sent[i]);
    }
    reader.call(SERVER_WRITEABLE);
    expect(reader.takeText()).toEqual(Array.from({ length: 256 }, (_, i) => String(i)));
  });
});

describe("lws-mirror", () => {
  it("sends each message to everybody, its sender included, when they can be written to", () => {
    const context = start();
    const [one, two] = [open(context), open(context)];
    send(one, "d #000000 1 2 3 4;");
    expect(one.take()).toEqual([["callbackOnWritable"]]);
    expect(two.take()).toEqual([["callbackOnWritable"]]);
    for (const wsi of [one, two]) {
      wsi.call(SERVER_WRITEABLE);
      expect(wsi.take()).toEqual([text("d #000000 1 2 3 4;")]);
    }
  });

  it("passes text as text and binary as binary, and keeps a copy of what it was given", () => {
    const wsi = open(start());
    wsi.piece.binary = true;
    const view = Buffer.from("bin");
    wsi.call(RECEIVE, view);
    view.fill(0);
    wsi.take();
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.take()).toEqual([["write", 1, "bin"]]);
  });

  it("begins at the head for a session that comes later", () => {
    const context = start();
    const one = open(context);
    send(one, "before");
    const two = open(context);
    send(one, "after");
    two.call(SERVER_WRITEABLE);
    expect(two.takeText()).toEqual(["after"]);
  });

  it("keeps rooms apart", () => {
    const context = start();
    const [here, there] = [open(context, "mirror=a"), open(context, "x=1&mirror=b")];
    send(here, "x");
    there.call(SERVER_WRITEABLE);
    expect(there.take()).toEqual([]);
  });

  it("writes as long as the connection takes it, and asks again for the rest", () => {
    const wsi = open(start());
    sendMany(wsi, 3);
    wsi.take();
    wsi.room = 2;
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.take()).toEqual([text("0"), text("1"), ["callbackOnWritable"]]);
    wsi.choked = false;
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.takeText()).toEqual(["2"]);
  });

  it("refuses a long name with 400 and one room too many with 503", () => {
    const context = start({ maxRooms: 1 });
    const refused = (query: string) => {
      const wsi = new FakeWsi(lwsMirror as never, context) as FakeWsi;
      wsi.query = query;
      wsi.call(FILTER_PROTOCOL_CONNECTION, []);
      return wsi.take();
    };
    expect(refused(`mirror=${"x".repeat(65)}`)).toEqual([["reject", 400]]);
    expect(refused("mirror=a")).toEqual([]);
    const first = open(context, "mirror=a");
    expect(refused("mirror=b")).toEqual([["reject", 503]]);
    expect(refused("mirror=a")).toEqual([]);
    first.call(CLOSED, { code: 1000, reason: "", wasClean: true });
    expect(refused("mirror=b")).toEqual([]);
  });

  describe("with a slow reader", () => {
    function crowd() {
      const context = start({ messages: 8, cutAfter: 3000 });
      const [fast, slow] = [open(context), open(context)];
      sendMany(fast, 6);
      return { context, fast, slow };
    }

    it("stops listening to everybody at the high mark", () => {
      const { context, fast, slow } = crowd();
      expect(flow(fast)).toEqual([
        ["rxFlowControl", false],
        ["setTimer", 3000],
      ]);
      expect(flow(slow)).toEqual([
        ["rxFlowControl", false],
        ["setTimer", 3000],
      ]);
      expect(flow(open(context))).toEqual([
        ["rxFlowControl", false],
        ["setTimer", 3000],
      ]);
    });

    it("listens again at the low mark", () => {
      const { fast, slow } = crowd();
      fast.call(SERVER_WRITEABLE);
      flow(fast);
      slow.room = 1;
      slow.call(SERVER_WRITEABLE);
      expect(flow(fast)).toEqual([]);
      slow.choked = false;
      slow.call(SERVER_WRITEABLE);
      expect(flow(fast)).toEqual([
        ["rxFlowControl", true],
        ["setTimer", -1],
      ]);
    });

    it("cuts the slowest when its time is over, and only that one", () => {
      const { fast, slow } = crowd();
      fast.call(SERVER_WRITEABLE);
      flow(fast);
      flow(slow);
      fast.call(TIMER);
      expect(flow(fast)).toEqual([["setTimer", 3000]]);
      slow.call(TIMER);
      expect(flow(slow)).toEqual([["terminate"]]);
      slow.call(CLOSED, { code: 1006, reason: "", wasClean: false });
      expect(flow(fast)).toEqual([
        ["rxFlowControl", true],
        ["setTimer", -1],
      ]);
    });

    it("still takes the longest message when the ring is just below its high mark", () => {
      const context = start({ bytes: 4 * 65_536 });
      const wsi = open(context);
      const longest = "x".repeat(65_536);
      for (let i = 0; i < 3; i += 1) send(wsi, longest);
      expect(flow(wsi)).toEqual([
        ["rxFlowControl", false],
        ["setTimer", 3000],
      ]);
      wsi.call(SERVER_WRITEABLE);
      expect(wsi.takeText()).toEqual([longest, longest, longest]);
    });
  });

  it.each([{ messages: 3 }, { bytes: 1000 }, { cutAfter: 0 }, { maxRooms: 0 }])("refuses %j", (options) => {
    expect(() => start(options)).toThrow(TypeError);
  });
});
