import fc from "fast-check";
import { expect, it } from "vitest";
import { OneBuffer, Scatter } from "../../lib/stream/targets.ts";

it("gives a message as a buffer of the caller's own", () => {
  const target = new OneBuffer(10);
  const lent = Buffer.from("..Hello..");
  target.put(lent, 2, 7);
  lent.fill(0);
  expect(target.limit).toBe(10);
  expect(target.data?.toString()).toBe("Hello");
});

it("fills buffers one behind the other, whatever their sizes, and no byte more", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(9), { maxLength: 6 }), fc.uint8Array({ maxLength: 60 }), (sizes, data) => {
      const buffers = sizes.map((size) => Buffer.alloc(size, 0xee));
      const target = new Scatter(buffers);
      const room = sizes.reduce((sum, size) => sum + size, 0);
      expect(target.limit).toBe(room);
      const message = Buffer.from(data.subarray(0, room));
      target.put(Buffer.concat([Buffer.from("ab"), message]), 2, 2 + message.length);
      expect(target.size()).toBe(message.length);
      const rest = Buffer.alloc(room - message.length, 0xee);
      expect(Buffer.concat(buffers)).toEqual(Buffer.concat([message, rest]));
    }),
  );
});

it("says so when a buffer was given away before the message came", () => {
  const bytes = new Uint8Array(3);
  const target = new Scatter([new Uint8Array(2), bytes]);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  target.put(Buffer.from("Hello"), 0, 5);
  expect(() => target.size()).toThrow(expect.objectContaining({ code: "EINVAL" }));
});

it("fills the buffers that it was told of, though the list is changed", () => {
  const bytes = Buffer.alloc(5);
  const list = [bytes];
  const target = new Scatter(list);
  list.length = 0;
  target.put(Buffer.from("Hello"), 0, 5);
  expect(bytes.toString()).toBe("Hello");
});
