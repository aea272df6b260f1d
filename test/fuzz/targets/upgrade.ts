import { HttpFault } from "../../../lib/http/fault.ts";
import { HeadReader } from "../../../lib/http/head-reader.ts";
import { isToken } from "../../../lib/http/tokens.ts";
import { asksForWebSocket, checkUpgrade } from "../../../lib/ws/handshake-server.ts";
import { normalOrigin, originAllowed } from "../../../lib/ws/origin.ts";
import { upgradeRequest } from "../../support/frames.ts";
import type { Random } from "../random.ts";
import { check, type Target } from "../target.ts";
import { generateHead, REQUEST_WORDS } from "./http-grammar.ts";

const LIMITS = { maxHeaderBytes: 8192, maxHeaderCount: 100, maxBodyBytes: 1000 };
const ALLOWED = new Set(["https://good.example"]);
const STATUSES = [400, 405, 426];

/** What rows 1 to 16 of bad input change of a request that is right. */
const CHANGES: Record<string, string | readonly string[] | null>[] = [
  {},
  ...["!!!!!!!!!!!!!!!!!!!!!!==", "dGhlIHNhbXBsZSBub25jZR==", "dGhlIHNhbXBsZSBub25j", null].map((key) => ({
    "Sec-WebSocket-Key": key,
  })),
  ...["12", "13, 8", "0x0d", "13.0", "8", null].map((version) => ({ "Sec-WebSocket-Version": version })),
  ...["websocket, h2c", "foo", "WebSocket"].map((upgrade) => ({ Upgrade: upgrade })),
  ...["keep-alive", "keep-alive, Upgrade"].map((connection) => ({ Connection: connection })),
  ...["a,,b", "a, a", "a b", "", "a, b", `b${" ".repeat(200)}x`].map((names) => ({
    "Sec-WebSocket-Protocol": names,
  })),
  ...[
    "permessage-deflate; client_max_window_bits=15, x; y",
    'x="\\c\\c"',
    "x;;",
    "constructor; __proto__=1",
  ].map((list) => ({ "Sec-WebSocket-Extensions": list })),
  ...["null", "https://good.example.evil.com", "https://GOOD.example:443", "https://a b"].map((origin) => ({
    Origin: origin,
  })),
  { "Content-Length": "8" },
  { "Transfer-Encoding": "chunked" },
  { Host: ["a", "b"] },
];

/** A request for a WebSocket, and what the server makes of it. */
export const upgrade: Target = {
  name: "upgrade",
  seeds: [
    ...CHANGES.map((headers) => upgradeRequest({ headers })),
    upgradeRequest({ method: "POST" }),
    upgradeRequest({ version: "HTTP/1.0" }),
  ].map((text) => Buffer.from(text, "latin1")),
  words: [
    ...REQUEST_WORDS,
    ...["websocket", "upgrade", "13", "permessage-deflate", "https://", "=="].map((text) =>
      Buffer.from(text),
    ),
  ],

  generate(random: Random): Buffer {
    if (random.oneIn(3)) return Buffer.from(generateHead(random, ""), "latin1");
    const headers = Object.assign({}, ...random.several(3, () => random.pick(CHANGES)));
    return Buffer.from(upgradeRequest({ headers }), "latin1");
  },

  run(input: Buffer): Iterable<string> {
    const reader = new HeadReader(LIMITS);
    reader.feed(Buffer.from(input), 0, input.length);
    const head = reader.result;
    if (head === undefined || head instanceof HttpFault) return [head?.message ?? "more"];
    if (!asksForWebSocket(head)) return [`http ${head.upgradeTokens.length > 0}`];
    check(
      head.count("upgrade") > 0 && head.count("connection") > 0,
      "an upgrade is asked for by two headers",
    );
    const origin = head.get("origin");
    checkOrigin(origin);
    const offer = checkUpgrade(head);
    if (!offer.ok) {
      check(STATUSES.includes(offer.status), "a refusal has a status that is documented");
      return [offer.message];
    }
    check(
      head.method === "GET" && head.body === "none" && head.httpMinor === 1,
      "what is accepted is a GET without body",
    );
    const key = Buffer.from(offer.key, "base64");
    check(key.length === 16 && key.toString("base64") === offer.key, "a key is 16 bytes");
    check(offer.protocols.every(isToken), "sub-protocols are tokens");
    check(new Set(offer.protocols).size === offer.protocols.length, "sub-protocols are different");
    check(
      offer.extensions.every(({ name }) => isToken(name)),
      "names of extensions are tokens",
    );
    return [
      `ok ${Math.min(3, offer.protocols.length)} ${Math.min(3, offer.extensions.length)} ${kindOf(origin)}`,
    ];
  },
};

function kindOf(origin: string | undefined): string {
  return origin === undefined ? "no origin" : `allowed ${originAllowed(ALLOWED, origin)}`;
}

function checkOrigin(origin: string | undefined): void {
  if (origin === undefined) return;
  const normal = normalOrigin(origin);
  if (normal !== null) check(normalOrigin(normal) === normal, `an origin that is normal stays so: ${origin}`);
}
