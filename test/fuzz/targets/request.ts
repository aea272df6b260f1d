import { type BodyFraming, BodyReader, type BodySink } from "../../../lib/http/body.ts";
import { FAULTS, HttpFault } from "../../../lib/http/fault.ts";
import { HeadReader } from "../../../lib/http/head-reader.ts";
import type { HttpLimits } from "../../../lib/http/limits.ts";
import type { RequestHead } from "../../../lib/http/request-head.ts";
import { Random, seedOf } from "../random.ts";
import { check, checkSame, type Target, transitions, waysToCut } from "../target.ts";
import { generateRequests, REQUEST_WORDS, requestSeeds } from "./http-grammar.ts";

/** The first byte of an input chooses the limits: an even one the ordinary ones. */
const LIMITS: readonly HttpLimits[] = [
  { maxHeaderBytes: 4096, maxHeaderCount: 50, maxBodyBytes: 65_536 },
  { maxHeaderBytes: 120, maxHeaderCount: 4, maxBodyBytes: 20 },
];
const LIMIT_FAULTS: ReadonlySet<string> = new Set(
  [FAULTS.headTooLarge, FAULTS.tooManyFields, FAULTS.bodyTooLarge].map(({ message }) => message),
);
const DOCUMENTED: ReadonlySet<HttpFault> = new Set(Object.values(FAULTS));

/** Reads requests with their bodies, one behind the other, as a connection does, and writes down what they are. */
class Conversation implements BodySink {
  readonly lines: string[] = [];
  readonly kinds: string[] = [];
  readonly heads: string[] = [];
  /** Where each body began, what its head says of it, and what it was; null for one that did not end. */
  readonly bodies: { start: number; framing: BodyFraming; payload: string | null }[] = [];
  readonly #limits: HttpLimits;
  readonly #reader: HeadReader;
  /** Decides where the sink stops a body; null stops it nowhere. */
  readonly #stops: Random | null;
  #body: BodyReader | null = null;
  #payload = "";
  #stopped = false;
  #over = false;

  constructor(limits: HttpLimits, stops: Random | null) {
    this.#limits = limits;
    this.#reader = new HeadReader(limits);
    this.#stops = stops;
  }

  feed(buffer: Buffer, start: number, end: number): void {
    let at = start;
    do {
      const from = at;
      at =
        this.#body === null ? this.#feedHead(buffer, at, end) : this.#feedBody(this.#body, buffer, at, end);
      check(at >= from && at <= end, "an offset that is returned lies within the range");
    } while (!this.#over && (at < end || this.#stopped));
  }

  /** The last line: what has come of what is not complete. */
  end(): void {
    this.lines.push(`${this.#body === null ? "head" : "body"} ${this.#payload} ${this.#reader.started}`);
  }

  #feedHead(buffer: Buffer, at: number, end: number): number {
    at = this.#reader.feed(buffer, at, end);
    const { result } = this.#reader;
    if (result === undefined) {
      check(at === end, "a head that is not complete takes all there is");
      return at;
    }
    if (result instanceof HttpFault) {
      this.#fault(result);
      return at;
    }
    checkHead(result, this.#limits);
    this.kinds.push(result.body);
    const { httpMinor, keepAlive, expect, upgradeAsked } = result;
    this.heads.push(`${httpMinor} ${keepAlive} ${expect} ${upgradeAsked}`);
    this.lines.push(`head ${JSON.stringify(result)}`);
    this.#reader.reset();
    if (result.body !== "none") this.#begin(result, at);
    return at;
  }

  #begin(framing: BodyFraming, start: number): void {
    this.bodies.push({ start, framing, payload: null });
    this.#body = new BodyReader(framing, this, this.#limits);
    if (this.#body.fault !== undefined) this.#fault(this.#body.fault);
  }

  #feedBody(body: BodyReader, buffer: Buffer, at: number, end: number): number {
    this.#stopped = false;
    at = body.feed(buffer, at, end);
    if (body.fault !== undefined) this.#fault(body.fault);
    else check(at === end || this.#stopped || this.#body === null, "a body that goes on takes all there is");
    return at;
  }

  onBody(buffer: Buffer, start: number, end: number): boolean {
    check(end > start, "a piece of a body is not empty");
    check(!this.#stopped, "nothing is told behind a stop");
    this.#payload += buffer.toString("latin1", start, end);
    check(this.#payload.length <= this.#limits.maxBodyBytes, "a body keeps to its limit");
    this.#stopped = this.#stops?.oneIn(3) === true;
    return !this.#stopped;
  }

  onBodyEnd(): void {
    this.lines.push(`body ${this.#payload}`);
    this.bodies.at(-1)!.payload = this.#payload;
    this.kinds.push("body");
    this.#payload = "";
    this.#stopped = false;
    this.#body = null;
  }

  #fault(fault: HttpFault): void {
    check(DOCUMENTED.has(fault), `a fault is one of the table, not "${fault.message}"`);
    this.lines.push(`fault ${fault.message}`);
    this.kinds.push(fault.message);
    this.#over = true;
  }

  get over(): boolean {
    return this.#over;
  }
}

/** What holds of every head that is accepted. */
function checkHead(head: RequestHead, limits: HttpLimits): void {
  check(head.raw.length <= limits.maxHeaderBytes, "a head keeps to its limit");
  const names = Object.keys(head.headers);
  check(names.length <= limits.maxHeaderCount, "the headers keep to their limit");
  for (const name of names) {
    check(head.get(name) === head.headers[name], `one header is the same alone and among all: ${name}`);
    check(head.count(name) > 0, `a header that is there is counted: ${name}`);
    check(!/[\r\n\0]/.test(head.headers[name]), "a value holds no end of line");
  }
  const both = head.count("content-length") > 0 && head.count("transfer-encoding") > 0;
  check(!both, "a body has one length");
  check(head.httpMinor === 0 || head.count("host") === 1, "a request of HTTP/1.1 has one Host");
  check((head.body === "length") === head.contentLength > 0, "a body with a length has one");
  const again = new HeadReader(limits);
  const bytes = Buffer.from(head.raw, "latin1");
  check(again.feed(bytes, 0, bytes.length) === bytes.length, "a head ends where it ended");
  checkSame([JSON.stringify(again.result)], [JSON.stringify(head)], "a head and the same read again");
}

function converse(
  bytes: Buffer,
  limits: HttpLimits,
  ends: readonly number[],
  stops: Random | null,
): Conversation {
  const conversation = new Conversation(limits, stops);
  const copy = Buffer.from(bytes);
  let start = 0;
  for (const end of ends) {
    if (conversation.over) break;
    conversation.feed(copy, start, end);
    // Whoever keeps a part of it without a copy will have this.
    copy.fill(0xee, start, end);
    start = end;
  }
  conversation.end();
  return conversation;
}

/** Holds bodies that came in one read against what the grammar makes of the same bytes. */
function checkBodies({ bodies }: Conversation, bytes: Buffer): void {
  for (const { start, framing, payload } of bodies) {
    const text = bytes.toString("latin1", start);
    const { contentLength } = framing;
    const whole = text.length < contentLength ? null : text.slice(0, contentLength);
    checkSame(
      [`${payload}`],
      [`${framing.body === "chunked" ? readChunks(text) : whole}`],
      "a body and its grammar",
    );
  }
}

/** The payload of a body in chunks (RFC 9112 section 7.1); null when it is wrong, or not all there. */
function readChunks(text: string): string | null {
  const line = /([0-9a-fA-F]{1,16})(?:[\t ]*;[\t -~\x80-\xff]*)?\r\n/y;
  let payload = "";
  for (;;) {
    const size = line.exec(text)?.[1];
    if (size === undefined) return null;
    const start = line.lastIndex;
    if (/^0+$/.test(size)) break;
    const end = start + Number.parseInt(size, 16);
    if (text.slice(end, end + 2) !== "\r\n") return null;
    payload += text.slice(start, end);
    line.lastIndex = end + 2;
  }
  const trailers = /(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t -~\x80-\xff]*\r\n)*\r\n/y;
  trailers.lastIndex = line.lastIndex;
  return trailers.test(text) ? payload : null;
}

/** Requests and their bodies. */
export const request: Target = {
  name: "request",
  seeds: requestSeeds.flatMap((text) => [
    Buffer.from(`\0${text}`, "latin1"),
    Buffer.from(`\x01${text}`, "latin1"),
  ]),
  words: REQUEST_WORDS,

  generate(random: Random): Buffer {
    return Buffer.concat([Buffer.of(random.below(2)), generateRequests(random)]);
  },

  run(input: Buffer): Iterable<string> {
    const random = new Random(seedOf(input));
    const limits = LIMITS[(input[0] ?? 0) & 1];
    const bytes = input.subarray(1);
    const [whole, ...others] = waysToCut(random, bytes.length);
    const first = converse(bytes, limits, whole, null);
    for (const ends of others) {
      for (const stops of [null, random])
        checkSame(first.lines, converse(bytes, limits, ends, stops).lines, "one read and several");
    }
    checkSame(first.lines, converse(bytes, limits, whole, random).lines, "with stops and without");
    if (limits === LIMITS[0] && !LIMIT_FAULTS.has(first.kinds.at(-1) ?? "")) checkBodies(first, bytes);
    return [...transitions(first.kinds), ...first.heads];
  },
};
