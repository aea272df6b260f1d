import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { adoptedBytes } from "../../lib/engine/adopted.ts";

const request = Object.assign(new IncomingMessage(new Socket()), {
  method: "GET",
  url: "/",
  httpVersion: "1.1",
  rawHeaders: ["Host", "a"],
});

it("is the request, and behind it what else was read", () => {
  const socket = new PassThrough();
  expect(adoptedBytes(socket, undefined, undefined)).toBeUndefined();
  expect(adoptedBytes(socket, Buffer.of(1, 2), undefined)).toEqual(Buffer.of(1, 2));
  const text = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  expect(adoptedBytes(socket, undefined, request)).toEqual(Buffer.from(text));
  expect(adoptedBytes(socket, Buffer.from("x"), request)).toEqual(Buffer.from(`${text}x`));
});

it.each<[unknown[], string]>([
  [[], "socket is not a Duplex"],
  [[null], "socket is not a Duplex"],
  [[{}], "socket is not a Duplex"],
  [[5], "socket is not a Duplex"],
  [[new PassThrough(), "x"], "head is not a Uint8Array"],
  [[new PassThrough(), null], "head is not a Uint8Array"],
  [[new PassThrough(), Buffer.alloc(0), {}], "request is not that of an upgrade event"],
  [[new PassThrough(), undefined, null], "request is not that of an upgrade event"],
])("refuses wrong arguments by name, %#", (given, message) => {
  const [socket, head, asked] = given as Parameters<typeof adoptedBytes>;
  expect(() => adoptedBytes(socket, head, asked)).toThrow(new TypeError(`adoptSocket: ${message}`));
});
