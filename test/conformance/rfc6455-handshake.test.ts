import { createHash } from "node:crypto";
import { expect } from "vitest";
import {
  ACCEPT,
  closeFrame,
  KEY,
  type RequestOptions,
  textFrame,
  upgradeRequest,
} from "../support/frames.ts";
import type { Reply } from "../support/node-client.ts";
import { Recorder, type ServerOptions } from "../support/server.ts";
import { linesOf, sendChopped, text } from "./conversation.ts";
import { describeMusts, echoServer, type Must, must, type NotOurs, plainServer } from "./musts.ts";

// Section 4, the opening handshake, the server's side. The client's is in rfc6455-client-handshake.test.ts.

type Headers = NonNullable<RequestOptions["headers"]>;

/** A row about the status that requests get. */
function answers(
  section: string,
  text: string,
  status: number,
  requests: readonly RequestOptions[],
  check: (reply: Reply) => void = () => {},
  options: ServerOptions = {},
): Must {
  return must(section, text, async (kind) => {
    const server = await plainServer(kind, options);
    for (const request of requests) {
      const reply = await server.ask(upgradeRequest(request));
      expect(reply.status, upgradeRequest(request)).toBe(status);
      check(reply);
    }
    expect(server.all("ESTABLISHED")).toHaveLength(status === 101 ? requests.length : 0);
  });
}

const withHeaders = (...all: Headers[]): RequestOptions[] => all.map((headers) => ({ headers }));
const header = (name: string, ...values: (string | readonly string[] | null)[]) =>
  withHeaders(...values.map((value) => ({ [name]: value })));
const has = (name: string, value: string) => (reply: Reply) => expect(reply.headers[name]).toBe(value);
const hasNo = (name: string) => (reply: Reply) => expect(reply.headers).not.toHaveProperty(name);

const sixteen = (byte: number) => Buffer.alloc(16, byte).toString("base64");

/** The status of a reply that is not 101: an upgrade that is not one is ordinary HTTP, which this server answers. */
const ORDINARY = 200;

const rows: Must[] = [
  // ── 4.2.1: reading the client's request ──────────────────────────────────────────────────────────────────────
  answers("4.2.1 /1", "the method is GET, else an HTTP error", 405, [
    ...["POST", "PUT", "OPTIONS", "DELETE", "get"].map((method) => ({ method })),
  ]),
  answers("4.2.1 /1", "the version is HTTP/1.1 at least, else an HTTP error", 400, [{ version: "HTTP/1.0" }]),
  answers("4.2.1 /1", "a later minor version of HTTP is good enough", 101, [{ version: "HTTP/1.2" }]),
  answers("4.2.1 /1", "the target may be a path with a query, or an absolute URI", 101, [
    { target: "/chat" },
    { target: "/chat?room=1&x=%20" },
    { target: "http://127.0.0.1/chat" },
  ]),
  answers("4.2.1 /2", "there is a Host, and one only", 400, header("Host", null, "", ["a", "b"], "a b")),
  answers(
    "4.2.1 /3",
    "Upgrade holds websocket, in any case",
    101,
    header("Upgrade", "websocket", "WebSocket", "WEBSOCKET"),
  ),
  answers(
    "4.2.1 /3",
    "Upgrade that holds no websocket opens no session",
    ORDINARY,
    header("Upgrade", null, "h2c", "websockets", "web socket"),
  ),
  answers(
    "4.2.1 /4",
    "Connection holds Upgrade, in any case, alone or in a list",
    101,
    header("Connection", "Upgrade", "upgrade", "UPGRADE", "keep-alive, Upgrade", "keep-alive,upgrade", [
      "keep-alive",
      "Upgrade",
    ]),
  ),
  answers(
    "4.2.1 /4",
    "Connection that holds no Upgrade opens no session",
    ORDINARY,
    header("Connection", null, "keep-alive", "Upgraded", "x-upgrade"),
  ),
  answers(
    "4.2.1 /5",
    "the key decodes to 16 bytes",
    101,
    header("Sec-WebSocket-Key", KEY, sixteen(0), sixteen(255), sixteen(0x5a)),
  ),
  answers(
    "4.2.1 /5",
    "a key that is missing, or decodes to anything else, gets an HTTP error",
    400,
    header(
      "Sec-WebSocket-Key",
      null,
      "",
      "x",
      "====",
      Buffer.alloc(15).toString("base64"),
      Buffer.alloc(17).toString("base64"),
      KEY.slice(0, -1),
      `${KEY}=`,
      "d\xd6hlIHNhbXBsZSBub25jZQ==",
    ),
  ),
  answers(
    "4.2.1 /6",
    "the version is 13, else an HTTP error",
    426,
    header(
      "Sec-WebSocket-Version",
      null,
      "",
      "0",
      "8",
      "12",
      "14",
      "255",
      "256",
      "13a",
      "+13",
      "013",
      "13.0",
      "13, 13",
    ),
  ),
  answers("4.2.1 /7", "Origin is optional", 101, header("Origin", null, "http://example.com", "null")),
  answers(
    "4.2.1 /8",
    "a list of sub-protocols is of tokens, each there once",
    400,
    header("Sec-WebSocket-Protocol", "", ",", "a,,b", "a b", "a, a", "a;q=1", "a/b", '"a"'),
  ),
  answers(
    "4.2.1",
    "names of headers are taken in any case",
    101,
    withHeaders({
      Host: null,
      HOST: "127.0.0.1",
      Upgrade: null,
      uPGRADE: "websocket",
      Connection: null,
      cONNECTION: "Upgrade",
      "Sec-WebSocket-Key": null,
      "sec-websocket-key": KEY,
      "Sec-WebSocket-Version": null,
      "SEC-WEBSOCKET-VERSION": "13",
    }),
  ),
  answers(
    "4.2.1",
    "headers that are not known are ignored",
    101,
    withHeaders({ Cookie: "a=b", Authorization: "Basic eA==", "X-Any": "thing", Pragma: "no-cache" }),
  ),
  answers(
    "4.2.1",
    "blanks around a header's value are not part of it",
    101,
    withHeaders({
      Upgrade: " \t websocket \t",
      "Sec-WebSocket-Key": `  ${KEY}\t`,
      "Sec-WebSocket-Version": "\t13 ",
    }),
  ),
  must(
    "4.2.1",
    "a request that is refused is not gone on with: what follows is no frame and no second request",
    async (kind) => {
      const server = await plainServer(kind);
      const peer = await server.connect();
      peer.send(
        upgradeRequest({ headers: { "Sec-WebSocket-Key": "short" } }),
        textFrame("x"),
        upgradeRequest(),
      );
      const all = (await peer.closed()).toString("latin1");
      expect(all.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
      expect(server.names()).not.toContain("ESTABLISHED");
    },
  ),
  must("4.2.1", "the request may come in any pieces, and frames right behind it", async (kind) => {
    const server = await echoServer(kind);
    const request = Buffer.concat([Buffer.from(upgradeRequest()), textFrame("at once"), closeFrame(1000)]);
    for (const size of [1, 2, 7, 100, request.length]) {
      const peer = await server.connect();
      void sendChopped(peer, request, size);
      expect((await peer.head()).status).toBe(101);
      expect(linesOf(await peer.closed()), `pieces of ${size}`).toEqual([text("at once"), "close 1000"]);
    }
  }),
  must(
    "4.2.1",
    "the request may follow others on the same connection, in the same write too",
    async (kind) => {
      const server = await echoServer(kind);
      const plain = "GET /plain HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
      const peer = await server.connect();
      peer.send(plain, plain, upgradeRequest(), textFrame("at once"), closeFrame(1000));
      for (const status of [200, 200, 101]) expect((await peer.response()).status).toBe(status);
      expect(linesOf(await peer.closed())).toEqual([text("at once"), "close 1000"]);
    },
  ),

  // ── 4.2.2: the server's answer ───────────────────────────────────────────────────────────────────────────────
  must("4.2.2 /3", "a server may answer with another status than 101, 401 or a redirect", async (kind) => {
    for (const status of [301, 307, 401]) {
      const server = await plainServer(kind, {
        on: {
          FILTER_PROTOCOL_CONNECTION: (wsi) =>
            wsi.reject(status, { location: "/x", "www-authenticate": "Basic" }),
        },
      });
      expect((await server.ask(upgradeRequest())).status).toBe(status);
      await server.destroy();
      expect(server.names()).not.toContain("ESTABLISHED");
    }
  }),
  answers(
    "4.2.2 /4",
    "an origin that is not welcome gets an error, 403",
    403,
    header("Origin", "http://evil.example", "null", "https://good.example.evil.example"),
    undefined,
    { origins: ["https://good.example"] },
  ),
  answers(
    "4.2.2 /4",
    "of another version: 426 with the versions that are spoken",
    426,
    header("Sec-WebSocket-Version", "8", "14"),
    has("sec-websocket-version", "13"),
  ),
  must("4.2.2 /4", "a resource that there is not gets an error such as 404", async (kind) => {
    const server = await plainServer(kind, {
      on: { FILTER_PROTOCOL_CONNECTION: (wsi) => (wsi.uri === "/chat" ? undefined : wsi.reject(404)) },
    });
    expect((await server.ask(upgradeRequest({ target: "/other" }))).status).toBe(404);
    expect((await server.ask(upgradeRequest({ target: "/chat" }))).status).toBe(101);
  }),
  must(
    "4.2.2 /4",
    "the sub-protocol answered is one of those asked for, in the client's order, spelled the same",
    async (kind) => {
      const protocols = ["chat", "superchat"].map((name) => new Recorder({}, { name }).protocol);
      const server = await plainServer(kind, { protocols });
      const chosen = async (...lists: string[]) =>
        (await server.ask(upgradeRequest({ headers: { "Sec-WebSocket-Protocol": lists } }))).headers[
          "sec-websocket-protocol"
        ];
      expect(await chosen("superchat, chat")).toBe("superchat");
      expect(await chosen("chat, superchat")).toBe("chat");
      expect(await chosen("unknown,chat")).toBe("chat");
      expect(await chosen("unknown", "superchat")).toBe("superchat");
    },
  ),
  answers(
    "4.2.2 /5",
    "no sub-protocol is answered to who asks for none",
    101,
    [{}],
    hasNo("sec-websocket-protocol"),
  ),
  answers(
    "4.2.2 /5",
    "no extension is answered that was not offered",
    101,
    [{}],
    hasNo("sec-websocket-extensions"),
  ),
  answers(
    "4.2.2 /5",
    "no extension is answered that is not known",
    101,
    header("Sec-WebSocket-Extensions", "x-unknown", "x-unknown; a=1; b, other"),
    hasNo("sec-websocket-extensions"),
  ),
  answers("4.2.2 /5", "the reply is 101 with Upgrade: websocket", 101, [{}], has("upgrade", "websocket")),
  answers("4.2.2 /5", "the reply has Connection: Upgrade", 101, [{}], has("connection", "Upgrade")),
  answers(
    "4.2.2 /5",
    "the accept value is that of the example",
    101,
    [{}],
    has("sec-websocket-accept", ACCEPT),
  ),
  must(
    "4.2.2 /5",
    "the accept value is SHA-1 of the key as it came and the GUID, for any key",
    async (kind) => {
      const server = await plainServer(kind);
      for (let i = 0; i < 256; i += 51) {
        const reply = await server.ask(
          upgradeRequest({ headers: { "Sec-WebSocket-Key": ` ${sixteen(i)} ` } }),
        );
        const joined = `${sixteen(i)}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
        expect(reply.headers["sec-websocket-accept"]).toBe(
          createHash("sha1").update(joined).digest("base64"),
        );
      }
    },
  ),
  answers("4.2.2 /5", "the reply has no body and no length of one", 101, [{}], (reply) => {
    expect(reply.version).toBe("HTTP/1.1");
    expect(reply.headers).not.toHaveProperty("content-length");
    expect(reply.headers).not.toHaveProperty("transfer-encoding");
  }),
  must(
    "4.2.2",
    "the session is open with the last byte of the reply: frames may follow at once",
    async (kind) => {
      const server = await plainServer(kind, { on: { ESTABLISHED: (wsi) => void wsi.write("first", 0) } });
      const peer = await server.connect();
      peer.send(upgradeRequest());
      expect((await peer.head()).status).toBe(101);
      expect(await peer.text()).toBe("first");
    },
  ),

  // ── 4.4: versions ────────────────────────────────────────────────────────────────────────────────────────────
  answers(
    "4.4",
    "every refusal of a version names the one that is spoken, and a client may ask again",
    426,
    header("Sec-WebSocket-Version", "25", "7, 8", null),
    has("sec-websocket-version", "13"),
  ),
  answers("4.4", "the version is not repeated when it was right", 101, [{}], hasNo("sec-websocket-version")),
];

const notOurs: NotOurs[] = [
  ["4.1", "the client's requirements", "in rfc6455-client-handshake.test.ts"],
  [
    "4.2.2 /1",
    "a TLS handshake comes first on a port that speaks TLS",
    "in test/loop/contract-tls.ts, and test/engine",
  ],
];

describeMusts(["4.2.1", "4.2.2", "4.4"], rows, notOurs);
