import { IncomingMessage } from "node:http";
import { Socket } from "node:net";
import { expect, it } from "vitest";
import { requestBytes } from "../../lib/http/request-bytes.ts";

it("writes the head of a request that Node has read as it came", () => {
  const request = Object.assign(new IncomingMessage(new Socket()), {
    method: "GET",
    url: "/\u00e9?q",
    httpVersion: "1.1",
    rawHeaders: ["Host", "a", "X-Two", "\u00ff", "X-Two", "2"],
  });
  expect(requestBytes(request).toString("latin1")).toBe(
    "GET /\u00e9?q HTTP/1.1\r\nHost: a\r\nX-Two: \u00ff\r\nX-Two: 2\r\n\r\n",
  );
});
