import { expect, it } from "vitest";
import { makeRelay, readRelay } from "../../protocols/lws-mirror/relay.ts";

it("carries a room's name, the kind of message and its bytes", () => {
  const message = { room: "küche", binary: true, data: Buffer.from([1, 2, 3]) };
  const bytes = makeRelay(message);
  expect(bytes.toString("hex")).toBe(`006d6972726f72010006${Buffer.from("küche").toString("hex")}010203`);
  expect(readRelay(bytes)).toEqual(message);
  const empty = { room: "", binary: false, data: Buffer.alloc(0) };
  expect(readRelay(makeRelay(empty))).toEqual(empty);
});

it("knows what no mirror has sent, and what is cut within its name", () => {
  expect(readRelay(Buffer.from("d #000000 1 2 3 4;"))).toBe(undefined);
  const bytes = makeRelay({ room: "kitchen", binary: false, data: Buffer.from("x") });
  for (let end = 0; end < bytes.length - 1; end++) expect(readRelay(bytes.subarray(0, end))).toBe(undefined);
});
