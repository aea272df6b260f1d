import type { Failure } from "../../lib/ws/codes.ts";
import { type FrameLimits, FrameParser, type FrameSink } from "../../lib/ws/parser.ts";
import { spelled } from "./outlet.ts";

/** Small limits, for the parser of a server and of a client. */
export const SERVER: FrameLimits = Object.freeze({
  server: true,
  pieceSize: 65_536,
  maxMessageSize: 1_000_000,
  maxEmptyFragments: 3,
  rsv: 0,
});
export const CLIENT: FrameLimits = { ...SERVER, server: false };

/** Writes down what a parser tells, one line each. */
export class Events implements FrameSink {
  readonly lines: string[] = [];
  readonly failures: Failure[] = [];
  readonly parser: FrameParser;
  /** Called behind each line. */
  after: (line: string) => void = () => {};

  constructor(limits: FrameLimits) {
    this.parser = new FrameParser(this, limits);
  }

  onDataFrame(): void {
    const { opcode, fin, rsv, remaining } = this.parser;
    this.#line(
      `frame ${opcode}${fin ? " fin" : ""}${rsv === 0 ? "" : ` rsv ${rsv.toString(16)}`} ${remaining}`,
    );
  }

  onPayload(buffer: Buffer, start: number, end: number): void {
    this.#line(`payload [${spelled(buffer.subarray(start, end))}] ${this.parser.remaining}`);
  }

  onControl(opcode: number, buffer: Buffer, start: number, end: number): void {
    this.#line(`control ${opcode} [${spelled(buffer.subarray(start, end))}]`);
  }

  onFailure(failure: Failure): void {
    this.failures.push(failure);
    this.#line(`failure ${failure.reason}`);
  }

  #line(line: string): void {
    this.lines.push(line);
    this.after(line);
  }
}

/** Feeds `bytes`, which end with each of `cuts`, and gives what was told. */
export function parse(bytes: Buffer, limits = SERVER, cuts: readonly number[] = []): Events {
  const events = new Events(limits);
  const copy = Buffer.from(bytes);
  let start = 0;
  for (const end of [...cuts, copy.length]) start = events.parser.feed(copy, start, end);
  return events;
}

/** The lines for bytes that come in one read. */
export const told = (bytes: Buffer, limits = SERVER) => parse(bytes, limits).lines;

/** The lines with payload joined to one line a frame, as it is however the bytes were cut. */
export function joined({ lines }: Events): string[] {
  const all: string[] = [];
  for (const line of lines) {
    const payload = /^payload \[(.*)\] \d+$/.exec(line)?.[1];
    const before = all.at(-1);
    if (payload === undefined) all.push(line);
    else if (before?.startsWith("payload ")) all[all.length - 1] = `${before} ${payload}`.trimEnd();
    else all.push(`payload ${payload}`.trimEnd());
  }
  return all;
}
