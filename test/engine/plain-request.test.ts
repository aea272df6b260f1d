import { expect, test } from "vitest";
import { plainRequest } from "../../lib/engine/plain-request.ts";
import { type RequestHead, readRequest } from "../../lib/http/request-head.ts";

const ask = (line: string, ...headers: string[]) =>
  plainRequest(readRequest([line, ...headers, "", ""].join("\r\n")) as RequestHead);

test.each([
  ["GET /a?b=c HTTP/1.1", "Host: example.com", "https://example.com/a?b=c"],
  ["POST / HTTP/1.1", "Host: example.com:8443", "https://example.com:8443/"],
  ["GET /%2e%2e//x HTTP/1.1", "Host: [::1]:8443", "https://[::1]:8443/%2e%2e//x"],
  ["OPTIONS * HTTP/1.1", "Host: a", "https://a/"],
  ["GET http://b/c HTTP/1.1", "Host: a", "https://b/c"],
])("%s, %s is sent to %s", (line, host, location) => {
  expect(ask(line, host)).toMatchObject({ status: 308, headers: { location } });
});

test("without a Host there is nowhere to send it", () => {
  expect(ask("GET / HTTP/1.0")).toMatchObject({ status: 400 });
});

test("an upgrade is refused, with a sentence for the log", () => {
  const headers = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
  const fault = ask("GET / HTTP/1.1", "Host: a", ...headers, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
  expect(fault).toMatchObject({ status: 400, headers: undefined });
  expect(fault.message).toMatch(/TLS/);
});
