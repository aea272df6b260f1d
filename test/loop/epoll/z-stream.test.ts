import { expect, it } from "vitest";
import { loadZlib } from "../../../lib/loop/epoll/libc.ts";
import { Area, Output, Z_SYNC_FLUSH, ZStream } from "../../../lib/loop/epoll/z-stream.ts";

const zlib = loadZlib();

function area(bytes: number[], size = bytes.length): Area {
  const made = new Area(zlib, size);
  made.buffer.set(bytes);
  return made;
}

it("tells zlib where its input and its output are, and what it made of them", () => {
  const stream = new ZStream();
  expect(zlib.inflateInit(stream.memory, 15)).toBe(0);
  // "Hello" (RFC 7692 section 7.2.3.1) and two bytes of room before it and behind it.
  const input = area([0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00, 0x00, 0xff, 0xff, 0x77]);
  const output = area([], 9);
  output.buffer.fill(".");
  stream.setInput(input, 11);
  stream.setOutput(output, 2, 7);
  expect(zlib.inflate(stream.memory, Z_SYNC_FLUSH)).toBe(0);
  expect(output.buffer.toString("latin1", 0, 7)).toBe("..Hello");
  expect([stream.inputLeft, stream.outputLeft, stream.betweenBlocks]).toEqual([0, 2, true]);
  zlib.inflateEnd(stream.memory);
});

it("refuses to point to more than there is", () => {
  const stream = new ZStream();
  const output = area([], 10);
  expect(() => stream.setOutput(output, 4, 7)).toThrow(RangeError);
  expect(() => stream.setOutput(output, -1, 7)).toThrow(RangeError);
  expect(() => stream.setInput(output, 11)).toThrow(RangeError);
  expect(() => stream.setInput(output, Number.NaN)).toThrow(RangeError);
  structuredClone(output.buffer.buffer, { transfer: [output.buffer.buffer as ArrayBuffer] });
  expect(() => stream.setOutput(output, 0, 1)).toThrow(RangeError);
});

it("has an error for a stream that has ended, not a crash", () => {
  const stream = new ZStream();
  zlib.deflateInit(stream.memory, 6, 15, 8);
  expect(zlib.deflateEnd(stream.memory)).toBe(0);
  for (const call of [zlib.deflateEnd, zlib.deflateReset, zlib.inflateReset, zlib.inflateEnd])
    expect(call(stream.memory)).toBe(-2);
  expect(zlib.deflate(stream.memory, Z_SYNC_FLUSH)).toBe(-2);
});

it("keeps output memory up to 256 KiB, and gives more away", () => {
  const output = new Output(zlib);
  const first = output.open();
  expect(output.open()).toBe(first);
  first.buffer.write("begun");
  const second = output.grow(first, 1_000_000);
  expect(second.buffer.toString("latin1", 0, 5)).toBe("begun");
  const third = output.grow(second, 1_000_000);
  expect(third.size).toBe(262_144);
  const fourth = output.grow(third, 300_000);
  expect(fourth.size).toBe(300_000);
  expect(output.lend(fourth, 5).toString()).toBe("begun");
  expect(output.open()).toBe(third);
});

it("takes other memory when what it lent was taken away", () => {
  const output = new Output(zlib);
  const { buffer } = output.lend(output.open(), 5);
  structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
  expect(output.open().size).toBe(65_536);
});
