import { constants, inflateRawSync } from "node:zlib";
import { afterEach, beforeEach, expect, it } from "vitest";
import { History } from "../../../lib/base/history.ts";
import { Compressors } from "../../../lib/loop/epoll/compressors.ts";
import { loadZlib, type Zlib } from "../../../lib/loop/epoll/libc.ts";
import { Area, CHUNK, Output } from "../../../lib/loop/epoll/z-stream.ts";

const SETTINGS = { level: 6, memLevel: 8, windowBits: 15 };

let calls: Record<string, number>;
let compressors: Compressors;

/** zlib, with its calls counted. */
function counting(zlib: Zlib): Zlib {
  const counted = { ...zlib };
  for (const name of ["deflateInit", "deflateReset", "deflateSetDictionary", "deflateEnd"] as const) {
    calls[name] = 0;
    const call = zlib[name] as (...args: unknown[]) => number;
    Object.assign(counted, {
      [name]: (...args: unknown[]) => {
        calls[name]++;
        return call(...args);
      },
    });
  }
  return counted;
}

beforeEach(() => {
  calls = {};
  const zlib = counting(loadZlib());
  compressors = new Compressors({ zlib, input: new Area(zlib, CHUNK), output: new Output(zlib) });
});

afterEach(() => {
  compressors.end();
  expect(calls["deflateEnd"]).toBe(calls["deflateInit"]);
});

const send = (history: History | null, text = "some text", settings = SETTINGS): Buffer =>
  compressors.deflate(Buffer.from(text), history, settings);

const inflated = (compressed: Buffer, dictionary?: Buffer): string =>
  inflateRawSync(compressed, { finishFlush: constants.Z_SYNC_FLUSH, dictionary }).toString();

it("starts each message behind the end of its own history", () => {
  const histories = Array.from({ length: 5 }, () => new History(4096));
  for (let round = 0; round < 3; round++)
    for (const [n, history] of histories.entries()) {
      const dictionary = history.length === 0 ? undefined : Buffer.from(history.last(4096));
      expect(inflated(send(history, `of history ${n}`), dictionary)).toBe(`of history ${n}`);
    }
  expect(calls).toMatchObject({ deflateInit: 1, deflateReset: 15, deflateSetDictionary: 10 });
});

it("appends what it compressed to the history", () => {
  const history = new History(4096);
  send(history, "one, ");
  send(history, "two");
  expect(history.last(4096).toString()).toBe("one, two");
});

it("gives no message without a history a dictionary", () => {
  for (let i = 0; i < 5; i++) expect(inflated(send(null))).toBe("some text");
  expect(calls).toMatchObject({ deflateInit: 1, deflateReset: 5, deflateSetDictionary: 0 });
});

it("has one compressor for each of the settings, by their values", () => {
  for (let round = 0; round < 2; round++)
    for (const windowBits of [9, 12, 15]) send(null, "text", { ...SETTINGS, windowBits });
  expect(calls["deflateInit"]).toBe(3);
});

it("throws for settings that zlib does not know, and goes on with others", () => {
  expect(() => send(null, "text", { level: 6, memLevel: 8, windowBits: 77 })).toThrow(
    "deflateInit2_ failed: -2",
  );
  calls["deflateInit"]--;
  expect(inflated(send(null))).toBe("some text");
});
