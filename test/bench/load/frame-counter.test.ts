import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FrameCounter } from "../../../bench/load/frame-counter.ts";

/** A server's frame. */
function frame(first: number, length: number): Buffer {
  const header =
    length < 126
      ? Buffer.from([first, length])
      : length < 65_536
        ? Buffer.from([first, 126, length >> 8, length & 255])
        : Buffer.from([
            first,
            127,
            0,
            0,
            0,
            0,
            length >>> 24,
            (length >> 16) & 255,
            (length >> 8) & 255,
            length & 255,
          ]);
  // The payload looks like headers, for whoever would take it for such.
  return Buffer.concat([header, Buffer.alloc(length, Buffer.from("817e0001", "hex"))]);
}

const feed = (counter: FrameCounter, bytes: Uint8Array) => counter.feed(bytes, 0, bytes.length);

describe("FrameCounter", () => {
  test("counts short frames that come together", () => {
    const counter = new FrameCounter();
    expect(feed(counter, Buffer.from("810161 8100 82026162".replaceAll(" ", ""), "hex"))).toBe(3);
    expect(counter.payloadBytes).toBe(3);
  });

  test("looks at the given range only", () => {
    const bytes = Buffer.from("ffff 810161 ffff".replaceAll(" ", ""), "hex");
    expect(new FrameCounter().feed(bytes, 2, 5)).toBe(1);
  });

  test("counts a message in fragments once, at its end", () => {
    const counter = new FrameCounter();
    expect(feed(counter, frame(0x01, 200))).toBe(0);
    expect(feed(counter, frame(0x00, 0))).toBe(0);
    expect(feed(counter, frame(0x80, 5))).toBe(1);
    expect(counter.payloadBytes).toBe(205);
  });

  test("does not take pings, pongs and Close for messages", () => {
    const counter = new FrameCounter();
    expect(feed(counter, Buffer.concat([frame(0x89, 4), frame(0x8a, 0), frame(0x88, 2)]))).toBe(0);
    expect(counter.controls).toBe(3);
    expect(counter.payloadBytes).toBe(0);
  });

  test("reads the two longer forms of the length", () => {
    const counter = new FrameCounter();
    expect(feed(counter, Buffer.concat([frame(0x82, 126), frame(0x82, 65_535), frame(0x82, 65_536)]))).toBe(
      3,
    );
    expect(counter.payloadBytes).toBe(126 + 65_535 + 65_536);
  });

  const stream = Buffer.concat([
    frame(0x81, 0),
    frame(0x81, 20),
    frame(0x89, 3),
    frame(0x01, 125),
    frame(0x80, 126),
    frame(0x82, 300),
    frame(0x81, 0),
  ]);

  test("counts the same, cut at every offset", () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const counter = new FrameCounter();
      const messages = counter.feed(stream, 0, cut) + counter.feed(stream, cut, stream.length);
      expect([cut, messages, counter.payloadBytes, counter.controls]).toEqual([cut, 5, 571, 1]);
    }
  });

  test("counts the same byte by byte", () => {
    const counter = new FrameCounter();
    let messages = 0;
    for (let i = 0; i < stream.length; i++) messages += counter.feed(stream, i, i + 1);
    expect([messages, counter.payloadBytes]).toEqual([5, 571]);
  });

  test("counts the same in any cuts, with long frames too", () => {
    const long = Buffer.concat([frame(0x82, 65_536), frame(0x81, 1), frame(0x82, 65_535), frame(0x81, 0)]);
    fc.assert(
      fc.property(fc.array(fc.nat(long.length), { maxLength: 20 }), (cuts) => {
        const counter = new FrameCounter();
        let at = 0;
        let messages = 0;
        for (const cut of [...cuts.sort((a, b) => a - b), long.length]) {
          messages += counter.feed(long, at, cut);
          at = cut;
        }
        expect([messages, counter.payloadBytes]).toEqual([4, 131_072]);
      }),
    );
  });
});
