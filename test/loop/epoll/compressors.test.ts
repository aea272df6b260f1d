import { inflateRawSync } from "node:zlib";
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

function send(history: History | null, text = "some text", settings = SETTINGS): Buffer {
  const data = Buffer.from(text);
  const compressor = compressors.take(history, settings);
  const compressed = compressor.compress(data);
  if (history !== null) {
    history.append(data, 0, data.length);
    compressor.version = history.version;
  }
  return compressed;
}

const histories = (count: number) => Array.from({ length: count }, () => new History(4096));

it("goes on with a history that nothing else was added to, without a dictionary", () => {
  const few = histories(3);
  for (let i = 0; i < 5; i++) for (const history of few) send(history);
  expect(calls).toMatchObject({ deflateInit: 3, deflateReset: 3, deflateSetDictionary: 0 });
});

it("starts anew when something was", () => {
  const [history] = histories(1);
  send(history);
  history.append(Buffer.from("more"), 0, 4);
  send(history);
  send(history);
  expect(calls).toMatchObject({ deflateInit: 1, deflateReset: 2, deflateSetDictionary: 1 });
});

it("starts anew after a message that was given up half-way", () => {
  const [history] = histories(1);
  send(history);
  compressors.take(history, SETTINGS).compress(Buffer.from("never appended"));
  const dictionary = history.last(4096);
  expect(inflateRawSync(send(history), { finishFlush: 2, dictionary }).toString()).toBe("some text");
});

it("has one compressor for all messages without a history", () => {
  for (let i = 0; i < 5; i++) send(null);
  expect(calls).toMatchObject({ deflateInit: 1, deflateReset: 5, deflateSetDictionary: 0 });
});

it("has a bounded number of compressors, and leaves them to those who have them", () => {
  const many = histories(100);
  for (let round = 0; round < 3; round++) for (const history of many) send(history);
  const made = calls["deflateInit"];
  expect(made).toBeGreaterThan(8);
  expect(made).toBeLessThan(20);
  const resets = calls["deflateReset"];
  send(many[0]);
  expect(calls["deflateReset"]).toBe(resets);
});

it("gives the compressor of a history that rests to one that does not", () => {
  const resting = histories(50);
  for (const history of resting) send(history);
  const [busy] = histories(1);
  for (let i = 0; i < 1100; i++) send(busy);
  const resets = calls["deflateReset"];
  send(busy);
  expect(calls["deflateReset"]).toBe(resets);
});

it("uses the compressor of a history that is forgotten for the next one", () => {
  for (const history of histories(200)) {
    send(history);
    compressors.forget(history);
    compressors.forget(history);
  }
  expect(calls["deflateInit"]).toBe(1);
});

it("gives most compressors back when all histories are forgotten", () => {
  const many = histories(15);
  for (const history of many) send(history);
  for (const history of many) compressors.forget(history);
  expect(calls["deflateInit"] - calls["deflateEnd"]).toBeLessThanOrEqual(8);
});

it("holds few compressors for settings that are many", () => {
  for (let level = 1; level <= 9; level++)
    for (let windowBits = 9; windowBits <= 15; windowBits++)
      send(null, "text", { level, windowBits, memLevel: 8 });
  expect(calls["deflateInit"] - calls["deflateEnd"]).toBe(8);
});

it("throws for settings that zlib does not know", () => {
  expect(() => compressors.take(null, { level: 6, memLevel: 8, windowBits: 77 })).toThrow(
    "deflateInit2_ failed: -2",
  );
  calls["deflateInit"]--;
});
