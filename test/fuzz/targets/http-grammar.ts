import type { Random } from "../random.ts";

const TARGETS = [
  "/",
  "/a/b?c=d",
  "*",
  "http://a.example/x",
  "https://A:443",
  "/%2e%2e/",
  "http://u:p@x/",
  "a:80",
  "/\xe4",
];
const METHODS = ["GET", "GET", "GET", "POST", "POST", "OPTIONS", "CONNECT", "HEAD", "get", "M-SEARCH", "G(T"];
const VERSIONS = [
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.1",
  "HTTP/1.0",
  "HTTP/1.9",
  "HTTP/2.0",
  "HTTP/11",
  "http/1.1",
];
const LINE_ENDS = ["\n", "\r", "\r\r\n", "\r\n ", "\r\n\r\n", "\0"];
const FIELDS = [
  ...[
    "Host: a",
    "Connection: close",
    "Connection: keep-alive, Upgrade",
    "Upgrade: websocket",
    "Expect: 100-continue",
  ],
  ...[
    "X: 1",
    "x-long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "Cookie: a=b",
    "__proto__: x",
    "Accept: */*, b",
  ],
  ...[
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Protocol: a, b",
  ],
  ...[
    "Origin: https://good.example:443",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
  ],
];
const WRONG_FIELDS = [
  ...[
    "Host: b",
    "Host:",
    "Host: a b@c",
    "Content-Length: 5, 5",
    "Content-Length: +5",
    "Content-Length: 0x5",
    "X",
  ],
  ...[
    "Content-Length: 18446744073709551617",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: gzip, chunked",
    ": 1",
  ],
  ...[
    "Transfer-Encoding: chunked, chunked",
    "Transfer-Encoding: \x0bchunked",
    "Content-Length : 5",
    " X: folded",
  ],
  ...[
    "X: a\0b",
    "X y: 1",
    "Expect: 200-foo",
    "Upgrade: websocket, h2c",
    "Sec-WebSocket-Version: 13, 8",
    "Upgrade: foo",
  ],
  ...[
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==",
    "Sec-WebSocket-Protocol: a,,b",
    "Origin: null",
    "Connection: x",
  ],
];
const EXTENSIONS = ["", "", ";a=b", ";a", ' ;a="b"', ";\0"];

export const REQUEST_WORDS: readonly Buffer[] = [
  ...[
    " ",
    "\t",
    ":",
    ",",
    ";",
    "=",
    '"',
    "\r\n",
    "\r\n\r\n",
    "0\r\n\r\n",
    "5\r\nhello\r\n",
    "ffffffff",
    "\x16\x03\x01",
  ],
  ...["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  ...[...LINE_ENDS, ...METHODS, ...TARGETS, ...VERSIONS],
  ...[...FIELDS, ...WRONG_FIELDS].map((line) => `${line}\r\n`),
].map((text) => Buffer.from(text, "latin1"));

const post = (fields: string, body: string) => `POST / HTTP/1.1\r\nHost: a\r\n${fields}\r\n${body}`;
const chunked = (body: string) => post("Transfer-Encoding: chunked\r\n", body);

/** One for each kind of request, right and wrong; the rows 51 to 69 of known bad input. */
export const requestSeeds: readonly string[] = [
  "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
  post("Content-Length: 5\r\n", "helloGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  chunked("5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
  ...["0x5\r\nhello", "+5\r\nhello", "5 \r\nhello", "11111111111111111\r\n", "5\nhello", "5\r\nhelloX"].map(
    chunked,
  ),
  chunked("5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n"),
  post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
  ...WRONG_FIELDS.map((line) => `GET / HTTP/1.1\r\nHost: a\r\n${line}\r\n\r\n`),
  ...METHODS.flatMap((method) => `${method} / HTTP/1.1\r\nHost: a\r\n\r\n`),
  ...TARGETS.map((target) => `GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`),
  ...VERSIONS.map((version) => `\r\nGET / ${version}\r\nHost: a\r\n\r\n`),
  ...LINE_ENDS.map((end) => `GET / HTTP/1.1\r\nHost: a${end}X: 1\r\n\r\n`),
  "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  "\x16\x03\x01\x02\x00",
];

/** The head of a request, mostly right. */
export function generateHead(random: Random, framing: string): string {
  const fields = random.several(7, () => random.pick(random.oneIn(12) ? WRONG_FIELDS : FIELDS));
  if (!random.oneIn(10)) fields.unshift(`hOsT:\t a${random.below(10)} `);
  if (framing !== "") fields.push(framing);
  const method = random.pick(METHODS);
  const line = `${method} ${random.oneIn(2) ? "/" : random.pick(TARGETS)} ${random.pick(VERSIONS)}`;
  const end = () => (random.oneIn(60) ? random.pick(LINE_ENDS) : "\r\n");
  return [line, ...new Set(fields), ""].map((each) => each + end()).join("");
}

/** Requests of one connection with their bodies, mostly right. */
export function generateRequests(random: Random): Buffer {
  const requests = random.several(3, () => {
    const text = Array.from({ length: random.below(40) }, () =>
      random.pick(["a", "\r", "\n", "\0", "0"]),
    ).join("");
    if (random.oneIn(2)) return generateHead(random, "");
    if (random.oneIn(2)) return generateHead(random, `Content-Length: ${text.length}`) + text;
    return generateHead(random, "Transfer-Encoding: chunked") + generateChunks(random);
  });
  return Buffer.from(requests.join(""), "latin1");
}

function generateChunks(random: Random): string {
  const chunks = random.several(4, () => {
    const size = 1 + random.below(20);
    const digits = size.toString(16).padStart(random.below(4), "0");
    return `${random.oneIn(2) ? digits : digits.toUpperCase()}${random.pick(EXTENSIONS)}\r\n${"c".repeat(size)}\r\n`;
  });
  return `${chunks.join("")}0${random.pick(EXTENSIONS)}\r\n${random.oneIn(3) ? "T: 1\r\n" : ""}\r\n`;
}
