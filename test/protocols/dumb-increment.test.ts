import { CallbackReason, type Context } from "sluice";
import { type DumbIncrementOptions, dumbIncrement } from "sluice/protocols";
import { describe, expect, it } from "vitest";
import { FakeWsi, fakeContext, text } from "./fake-wsi.ts";

const { PROTOCOL_INIT, ESTABLISHED, TIMER, SERVER_WRITEABLE, RECEIVE } = CallbackReason;

function start(options?: DumbIncrementOptions): Context {
  const context = fakeContext();
  new FakeWsi(dumbIncrement, context).call(PROTOCOL_INIT, options);
  return context;
}

function open(context = start()): FakeWsi<{ number: number; sent: number }> {
  const wsi = new FakeWsi(dumbIncrement as never, context) as FakeWsi<{ number: number; sent: number }>;
  wsi.call(ESTABLISHED);
  return wsi;
}

describe("dumb-increment", () => {
  it("asks for writability at each tick of its own timer and writes only then", () => {
    const wsi = open();
    expect(wsi.take()).toEqual([["setTimer", 50]]);
    wsi.call(TIMER);
    expect(wsi.take()).toEqual([["callbackOnWritable"], ["setTimer", 50]]);
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.take()).toEqual([text("0")]);
  });

  it("counts for each session on its own", () => {
    const context = start();
    const [one, two] = [open(context), open(context)];
    for (let i = 0; i < 3; i += 1) one.call(SERVER_WRITEABLE);
    two.call(SERVER_WRITEABLE);
    expect(one.takeText()).toEqual(["0", "1", "2"]);
    expect(two.takeText()).toEqual(["0"]);
  });

  it("starts again at zero after reset", () => {
    const wsi = open();
    wsi.call(SERVER_WRITEABLE);
    wsi.call(RECEIVE, Buffer.from("reset\n"));
    wsi.call(SERVER_WRITEABLE);
    expect(wsi.takeText()).toEqual(["0", "0"]);
  });

  it("closes with 1001 seeya when it is asked to", () => {
    const wsi = open();
    wsi.take();
    expect(wsi.call(RECEIVE, Buffer.from("closeme\n"))).toBe(-1);
    expect(wsi.take()).toEqual([["closeReason", 1001, "seeya"]]);
  });

  it.each(["", "reset", "reset\n\n", "RESET\n", "closeme", "\0"])("ignores %j", (data) => {
    const wsi = open();
    wsi.call(SERVER_WRITEABLE);
    wsi.take();
    expect(wsi.call(RECEIVE, Buffer.from(data))).toBe(0);
    expect(wsi.take()).toEqual([]);
  });

  it("closes after closeAfter numbers, whatever was reset", () => {
    const wsi = open(start({ closeAfter: 3 }));
    wsi.call(SERVER_WRITEABLE);
    wsi.call(SERVER_WRITEABLE);
    wsi.call(RECEIVE, Buffer.from("reset\n"));
    expect(wsi.call(SERVER_WRITEABLE)).toBe(0);
    expect(wsi.takeText()).toEqual(["0", "1", "0"]);
    expect(wsi.call(SERVER_WRITEABLE)).toBe(-1);
    expect(wsi.take()).toEqual([["closeReason", 1000, "close test"]]);
  });

  it("keeps the options of two contexts apart", () => {
    const [fast, slow] = [start({ interval: 10 }), start({ interval: 1000 })];
    expect(open(fast).take()).toEqual([["setTimer", 10]]);
    expect(open(slow).take()).toEqual([["setTimer", 1000]]);
  });

  it.each([{ interval: 0 }, { interval: Number.NaN }, { closeAfter: -1 }])("refuses %j", (options) => {
    expect(() => start(options)).toThrow(TypeError);
  });
});
