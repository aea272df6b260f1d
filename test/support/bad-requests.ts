/** A request that is refused: its status, and the row of bad input that it belongs to. */
export interface BadRequest {
  row: number;
  what: string;
  /** One character a byte. */
  bytes: string;
  status: number;
}

const GET = "GET / HTTP/1.1\r\n";
const POST = "POST / HTTP/1.1\r\nHost: a\r\n";
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

const bad = (row: number, status: number, requests: Record<string, string>): BadRequest[] =>
  Object.entries(requests).map(([what, bytes]) => ({ row, what, bytes, status }));

/** A GET with this line among its headers, for each of the lines. */
const withLine = (lines: readonly string[], start = `${GET}Host: a\r\n`) =>
  Object.fromEntries(lines.map((line) => [JSON.stringify(line), `${start}${line}\r\n\r\n`]));

/** A body in chunks that begins like this. */
const inChunks = (starts: readonly string[]) =>
  Object.fromEntries(starts.map((start) => [JSON.stringify(start), `${CHUNKED}${start}`]));

const coded = (...values: string[]) =>
  withLine(
    values.map((value) => `Transfer-Encoding: ${value}`),
    POST,
  );

const lengths = (...values: string[]) =>
  withLine(
    values.map((value) => `Content-Length: ${value}`),
    POST,
  );

/** Heads whose fault is in the head: nobody is called for them. */
export const BAD_HEADS: readonly BadRequest[] = [
  ...bad(51, 400, {
    "Content-Length before Transfer-Encoding": `${POST}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "Transfer-Encoding before Content-Length": `${POST}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
    "Transfer-Encoding with a length of 0": `${POST}Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n`,
    "a length with Transfer-Encoding that is none": `${POST}Transfer-Encoding: x\r\nContent-Length: 5\r\n\r\nhello`,
    "an empty Transfer-Encoding": `${POST}Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello`,
  }),
  ...bad(52, 400, {
    "lengths of 5 and 10": `${POST}Content-Length: 5\r\nContent-Length: 10\r\n\r\nhello`,
    "a length of 5 twice": `${POST}Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello`,
    "5, 5": `${POST}Content-Length: 5, 5\r\n\r\nhello`,
  }),
  ...bad(53, 400, lengths("+5", "-1", "1 2", "", "0x5", "18446744073709551617", "5;", "5.0", "\xb2")),
  ...bad(54, 400, {
    "a blank before the colon": `${POST}Content-Length : 5\r\n\r\nhello`,
    "a tab before the colon": `${POST}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n`,
    "a blank before the first header": `${GET} Host: a\r\n\r\n`,
    "a blank before a later header": `${GET}Host: a\r\n X: y\r\n\r\n`,
    "a folded line": `${GET}Host: a\r\nX: y\r\n\tz\r\n\r\n`,
    "a folded line of blanks": `${GET}Host: a\r\nX: y\r\n \r\n\r\n`,
  }),
  ...bad(55, 400, {
    ...coded(
      "xchunked",
      "chunked, identity",
      "chunked, chunked",
      "\x0bchunked",
      "chunked;a=b",
      "identity",
      '"chunked"',
    ),
    "chunked in two headers": `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "chunked, then identity": `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`,
    "chunked on a folded line": `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  }),
  ...bad(56, 501, coded("gzip, chunked", "x, gzip , CHUNKED")),
  ...bad(57, 400, {
    "Transfer-Encoding in HTTP/1.0": "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding in HTTP/1.0 that is kept":
      "POST / HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
  }),
  ...bad(58, 400, {
    "LF alone behind the request line": "GET / HTTP/1.1\nHost: a\n\n",
    "LF alone behind a header": `${GET}Host: a\nX: y\r\n\r\n`,
    "LF alone for the blank line": `${GET}Host: a\r\n\n`,
    "CR alone in a value": `${GET}Host: a\r\nX: y\rz\r\n\r\n`,
    "CR alone behind the request line": "GET / HTTP/1.1\rHost: a\r\n\r\n",
    "CR and no LF in place of the blank line": `${GET}Host: a\r\n\rX`,
    "LF before the request": `\n${GET}Host: a\r\n\r\n`,
    "NUL in a value": `${GET}Host: a\r\nX: y\0z\r\n\r\n`,
    "NUL in a name": `${GET}Host: a\r\nX\0: y\r\n\r\n`,
    "an empty name": `${GET}Host: a\r\n: y\r\n\r\n`,
    "no colon": `${GET}Host: a\r\nX\r\n\r\n`,
    "a name above ASCII": `${GET}Host: a\r\n\xe4: y\r\n\r\n`,
  }),
  ...bad(62, 505, {
    "HTTP/2.0": "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": "GET / HTTP/0.9\r\n\r\n",
  }),
  ...bad(63, 400, {
    "no version": "GET /\r\n\r\n",
    "no version behind a blank": "GET / \r\n\r\n",
    "no target": "GET HTTP/1.1\r\n\r\n",
    "a version in small letters": "GET / http/1.1\r\nHost: a\r\n\r\n",
    "a version of two digits": "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
  }),
  ...bad(64, 400, {
    "two Hosts": `${GET}Host: a\r\nHost: b\r\n\r\n`,
    "the same Host twice": `${GET}Host: a\r\nHost: a\r\n\r\n`,
    "no Host": `${GET}X: y\r\n\r\n`,
    "an empty Host": `${GET}Host:\r\n\r\n`,
    ...withLine(
      ["Host: a b@c", "Host: u@a", "Host: a/b", "Host: a:b", "Host: a:65536", "Host: [::g]", "Host: a%zz"],
      GET,
    ),
    "such a Host beside an absolute target": "GET http://a/ HTTP/1.1\r\nHost: a b@c\r\n\r\n",
  }),
  ...bad(65, 400, {
    "two blanks before the target": "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "two blanks behind the target": "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
    "a tab in the request line": "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "a blank behind the version": "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
    "a blank before the method": " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...bad(66, 400, {
    userinfo: "GET http://u:p@x/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "a fragment": "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "a target above ASCII": "GET /\xe4 HTTP/1.1\r\nHost: a\r\n\r\n",
    "an authority alone": "GET a:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    "another scheme": "GET ftp://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
  }),
  ...bad(67, 400, {
    "GET *": "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
    "OPTIONS *x": "OPTIONS *x HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...bad(68, 405, {
    CONNECT: "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
    "CONNECT with a path": "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
    "CONNECT with an absolute target": "CONNECT http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
  }),
  ...bad(68, 400, { "TLS bytes": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" }),
  ...bad(69, 417, {
    "another expectation": `${POST}Expect: 200-foo\r\nContent-Length: 1\r\n\r\nx`,
    "another expectation beside the known one": `${POST}Expect: 100-continue, 200-foo\r\nContent-Length: 1\r\n\r\nx`,
  }),
];

/** Requests with a head that is right and a body in chunks that is not. */
export const BAD_BODIES: readonly BadRequest[] = [
  ...bad(
    59,
    400,
    inChunks([
      ...["0x5\r\nhello\r\n", "+5\r\nhello\r\n", "-5\r\nhello\r\n", "5 \r\nhello\r\n", " 5\r\nhello\r\n"],
      ...[
        "fffffffffffffffff\r\n",
        "20000000000000\r\n",
        "5\nhello\r\n",
        "5\rhello\r\n",
        "\r\nhello",
        ";a\r\n",
      ],
      ...[
        "5\r\nhelloX",
        "5\r\nhello\rX",
        "5\r\nhello\n",
        "5\r\nhello0\r\n\r\n",
        "6\r\nhello\r\n0\r\n\r\n",
        "5;a\nhello\r\n",
      ],
    ]),
  ),
  ...bad(60, 413, inChunks([`5;${"x".repeat(20_480)}\r\nhello\r\n`, `5${" ".repeat(20_480)};\r\nhello\r\n`])),
  ...bad(
    61,
    400,
    inChunks(["0\r\nX : y\r\n\r\n", "0\r\n X: y\r\n\r\n", "0\r\nX: y\n\r\n", "0\r\nX\r\n\r\n", "0\r\n\n"]),
  ),
  ...bad(61, 431, inChunks([`0\r\nX: ${"y".repeat(20_000)}\r\n\r\n`, `0\r\n${"X: y\r\n".repeat(200)}\r\n`])),
];
