import { expect } from "vitest";
import { WriteProtocol } from "../../lib/index.ts";
import { binaryFrame, closeFrame, moreFrame, textFrame, upgradeRequest } from "../support/frames.ts";
import { hex, rounds } from "../support/raw.ts";
import { binary, linesOf, text } from "./conversation.ts";
import { describeMusts, echoServer, heard, type Must, must, type NotOurs, plainServer } from "./musts.ts";

// Sections 8 to 10: errors, extensions, security.

const { TEXT, BINARY, CONTINUATION, NO_FIN } = WriteProtocol;
const BYE = closeFrame(1000);
const open = { fin: false };
const closed = "close 1000";

const rows: Must[] = [
  // ── 8: errors ────────────────────────────────────────────────────────────────────────────────────────────────
  heard("8.1", "text that is not UTF-8 fails the connection", [textFrame(hex("ce ba ff"))], ["fail 1007"]),
  heard(
    "8.1",
    "a message that ends amid a character fails the connection",
    [textFrame(hex("ce"), open), moreFrame("")],
    ["fail 1007"],
  ),
  heard(
    "8.1",
    "a reason that is not UTF-8 fails the connection",
    [closeFrame(1000, hex("ce ff"))],
    ["fail 1007"],
  ),
  must("8.1", "text that is sent is UTF-8 whatever string it is made of", async (kind) => {
    const { peer, wsi } = await (await plainServer(kind)).pair();
    wsi.write("a\ud800b", TEXT);
    expect((await peer.frame()).payload).toEqual(hex("61 ef bf bd 62"));
  }),
  must(
    "8.1",
    "text that is given as bytes is UTF-8, held to with validateOutgoing; else it throws, and nothing is sent",
    async (kind) => {
      const { peer, wsi } = await (await plainServer(kind, { validateOutgoing: true })).pair();
      const wrong = expect.objectContaining({ code: "ERR_INVALID_UTF8" });
      for (const bytes of ["ff", "c3", "ed a0 80", "61 80"])
        expect(() => wsi.write(hex(bytes), TEXT), bytes).toThrow(wrong);
      wsi.write(hex("c3"), TEXT | NO_FIN);
      expect(() => wsi.write(hex("41"), CONTINUATION)).toThrow(wrong);
      wsi.write(hex("a9"), CONTINUATION);
      wsi.write(hex("ff"), BINARY);
      wsi.close();
      peer.send(closeFrame());
      expect(linesOf(await peer.closed())).toEqual([text("é"), binary(hex("ff")), "close 1005"]);
    },
  ),
  heard(
    "8.1",
    "text that is echoed passes that check wherever frames and reads cut it",
    [
      textFrame(hex("f0"), open),
      moreFrame(hex("9f 98"), open),
      moreFrame(hex("80 c3"), open),
      moreFrame(hex("a9")),
      closeFrame(1000),
    ],
    [text("😀é"), closed],
    { validateOutgoing: true },
  ),

  // ── 9: extensions ────────────────────────────────────────────────────────────────────────────────────────────
  must("9.1", "an offer that is well formed and not known is left out of the answer", async (kind) => {
    const server = await plainServer(kind);
    for (const offer of [
      "foo",
      "foo; bar",
      "foo; bar=baz",
      'foo; bar="baz"',
      "foo, bar; x=1; y",
      ["foo", "bar"],
    ]) {
      const reply = await server.ask(upgradeRequest({ headers: { "Sec-WebSocket-Extensions": offer } }));
      expect([reply.status, reply.headers["sec-websocket-extensions"]]).toEqual([101, undefined]);
    }
  }),
  must("9.1", "an offer that does not fit the grammar fails the handshake", async (kind) => {
    const server = await plainServer(kind);
    for (const offer of [
      "",
      ",",
      "foo;",
      "foo; =x",
      "foo; bar=",
      "foo bar",
      'foo; bar="',
      'foo; bar="a b"',
      "foo/1",
    ]) {
      const reply = await server.ask(upgradeRequest({ headers: { "Sec-WebSocket-Extensions": offer } }));
      expect(reply.status, JSON.stringify(offer)).toBe(400);
    }
  }),

  // ── 10: security ─────────────────────────────────────────────────────────────────────────────────────────────
  must(
    "10.2",
    "a server that is for some origins only refuses the others, and takes who has none",
    async (kind) => {
      const server = await plainServer(kind, { origins: ["https://good.example"] });
      const status = async (Origin: string | null) =>
        (await server.ask(upgradeRequest({ headers: { Origin } }))).status;
      expect(await status("https://good.example")).toBe(101);
      expect(await status(null)).toBe(101);
      expect(await status("https://evil.example")).toBe(403);
      expect(await status("http://good.example")).toBe(403);
    },
  ),
  must(
    "10.4",
    "limits hold for one frame and for the sum of fragments, as soon as a length tells",
    async (kind) => {
      const server = await echoServer(kind, { protocol: { maxMessageSize: 1000 } });
      const tooMuch = [
        [binaryFrame("", { claim: 1001, lengthForm: 16 })],
        [binaryFrame("", { claim: 1n << 40n, lengthForm: 64 })],
        [binaryFrame(Buffer.alloc(600), open), moreFrame("", { claim: 401, lengthForm: 16 })],
        [
          ...Array(10)
            .fill(0)
            .map((_, i) => (i === 0 ? textFrame : moreFrame)("*".repeat(100), open)),
          moreFrame("", { claim: 1 }),
        ],
      ];
      for (const says of tooMuch) {
        const peer = await server.open();
        peer.send(...says);
        expect(linesOf(await peer.closed())).toEqual(["close 1009"]);
      }
      const peer = await server.open();
      peer.send(textFrame("*".repeat(1000)), BYE);
      expect(linesOf(await peer.closed())).toEqual([text("*".repeat(1000)), closed]);
    },
  ),
  must(
    "10.7",
    "data that is invalid after the handshake gets a Close that says why, and concerns nobody else",
    async (kind) => {
      const server = await echoServer(kind);
      const bystander = await server.open();
      for (const junk of [
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        Buffer.alloc(1000, 0xff),
        Buffer.alloc(1000),
      ]) {
        const peer = await server.open();
        peer.send(junk);
        expect(linesOf(await peer.closed())).toEqual(["close 1002"]);
      }
      await rounds(5);
      bystander.send(textFrame("well"), BYE);
      expect(linesOf(await bystander.closed())).toEqual([text("well"), closed]);
    },
  ),
];

const notOurs: NotOurs[] = [
  ["10.1", "clients that are no browsers need no Origin", "in rfc6455-handshake.test.ts, 4.2.1 /7"],
  [
    "10.3",
    "the masking key comes from a strong source, fresh for each frame",
    "in rfc6455-client-session.test.ts",
  ],
];

describeMusts(["8.1", "9.1", "10.2", "10.4", "10.7"], rows, notOurs);
