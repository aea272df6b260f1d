import { expect } from "vitest";
import { readResponse } from "../../lib/http/response-head.ts";
import { buildUpgradeRequest, checkUpgradeResponse, type UpgradeAsk } from "../../lib/ws/handshake-client.ts";
import { acceptValue } from "../../lib/ws/handshake-server.ts";
import { describeMustsOnce, type Must, must, type NotOurs } from "./musts.ts";

// Section 4.1, what is asked of a client: the request it sends, the response it takes. Both are made and checked without
// sockets; what a client does with TCP is held where it is done.

const ASK: UpgradeAsk = { path: "/chat?a=b", host: "server.example.com:8080" };
const request = (more: Partial<UpgradeAsk> = {}) => buildUpgradeRequest({ ...ASK, ...more });
const lines = (more: Partial<UpgradeAsk> = {}) => request(more).text.split("\r\n");
const valuesOf = (name: string, more: Partial<UpgradeAsk> = {}) =>
  lines(more)
    .filter((line) => line.startsWith(`${name}: `))
    .map((line) => line.slice(name.length + 2));

interface Answer {
  status?: string;
  /** Replaces or adds headers; null leaves one out. */
  headers?: Record<string, string | null>;
  ask?: Partial<UpgradeAsk>;
}

/** Whether a client takes the response, which is a good one but for what the options change. */
function taken({ status = "HTTP/1.1 101 Switching Protocols", headers = {}, ask = {} }: Answer): boolean {
  const sent = request(ask);
  const all = {
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Accept": acceptValue(sent.key),
    ...headers,
  };
  const fields = Object.entries(all).flatMap(([name, value]) =>
    value === null ? [] : [`${name}: ${value}\r\n`],
  );
  const head = readResponse(`${status}\r\n${fields.join("")}\r\n`);
  if (!("raw" in head)) throw new Error("the response itself is refused");
  return checkUpgradeResponse(head, sent).ok;
}
const takes = (name: string, value: string | null, ask?: Partial<UpgradeAsk>) =>
  taken({ headers: { [name]: value }, ...(ask ? { ask } : {}) });

const handshake: Must[] = [
  must("4.1 request /1", "the request is a valid one of HTTP: a line, headers, an empty line", () => {
    expect(request().text).toMatch(/^GET \S+ HTTP\/1\.1\r\n([A-Za-z-]+: [^\r\n]+\r\n)+\r\n$/);
  }),
  must("4.1 request /2", "the method is GET, of HTTP/1.1 at least", () =>
    expect(lines()[0]).toBe("GET /chat?a=b HTTP/1.1"),
  ),
  must("4.1 request /3", "the target is the resource name, and has no fragment", () => {
    expect(lines({ path: "/" })[0]).toBe("GET / HTTP/1.1");
    for (const path of ["", "chat", "/a b", "/a#b", "/a\r\nX: y", "/ä"])
      expect(() => request({ path }), path).toThrow(TypeError);
  }),
  must("4.1 request /4", "Host is there, once, with the port where it is not the default", () =>
    expect(valuesOf("Host")).toEqual(["server.example.com:8080"]),
  ),
  must("4.1 request /5", "Upgrade holds websocket", () => expect(valuesOf("Upgrade")).toEqual(["websocket"])),
  must("4.1 request /6", "Connection holds Upgrade", () =>
    expect(valuesOf("Connection")).toEqual(["Upgrade"]),
  ),
  must("4.1 request /7", "the key is 16 bytes in base64, chosen at random for each connection", () => {
    const keys = Array.from({ length: 200 }, () => valuesOf("Sec-WebSocket-Key")).flat();
    expect(new Set(keys).size).toBe(200);
    for (const key of keys) expect(Buffer.from(key, "base64").toString("base64")).toBe(key);
    const bytes = keys.map((key) => Buffer.from(key, "base64"));
    for (let i = 0; i < 16; i++)
      expect(new Set(bytes.map((each) => each[i])).size, `byte ${i}`).toBeGreaterThan(50);
    expect(new Set(bytes.map(({ length }) => length))).toEqual(new Set([16]));
  }),
  must("4.1 request /8", "Origin is sent where there is one, and only there", () => {
    expect(valuesOf("Origin")).toEqual([]);
    expect(valuesOf("Origin", { origin: "https://a.example" })).toEqual(["https://a.example"]);
  }),
  must("4.1 request /9", "the version is 13", () =>
    expect(valuesOf("Sec-WebSocket-Version")).toEqual(["13"]),
  ),
  must("4.1 request /10", "sub-protocols are tokens, each there once, in order of preference", () => {
    expect(valuesOf("Sec-WebSocket-Protocol", { protocols: ["b", "a"] })).toEqual(["b, a"]);
    expect(valuesOf("Sec-WebSocket-Protocol")).toEqual([]);
    for (const protocols of [["a", "a"], [""], ["a b"], ["a,b"], ["ä"], ["a/b"], ["a\r\nb"]])
      expect(() => request({ protocols }), `${protocols}`).toThrow(TypeError);
  }),
  must("4.1 request /11", "extensions are sent where there are some, and only there", () => {
    expect(valuesOf("Sec-WebSocket-Extensions")).toEqual([]);
    expect(valuesOf("Sec-WebSocket-Extensions", { extensions: "foo; bar=1" })).toEqual(["foo; bar=1"]);
  }),
  must("4.1 request /12", "other headers may be sent, but none of those above a second time", () => {
    expect(valuesOf("Cookie", { headers: { Cookie: "a=b" } })).toEqual(["a=b"]);
    for (const name of [
      "Host",
      "upgrade",
      "Connection",
      "Sec-WebSocket-Key",
      "sec-websocket-version",
      "Content-Length",
    ])
      expect(() => request({ headers: { [name]: "x" } }), name).toThrow(TypeError);
  }),
  must("4.1 response /1", "another status than 101 opens nothing", () => {
    expect(taken({})).toBe(true);
    for (const status of [
      "200 OK",
      "301 Moved",
      "401 Unauthorized",
      "426 Upgrade Required",
      "102 Processing",
    ])
      expect(taken({ status: `HTTP/1.1 ${status}` }), status).toBe(false);
  }),
  must("4.1 response /2", "without Upgrade: websocket, in any case, the connection fails", () => {
    for (const value of ["websocket", "WebSocket", "WEBSOCKET"])
      expect(takes("Upgrade", value), value).toBe(true);
    for (const value of [null, "", "h2c", "websockets", "web socket"])
      expect(takes("Upgrade", value), `${value}`).toBe(false);
  }),
  must("4.1 response /3", "without Upgrade in Connection, in any case, the connection fails", () => {
    for (const value of ["Upgrade", "upgrade", "keep-alive, UPGRADE"])
      expect(takes("Connection", value), value).toBe(true);
    for (const value of [null, "", "close", "Upgraded"])
      expect(takes("Connection", value), `${value}`).toBe(false);
  }),
  must(
    "4.1 response /4",
    "an accept value that is missing or does not fit the key fails the connection",
    () => {
      const sent = request();
      for (const value of [null, "", "x", acceptValue("x"), sent.key, acceptValue(sent.key)])
        expect(takes("Sec-WebSocket-Accept", value), `${value}`).toBe(false);
    },
  ),
  must("4.1 response /4", "blanks around the accept value are no part of it, its case is", () => {
    const own = request();
    const answered = (value: string) => {
      const head = readResponse(
        `HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${value}\r\n\r\n`,
      );
      return "raw" in head && checkUpgradeResponse(head, own).ok;
    };
    expect(answered(` \t${acceptValue(own.key)}\t `)).toBe(true);
    expect(answered(acceptValue(own.key).toLowerCase())).toBe(false);
    expect(answered(`${acceptValue(own.key)}, ${acceptValue(own.key)}`)).toBe(false);
  }),
  must("4.1 response /5", "an extension that was not asked for fails the connection", () => {
    expect(takes("Sec-WebSocket-Extensions", "foo")).toBe(false);
  }),
  must("4.1 response /6", "a sub-protocol that was not asked for fails the connection", () => {
    expect(takes("Sec-WebSocket-Protocol", "chat")).toBe(false);
    for (const value of ["other", "", "chat, superchat", "Chat"])
      expect(takes("Sec-WebSocket-Protocol", value, { protocols: ["chat", "superchat"] }), value).toBe(false);
    for (const value of [null, "chat", "superchat"])
      expect(takes("Sec-WebSocket-Protocol", value, { protocols: ["chat", "superchat"] }), `${value}`).toBe(
        true,
      );
  }),
];

const notOurs: NotOurs[] = [
  [
    "4.1 /2",
    "one connection at a time is being opened to the same address",
    "for whoever opens several; libwebsockets leaves it to them too",
  ],
  ["4.1 /3", "proxies", "none are spoken to"],
  [
    "4.1 /5",
    "a TLS handshake, with the server's name, comes before the request",
    "in the tests of client connections",
  ],
];

describeMustsOnce(["4.1"], handshake, notOurs);
