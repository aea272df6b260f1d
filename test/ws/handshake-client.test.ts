import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeadReader } from "../../lib/http/head-reader.ts";
import type { HttpLimits } from "../../lib/http/limits.ts";
import type { RequestHead } from "../../lib/http/request-head.ts";
import { encodeHead } from "../../lib/http/response.ts";
import { ResponseHead, readResponse } from "../../lib/http/response-head.ts";
import { ResponseReader } from "../../lib/http/response-reader.ts";
import {
  buildUpgradeRequest,
  checkUpgradeResponse,
  requestKey,
  type UpgradeAsk,
} from "../../lib/ws/handshake-client.ts";
import { acceptValue, asksForWebSocket, checkUpgrade } from "../../lib/ws/handshake-server.ts";
import { ACCEPT, KEY } from "../support/frames.ts";

const LIMITS: HttpLimits = { maxHeaderBytes: 65_536, maxHeaderCount: 100, maxBodyBytes: 0 };
const ASK: UpgradeAsk = { path: "/chat", host: "server.example.com" };

const build = (more: Partial<UpgradeAsk> = {}) => buildUpgradeRequest({ ...ASK, ...more });

describe("an upgrade request (RFC 6455 section 4.1)", () => {
  it("has its headers in the order and case of browsers, the application's last", () => {
    const { text, key } = build({
      path: "/chat?room=1",
      host: "server.example.com:8080",
      origin: "http://example.com",
      protocols: ["chat", "superchat"],
      extensions: "permessage-deflate; client_max_window_bits",
      headers: { Cookie: "a=b", "X-Many": ["1", "2"], "X-Number": 3 },
    });
    expect(text).toBe(
      "GET /chat?room=1 HTTP/1.1\r\nHost: server.example.com:8080\r\nUpgrade: websocket\r\n" +
        `Connection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n` +
        "Origin: http://example.com\r\nSec-WebSocket-Protocol: chat, superchat\r\n" +
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" +
        "Cookie: a=b\r\nX-Many: 1\r\nX-Many: 2\r\nX-Number: 3\r\n\r\n",
    );
  });

  it("has no line for what is not asked for", () => {
    const { text, key, protocols, offered } = build({ protocols: [] });
    expect(text).toBe(
      "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\n\r\n`,
    );
    expect({ protocols, offered }).toEqual({ protocols: [], offered: false });
  });

  it("item 7: has a key of 16 bytes that is a new one each time", () => {
    const keys = Array.from({ length: 100 }, () => build().key);
    expect(new Set(keys).size).toBe(100);
    for (const key of [...keys, requestKey()]) expect(Buffer.from(key, "base64")).toHaveLength(16);
  });

  it("remembers what was asked for, whatever becomes of the caller's list", () => {
    const protocols = ["a", "b"];
    const request = build({ protocols, extensions: "x" });
    protocols.push("c");
    expect(request).toMatchObject({ protocols: ["a", "b"], offered: true });
  });

  const refused = (more: object, field: RegExp) => {
    expect(() => build(more)).toThrow(TypeError);
    expect(() => build(more)).toThrow(field);
  };

  it.each([
    "",
    "chat",
    "*",
    "http://a/",
    "/a b",
    "/a#b",
    "/\xe4",
    "/\u2028",
    "/a\r\nX: 1",
    "/\n",
    "/\0",
    undefined,
  ])("item 2: is not made for the path %j", (path) => refused({ path }, /^path: /));

  it.each(["", "a b", "a/b", "u@a", "::1", "a:b", "a\r\nX: 1", "a\n", "\xe4", undefined, 7])(
    "item 4: is not made for the host %j",
    (host) => refused({ host }, /^host: /),
  );

  it.each(["a", "a:80", "[::1]:7681", "127.0.0.1"])("item 4: is made for the host %j", (host) => {
    expect(build({ host }).text).toContain(`\r\nHost: ${host}\r\n`);
  });

  it.each(["", "a b", "a\r\nX: 1", "a\n", "\xe4", 7])("item 8: is not made for the origin %j", (origin) =>
    refused({ origin }, /^origin: /),
  );

  it.each(["null", "https://example.com", "localhost"])("item 8: is made for the origin %j", (origin) => {
    expect(build({ origin }).text).toContain(`\r\nOrigin: ${origin}\r\n`);
  });

  it.each([[[""]], [["a b"]], [["a,b"]], [["a\r\nX: 1"]], [["\xe4"]], [["a", "b", "a"]], [[undefined]]])(
    "row 17: item 10: is not made for the sub-protocols %j",
    (protocols) => refused({ protocols }, /^protocols: /),
  );

  it.each(["", " ", ",", "a;", "a; b=", "a b", "a\r\nX: 1", "a\n", "\xe4"])(
    "item 11: is not made for the extensions %j",
    (extensions) => refused({ extensions }, /^extensions: /),
  );

  it.each([
    "Host",
    "UPGRADE",
    "connection",
    "Origin",
    "Sec-WebSocket-Key",
    "sec-websocket-version",
    "Sec-WebSocket-Protocol",
    "Sec-WebSocket-Extensions",
    "Sec-WebSocket-Accept",
    "Content-Length",
    "Transfer-Encoding",
    "Expect",
  ])("is not made with an own header %s, which is the handshake's or speaks of a body", (name) => {
    refused({ headers: { [name]: "1" } }, new RegExp(`Header ${name} is not the application's`));
  });

  it.each([
    ["X-A", "1\r\nX-B: 2"],
    ["X-A", "1\n"],
    ["X-A", "\0"],
    ["X-A", "\u0100"],
    ["X A", "1"],
    ["", "1"],
    ["X-A\r\nX-B", "1"],
    ["X-A", ["1", "2\r\n"]],
  ])("row 17: is not made with an own header %j: %j", (name, value) => {
    refused({ headers: { [name]: value } }, /Header/);
  });
});

type Lines = Record<string, string | readonly string[] | null>;

/** The head of the right response to `KEY`, but for what is changed; null leaves a header out. */
function response(lines: Lines = {}, statusLine = "HTTP/1.1 101 Switching Protocols"): ResponseHead {
  const all: Lines = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": ACCEPT,
    ...lines,
  };
  const text = Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map((each) => `${name}: ${each}\r\n`),
  );
  const head = readResponse(`${statusLine}\r\n${text.join("")}\r\n`);
  if (!(head instanceof ResponseHead)) throw new Error(head.message);
  return head;
}

const check = (lines: Lines = {}, asked: { protocols?: string[]; offered?: boolean } = {}) =>
  checkUpgradeResponse(response(lines), { key: KEY, protocols: [], offered: false, ...asked });

/** The message of a response that has to fail. */
function failure(lines: Lines, asked: Parameters<typeof check>[1] = {}): string {
  const result = check(lines, asked);
  expect(result).toMatchObject({ ok: false, status: 101, headers: response(lines).headers });
  return result.ok ? "" : result.message;
}

describe("a response to it (RFC 6455 section 4.1)", () => {
  it("opens the session", () => {
    expect(check()).toEqual({ ok: true, protocol: undefined, extensions: undefined });
  });

  it("item 1: with another status than 101 is handed on, with what it says", () => {
    const of = (statusLine: string, lines: Lines = {}) =>
      checkUpgradeResponse(response(lines, statusLine), { key: KEY, protocols: [], offered: false });
    expect(of("HTTP/1.1 401 Unauthorized", { "WWW-Authenticate": "Basic" })).toMatchObject({
      ok: false,
      status: 401,
      message: "the server answered 401 Unauthorized",
      headers: { "www-authenticate": "Basic" },
    });
    expect(of("HTTP/1.1 302 ", { Location: "/there" })).toMatchObject({
      status: 302,
      message: "the server answered 302",
      headers: { location: "/there" },
    });
    for (const status of [200, 204, 400, 426, 503, 999]) {
      expect(of(`HTTP/1.1 ${status} x`)).toMatchObject({ ok: false, status });
    }
  });

  it("item 1: in HTTP/1.0 fails, which knows no upgrade", () => {
    const head = response({}, "HTTP/1.0 101 Switching Protocols");
    const result = checkUpgradeResponse(head, { key: KEY, protocols: [], offered: false });
    expect(result).toMatchObject({ ok: false, message: expect.stringContaining("HTTP/1.0") });
  });

  it.each(["websocket", "WebSocket", "WEBSOCKET", " websocket\t"])(
    "item 2: may say Upgrade: %s",
    (upgrade) => {
      expect(check({ Upgrade: upgrade })).toMatchObject({ ok: true });
    },
  );

  it.each([
    [null, "Upgrade is missing"],
    ["", 'Upgrade is ""'],
    ["h2c", 'Upgrade is "h2c"'],
    ["websockets", 'Upgrade is "websockets"'],
    ["websocket, h2c", 'Upgrade is "websocket, h2c"'],
    [["websocket", "websocket"], 'Upgrade is "websocket, websocket"'],
  ])("item 2: with Upgrade %j fails", (upgrade, message) => {
    expect(failure({ Upgrade: upgrade })).toBe(`${message}, not "websocket"`);
  });

  it.each(["upgrade", "UPGRADE", "keep-alive, Upgrade", "Upgrade ,x", ["keep-alive", "Upgrade"]])(
    "item 3: may say Connection: %j",
    (connection) => expect(check({ Connection: connection })).toMatchObject({ ok: true }),
  );

  it.each([
    [null, "Connection is missing"],
    ["", 'Connection is ""'],
    ["keep-alive", 'Connection is "keep-alive"'],
    ["upgraded", 'Connection is "upgraded"'],
    ["x upgrade", 'Connection is "x upgrade"'],
  ])("item 3: with Connection %j fails", (connection, message) => {
    expect(failure({ Connection: connection })).toBe(`${message}, without "Upgrade"`);
  });

  it("item 4: may have blanks around the accept value", () => {
    expect(check({ "Sec-WebSocket-Accept": ` \t${ACCEPT} \t` })).toMatchObject({ ok: true });
  });

  it.each([
    ["missing", null],
    ["empty", ""],
    ["that of another key", acceptValue("x3JJHMbDL1EzLkh9GBhXDw==")],
    ["the key itself", KEY],
    ["in another case", ACCEPT.toLowerCase()],
    ["without its pad", ACCEPT.slice(0, -1)],
    ["followed by more", `${ACCEPT}x`],
    ["sent twice", [ACCEPT, ACCEPT]],
    ["in a list", `${ACCEPT}, ${ACCEPT}`],
  ])("row 48: item 4: with an accept value that is %s fails", (_how, accept) => {
    expect(failure({ "Sec-WebSocket-Accept": accept })).toMatch(
      /^Sec-WebSocket-Accept is (missing|".*"), which does not fit the key$/,
    );
  });

  it("item 5: gives the value of Sec-WebSocket-Extensions as it is, when some were offered", () => {
    const asked = { offered: true };
    expect(check({}, asked)).toMatchObject({ ok: true, extensions: undefined });
    expect(check({ "Sec-WebSocket-Extensions": ["a; x=1", "b"] }, asked)).toMatchObject({
      ok: true,
      extensions: "a; x=1, b",
    });
  });

  it.each(["permessage-deflate", ""])("row 48: item 5: with extensions %j, none offered, fails", (value) => {
    expect(failure({ "Sec-WebSocket-Extensions": value })).toBe(
      `Sec-WebSocket-Extensions is "${value}", but none was offered`,
    );
  });

  it("item 6: may choose any sub-protocol of those asked for, or none", () => {
    const asked = { protocols: ["a", "b"] };
    expect(check({}, asked)).toMatchObject({ ok: true, protocol: undefined });
    expect(check({ "Sec-WebSocket-Protocol": "b" }, asked)).toMatchObject({ ok: true, protocol: "b" });
  });

  it.each([
    ["c", ["a", "b"]],
    ["A", ["a", "b"]],
    ["", ["a", "b"]],
    ["a, b", ["a", "b"]],
    [
      ["a", "b"],
      ["a", "b"],
    ],
    [["a", "a"], ["a"]],
    ["a", []],
    ["constructor", []],
  ])("row 48: item 6: with sub-protocol %j fails when %j were asked for", (protocol, protocols) => {
    const value = [protocol].flat().join(", ");
    expect(failure({ "Sec-WebSocket-Protocol": protocol }, { protocols })).toBe(
      `Sec-WebSocket-Protocol is "${value}", which was not asked for`,
    );
  });

  it("shows of the server's words only what is short and printable", () => {
    expect(failure({ Upgrade: "\x9b31m\xe4\t!" })).toBe('Upgrade is "\\x9b31m\\xe4\\x09!", not "websocket"');
    expect(failure({ Upgrade: "x".repeat(5000) })).toBe(`Upgrade is "${"x".repeat(60)}...", not "websocket"`);
    const refusal = checkUpgradeResponse(response({}, `HTTP/1.1 500 \x9b${"y".repeat(5000)}`), {
      key: KEY,
      protocols: [],
      offered: false,
    });
    expect(refusal).toMatchObject({ message: expect.stringMatching(/^[ -~]{50,120}$/) });
  });
});

describe("both halves of the handshake", () => {
  const token = fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,20}$/);
  const ask: fc.Arbitrary<UpgradeAsk> = fc.record(
    {
      path: fc.stringMatching(/^\/[!"$-~]{0,60}$/),
      host: fc
        .tuple(
          fc.oneof(
            fc.stringMatching(/^[0-9A-Za-z.-]{1,20}$/),
            fc.ipV6().map((address) => `[${address}]`),
          ),
          fc.option(fc.nat(65_535)),
        )
        .map(([name, port]) => (port === null ? name : `${name}:${port}`)),
      origin: fc.stringMatching(/^[!-~]{1,40}$/),
      protocols: fc.uniqueArray(token, { maxLength: 5 }),
      extensions: fc.array(token, { minLength: 1, maxLength: 3 }).map((names) => names.join("; ")),
      headers: fc.dictionary(
        token.map((name) => `X-${name}`),
        fc.oneof(fc.stringMatching(/^[\t -~\x80-\xff]{0,40}$/), fc.nat(), fc.array(token, { maxLength: 3 })),
        { maxKeys: 5 },
      ),
    },
    { requiredKeys: ["path", "host"] },
  );

  it("agree: the server takes every request that is made, and the client every 101 to it", () => {
    fc.assert(
      fc.property(ask, fc.nat(9), (asked, choice) => {
        const request = buildUpgradeRequest(asked);
        const bytes = Buffer.from(request.text, "latin1");
        const server = new HeadReader(LIMITS);
        expect(server.feed(bytes, 0, bytes.length)).toBe(bytes.length);
        const head = server.result as RequestHead;
        expect(head).toMatchObject({ target: asked.path, host: asked.host, upgradeAsked: true });
        expect(head.get("origin")).toBe(asked.origin);
        expect(asksForWebSocket(head)).toBe(true);
        const offer = checkUpgrade(head);
        expect(offer).toMatchObject({ ok: true, key: request.key, protocols: asked.protocols ?? [] });

        const protocol = request.protocols[choice];
        const headers = {
          Upgrade: "websocket",
          Connection: "Upgrade",
          "Sec-WebSocket-Accept": acceptValue(request.key),
          ...(protocol === undefined ? {} : { "Sec-WebSocket-Protocol": protocol }),
          ...(asked.extensions === undefined ? {} : { "Sec-WebSocket-Extensions": asked.extensions }),
        };
        const answer = Buffer.from(encodeHead({ status: 101, headers }), "latin1");
        const client = new ResponseReader(LIMITS);
        for (const byte of answer) client.feed(Buffer.of(byte), 0, 1);
        const result = checkUpgradeResponse(client.result as ResponseHead, request);
        expect(result).toEqual({ ok: true, protocol, extensions: asked.extensions });
      }),
    );
  });
});
