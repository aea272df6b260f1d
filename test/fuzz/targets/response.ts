import { FAULTS, HttpFault } from "../../../lib/http/fault.ts";
import type { HttpLimits } from "../../../lib/http/limits.ts";
import { RESPONSE_FAULTS, type ResponseHead } from "../../../lib/http/response-head.ts";
import { ResponseReader } from "../../../lib/http/response-reader.ts";
import { parseExtensions } from "../../../lib/ws/extension-header.ts";
import { checkUpgradeResponse } from "../../../lib/ws/handshake-client.ts";
import { ACCEPT, KEY } from "../../support/frames.ts";
import { Random, seedOf } from "../random.ts";
import { check, checkSame, type Target, waysToCut } from "../target.ts";

const LIMITS: HttpLimits = { maxHeaderBytes: 700, maxHeaderCount: 12, maxBodyBytes: 1000 };
const DOCUMENTED: ReadonlySet<HttpFault> = new Set([
  ...Object.values(FAULTS),
  ...Object.values(RESPONSE_FAULTS),
]);
const ASKED = { key: KEY, protocols: ["a", "b"], offered: true };

const STATUSES = [
  "101 Switching Protocols",
  "101 ",
  "101",
  "100 Continue",
  "103 Early Hints",
  "200 OK",
  "204 ",
  "304 ",
];
const MORE_STATUSES = ["400 Bad", "302 Found", "999 ", "099 ", "1000 ", "10 ", "abc ", "101 \x80", "101 \0"];
const VERSIONS = ["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2 ", "http/1.1", "SSH-2.0"];
const UPGRADE = ["Upgrade: websocket", "Connection: Upgrade", `Sec-WebSocket-Accept: ${ACCEPT}`];
const FIELDS = [
  ...[
    "Sec-WebSocket-Protocol: a",
    "Sec-WebSocket-Protocol: c",
    "Sec-WebSocket-Extensions: permessage-deflate",
  ],
  ...[
    "Sec-WebSocket-Accept: x",
    "Upgrade: foo",
    "Connection: close, upgrade",
    "Content-Length: 5",
    "Content-Length: x",
  ],
  ...[
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: gzip",
    "Location: /\x1b[2J",
    "X : 1",
    " folded: 1",
    "Set-Cookie: a",
  ],
];
const accepted = `HTTP/1.1 101 Switching Protocols\r\n${UPGRADE.join("\r\n")}\r\n`;

/** The head of a response, and what a client makes of it that has asked for a WebSocket. */
export const response: Target = {
  name: "response",
  seeds: [
    `${accepted}\r\n\x81\x00`,
    ...FIELDS.map((line) => `${accepted}${line}\r\n\r\n`), // 48
    ...[...STATUSES, ...MORE_STATUSES].map((status) => `HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nok`),
    ...VERSIONS.map((version) => `${version} 200 OK\r\n\r\n`),
    `${"HTTP/1.1 100 \r\n\r\n".repeat(9)}${accepted}\r\n`,
    `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${accepted}\r\n`,
  ].map((text) => Buffer.from(text, "latin1")),
  words: [
    ...["\r\n", "\r\n\r\n", "\n", " ", "\t", ":", ",", "HTTP/1.1 100 \r\n\r\n", accepted],
    ...[...STATUSES, ...MORE_STATUSES, ...VERSIONS],
    ...[...UPGRADE, ...FIELDS].map((line) => `${line}\r\n`),
  ].map((text) => Buffer.from(text, "latin1")),

  generate(random: Random): Buffer {
    const head = () => {
      const fields = [
        ...UPGRADE.filter(() => !random.oneIn(8)),
        ...random.several(3, () => random.pick(FIELDS)),
      ];
      const status = random.pick(random.oneIn(3) ? MORE_STATUSES : STATUSES);
      return `${[`${random.pick(VERSIONS)} ${status}`, ...fields].join("\r\n")}\r\n\r\n`;
    };
    return Buffer.from(head() + (random.oneIn(3) ? head() : ""), "latin1");
  },

  run(input: Buffer): Iterable<string> {
    const [whole, ...others] = waysToCut(new Random(seedOf(input)), input.length);
    const [result, behind] = read(input, whole);
    for (const ends of others) {
      const [again, end] = read(input, ends);
      checkSame([describe(result)], [describe(again)], "one read and several");
      check(end === behind || result instanceof HttpFault, "what follows begins at the same place");
    }
    if (result === undefined) return ["more"];
    if (result instanceof HttpFault) {
      check(DOCUMENTED.has(result), `a fault is one of the table, not "${result.message}"`);
      return [result.message];
    }
    return checkHead(result, input, behind);
  },
};

function describe(result: ResponseReader["result"]): string {
  return result instanceof HttpFault ? result.message : (JSON.stringify(result) ?? "more is needed");
}

/** What came of it, and the offset behind it. */
function read(input: Buffer, ends: readonly number[]): [ResponseReader["result"], number] {
  const reader = new ResponseReader(LIMITS);
  const copy = Buffer.from(input);
  let start = 0;
  for (const end of ends) {
    const behind = reader.feed(copy, start, end);
    check(behind >= start && behind <= end, "an offset that is returned lies within the range");
    if (reader.result !== undefined) return [reader.result, behind];
    check(behind === end, "a head that is not complete takes all there is");
    copy.fill(0xee, start, end);
    start = end;
  }
  return [undefined, start];
}

function checkHead(head: ResponseHead, input: Buffer, behind: number): string[] {
  check(input.toString("latin1", 0, behind).endsWith(head.raw), "a head ends where what follows begins");
  check(head.raw.length <= LIMITS.maxHeaderBytes, "a head keeps to its limit");
  check(head.status === 101 || (head.status >= 200 && head.status <= 999), "a status is final");
  for (const [name, value] of Object.entries(head.headers)) {
    check(head.get(name) === value, "one header is the same alone and among all");
    check(!/[\r\n\0]/.test(value), "a value holds no end of line");
  }
  const verdict = checkUpgradeResponse(head, ASKED);
  if (!verdict.ok) {
    check(/^[ -~]{1,200}$/.test(verdict.message), "what is said of a response is short and printable");
    return [`${head.status >= 200} ${head.body} ${verdict.message.split(/ is |answered/)[0]}`];
  }
  check(head.status === 101 && head.httpMinor === 1, "only 101 opens a session");
  check(head.get("sec-websocket-accept") === ACCEPT, "the key was understood");
  check(
    verdict.protocol === undefined || ASKED.protocols.includes(verdict.protocol),
    "a sub-protocol was asked for",
  );
  const extensions = verdict.extensions === undefined ? "none" : parseExtensions(verdict.extensions) !== null;
  return [`accepted ${verdict.protocol} ${extensions}`];
}
