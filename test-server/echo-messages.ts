import { Random, RandomText } from "./random.ts";

/** A message to send, and to get back as it was. */
export interface Message {
  readonly data: Buffer;
  readonly binary: boolean;
}

export const KINDS = ["mixed", "text", "binary"] as const;
export type Kind = (typeof KINDS)[number];

/** Digits that tell one message from the next ones, where it has room for them. */
const STAMP = 8;

/** The messages that a client plays, one size after the other and round again; the nth one is always the same. */
export class Messages {
  readonly #sizes: readonly number[];
  readonly #kind: Kind;
  readonly #contents = new Map<string, Buffer>();

  constructor(sizes: readonly number[], kind: Kind) {
    this.#sizes = sizes;
    this.#kind = kind;
  }

  /** Message `index`, from 0 on: a fresh copy. Mixed, each size is played as text first, and in the next round as binary. */
  at(index: number): Message {
    const size = this.#sizes[index % this.#sizes.length]!;
    const round = Math.floor(index / this.#sizes.length);
    const binary = this.#kind === "mixed" ? round % 2 === 1 : this.#kind === "binary";
    const data = Buffer.from(this.#content(size, binary));
    if (size >= STAMP) data.write((index % 1e8).toString().padStart(STAMP, "0"), "latin1");
    return { data, binary };
  }

  #content(size: number, binary: boolean): Buffer {
    const key = `${size} ${binary}`;
    let content = this.#contents.get(key);
    if (content === undefined) this.#contents.set(key, (content = makeContent(size, binary)));
    return content;
  }
}

function makeContent(size: number, binary: boolean): Buffer {
  const random = new Random(size);
  const content = Buffer.alloc(size);
  if (binary) random.fill(content);
  // The stamp may not cut a character.
  else new RandomText(random).fill(size < STAMP ? content : content.subarray(STAMP), true);
  return content;
}

/** What is wrong with an echo; undefined when nothing is. */
export function compare(echo: Buffer, binary: boolean, sent: Message | undefined): string | undefined {
  if (sent === undefined) return "nothing was sent that this is the echo of";
  const what = `${sent.data.length} bytes of ${name(sent.binary)}`;
  if (binary !== sent.binary) return `${what} came back as ${name(binary)}`;
  if (echo.length !== sent.data.length) return `${what} came back as ${echo.length} bytes`;
  if (echo.equals(sent.data)) return undefined;
  return `${what} came back with byte ${echo.findIndex((byte, at) => byte !== sent.data[at])} changed`;
}

function name(binary: boolean): string {
  return binary ? "binary" : "text";
}
