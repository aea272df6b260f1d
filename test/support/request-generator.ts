import fc from "fast-check";

/*
 * Requests as a fuzzer wants them: put together by the grammar, each part now and then a wrong one, and here and there
 * a byte changed afterwards. One character a byte.
 */

/** Mostly one of the first list, sometimes one of the second. */
const mostly = (usual: string[], odd: string[], weight = 12) =>
  fc.oneof(
    { weight, arbitrary: fc.constantFrom(...usual) },
    { weight: 1, arbitrary: fc.constantFrom(...odd) },
  );

const method = mostly(
  ["GET", "POST", "POST", "PUT", "HEAD", "OPTIONS"],
  ["M-SEARCH", "get", "PURGED", "CONNECT", "PRI", "G(T", "", "G\x80T", "GET\0"],
);
const target = mostly(
  ["/", "/a/b?x=1", "//a/../b", "/%zz", "http://a/b", "HTTPS://[::1]:80/?q", "http://a"],
  [
    ..."* a:443 /a#b ?a ftp://x/ http://u:p@x/ http:///x http://a\\b/ x".split(" "),
    "/\xe4",
    "/\x7f",
    "/\0",
    "",
  ],
);
const version = mostly(
  ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"],
  "HTTP/1.2 HTTP/1.9 HTTP/2.0 HTTP/0.9 HTTP/3.7 HTTP/1.10 HTTP/11.1 HTTP/1. HTTP/1 http/1.1 ICE/1.0 HTTP/1,1".split(
    " ",
  ),
);
const blank = mostly([" "], ["  ", "\t", "", "\x0b", " \t"], 40);
const lineEnd = mostly(["\r\n"], ["\n", "\r", "\r\r\n", "\r\n ", "\r\n\t", "\r\nX", "\n\r\n"], 80);
const before = mostly([""], ["\r\n", "\r\n\r\n\r\n", "\n", "\r", " ", "\x16\x03", "\0"], 20);

const host = mostly(
  ["a", "example.com:80", "[::1]:7681", "1.2.3.4"],
  ["", "a b@c", "u@a", "a/b", "a:b", "a:99999", "[::g]", "a,b", "\xe4", "a%zz", "a, a", "a:"],
);
const length = mostly(
  ["0", "5", "5", "05", "3"],
  [
    "+5",
    "-1",
    "5, 5",
    "5,5",
    "1 2",
    "",
    "0x5",
    "18446744073709551617",
    "9007199254740993",
    "5.",
    "5;",
    "\xb2",
  ],
  5,
);
const coding = mostly(
  ["chunked", "Chunked", "chunked \t"],
  [
    ..."xchunked chunkedx gzip identity ,chunked chunked, gzip,chunked chunked,chunked chunked;a=b".split(
      " ",
    ),
    ..."gzip,,chunked".split(" "),
    "gzip, chunked",
    "chunked, identity",
    "\x0bchunked",
    "chun ked",
    '"chunked"',
    "",
  ],
  4,
);
const connection = mostly(
  ["keep-alive", "close", "Close", "Keep-Alive", "x, close", "keep-alive, x", "Upgrade"],
  [
    "close, keep-alive",
    "keep-alive, close",
    ",close",
    "closed",
    "close,",
    "clo se",
    "",
    "close;a",
    "xclose",
    "\tclose",
  ],
  3,
);
const expect = fc.constantFrom(
  "100-continue",
  "100-Continue",
  "200-foo",
  "100-continue, 100-continue",
  "",
  "100-continued",
);
const value = mostly(
  ["1", "a b", "\t x \t", "", "\xe4\xff", '"q,"', "a:b"],
  ["a\0b", "\x7f", "\x0b", "a\rb", "a\nb", "\x1b"],
);

const name = (usual: string, ...odd: string[]) =>
  mostly([usual, usual, usual.toLowerCase()], [usual.toUpperCase(), ...odd], 10);
const colon = mostly([": ", ":", ":\t", ":  "], [" : ", "\t:", "", " ", "::"], 30);

const field = (names: fc.Arbitrary<string>, values: fc.Arbitrary<string>) =>
  fc.tuple(names, colon, values, lineEnd).map((parts) => parts.join(""));

const anyField = fc.oneof(
  { weight: 3, arbitrary: field(name("Content-Length", "Content-Length ", "Content_Length"), length) },
  {
    weight: 3,
    arbitrary: field(name("Transfer-Encoding", "Transfer-Encoding ", " Transfer-Encoding"), coding),
  },
  { weight: 2, arbitrary: field(name("Connection", "Proxy-Connection"), connection) },
  { weight: 1, arbitrary: field(name("Expect"), expect) },
  { weight: 1, arbitrary: field(name("Upgrade"), fc.constantFrom("websocket", "h2c", "", "a, b")) },
  { weight: 1, arbitrary: field(name("Host"), host) },
  {
    weight: 4,
    arbitrary: field(
      mostly(["X-A", "x-a", "Cookie", "!#$%&'*+-.^_`|~1"], ["", "x y", "x\0", "(x)", "\xe4", " X", "\tX"]),
      value,
    ),
  },
);

const size = mostly(
  ["5", "5", "05", "005;a", '5;a="b c";d=e'],
  [
    ..."5; 5;;a 5;a= 0x5 +5 -5 6 4 g".split(" "),
    "5 ",
    "5 ;a",
    "5\t;a=b",
    "5;a b",
    "5; a = b",
    "fffffffffffffffff",
    "20000000000000",
    "",
    " 5",
    "5;\xe4",
    "5;a\0",
    '5;a="',
    "5;=",
    "5;a=b=c",
  ],
);
const chunk = fc
  .tuple(size, lineEnd, fc.constantFrom("hello", "\r\n0\r\n", "\0\xff\r\n!"), lineEnd)
  .map((parts) => parts.join(""));
const lastChunk = fc
  .tuple(
    mostly(["0", "0", "000", "0;a"], ["", "0 ", "00x"]),
    lineEnd,
    fc.array(field(mostly(["X-T", "Content-Length"], ["", " x"]), value), { maxLength: 2 }),
    lineEnd,
  )
  .map(([size, end, trailers, blankLine]) => `${size}${end}${trailers.join("")}${blankLine}`);
const chunks = fc
  .tuple(fc.array(chunk, { maxLength: 3 }), lastChunk)
  .map(([parts, last]) => parts.join("") + last);

/** A body with the field that announces it, rightly; or a body that nothing announces. */
const framed = fc.oneof(
  { weight: 5, arbitrary: fc.constant(["", ""]) },
  { weight: 4, arbitrary: fc.constantFrom(["Content-Length: 5\r\n", "hello"], ["content-length:0\r\n", ""]) },
  { weight: 4, arbitrary: chunks.map((body) => ["Transfer-Encoding: chunked\r\n", body]) },
  { weight: 1, arbitrary: chunks.map((body) => ["", body]) },
  {
    weight: 1,
    arbitrary: chunks.map((body) => ["Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body]),
  },
);

const requestLine = fc
  .tuple(before, method, blank, target, blank, version, lineEnd)
  .map((parts) => parts.join(""));
const hosts = fc.oneof(
  { weight: 12, arbitrary: fc.constant("Host: a\r\n") },
  { weight: 2, arbitrary: field(name("Host"), host) },
  { weight: 1, arbitrary: fc.constant("") },
);

const request = fc
  .tuple(requestLine, hosts, fc.array(anyField, { maxLength: 3 }), framed, lineEnd)
  .map(
    ([line, host, fields, [announced, body], end]) =>
      `${line}${host}${fields.join("")}${announced}${end}${body}`,
  );

/** What follows shows where the message before it ended. */
const SENTINEL = "GET /behind HTTP/1.1\r\nHost: b\r\n\r\n";

const change = fc.record({
  at: fc.nat(400),
  kind: fc.constantFrom("insert", "replace", "remove"),
  byte: fc.constantFrom(...'\0\t\n\v\r "#,0:;[\x7f\x80\xffAz'.split("")),
});

/** A byte stream of one request or two and a last one that is right, now and then with one byte changed. */
export const requestStream: fc.Arbitrary<string> = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 2 }), fc.option(change, { freq: 2 }))
  .map(([requests, changed]) => {
    const text = requests.join("") + SENTINEL;
    if (changed === null) return text;
    const { kind, byte } = changed;
    const at = changed.at % text.length;
    return text.slice(0, at) + (kind === "remove" ? "" : byte) + text.slice(kind === "insert" ? at : at + 1);
  });
