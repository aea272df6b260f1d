import {
  CORRUPT,
  type Codec,
  type DeflateSettings,
  EMPTY_BLOCK,
  type Inflated,
  MAX_FINAL_BLOCKS,
  TOO_LONG,
} from "../../base/codec.ts";
import { codedError } from "../../base/errors.ts";
import type { History } from "../../base/history.ts";
import type { Logger } from "../../base/log.ts";
import { zlibCodec } from "../../base/zlib-codec.ts";
import { Compressors } from "./compressors.ts";
import { loadZlib, type Zlib } from "./libc.ts";
import { Area, CHUNK, Output, Z_BUF_ERROR, Z_OK, Z_STREAM_END, Z_SYNC_FLUSH, ZStream } from "./z-stream.ts";

const MAX_WINDOW_BITS = 15;
const MAX_WINDOW = 32_768;
/** What the sender took off the end of its message. */
const TAIL = [0x00, 0x00, 0xff, 0xff];

export interface LoopCodec extends Codec {
  /** Gives all memory back. What was lent stays good, and the codec goes on, more slowly. */
  close(): void;
}

/**
 * The codec on the zlib that is in the node executable, called directly. It keeps its streams, where `node:zlib` sets
 * one up for each message. Where that zlib cannot be called, it is the codec on `node:zlib`.
 */
export function openCodec(logger: Logger): LoopCodec {
  try {
    return new NativeCodec(loadZlib());
  } catch (error) {
    logger.info(`compression uses node:zlib: ${(error as Error).message}`);
    return { ...zlibCodec, close() {} };
  }
}

class NativeCodec implements LoopCodec {
  #deflater: Deflater | undefined;
  #inflater: Inflater | undefined;
  readonly #zlib: Zlib;
  #closed = false;

  /** Throws where this zlib is none that we can work with. */
  constructor(zlib: Zlib) {
    this.#zlib = zlib;
    new Inflater(zlib).end();
  }

  deflate(data: Uint8Array, history: History | null, settings: DeflateSettings): Buffer {
    if (this.#closed) return zlibCodec.deflate(data, history, settings);
    this.#deflater ??= new Deflater(this.#zlib);
    return this.#deflater.deflate(data, history, settings);
  }

  inflate(data: Buffer, start: number, end: number, history: History | null, maxLength: number): Inflated {
    if (this.#closed) return zlibCodec.inflate(data, start, end, history, maxLength);
    this.#inflater ??= new Inflater(this.#zlib);
    return this.#inflater.inflate(data, start, end, history, maxLength);
  }

  close(): void {
    this.#closed = true;
    this.#deflater?.compressors.end();
    this.#inflater?.end();
    this.#deflater = this.#inflater = undefined;
  }
}

class Deflater {
  readonly compressors: Compressors;
  readonly #output: Output;

  constructor(zlib: Zlib) {
    this.#output = new Output(zlib);
    this.compressors = new Compressors({ zlib, input: new Area(zlib, CHUNK), output: this.#output });
  }

  deflate(data: Uint8Array, history: History | null, settings: DeflateSettings): Buffer {
    if (data.length > 0) return this.compressors.deflate(data, history, settings);
    // A second flush without anything between makes no output in zlib.
    const area = this.#output.open();
    area.buffer.set(EMPTY_BLOCK);
    return this.#output.lend(area, EMPTY_BLOCK.length);
  }
}

/** The one decompressor: to start behind a history costs it no more than to copy that. */
class Inflater {
  readonly #zlib: Zlib;
  readonly #stream = new ZStream();
  readonly #input: Area;
  readonly #tail: Area;
  readonly #output: Output;
  /** Whose bytes the stream's own window holds already, in which version. */
  #last: History | null = null;
  #version = 0;

  constructor(zlib: Zlib) {
    this.#zlib = zlib;
    const code = zlib.inflateInit(this.#stream.memory, MAX_WINDOW_BITS);
    if (code !== Z_OK) throw codedError("ENOTSUP", `inflateInit2_ failed: ${code}`);
    this.#input = new Area(zlib, CHUNK);
    this.#tail = new Area(zlib, TAIL.length);
    this.#tail.buffer.set(TAIL);
    this.#output = new Output(zlib);
  }

  inflate(data: Buffer, start: number, end: number, history: History | null, maxLength: number): Inflated {
    this.#standBehind(history);
    const text = this.#run(data, start, end, maxLength);
    if (history === null || typeof text === "number") return text;
    history.append(text, 0, text.length);
    this.#last = history;
    this.#version = history.version;
    return text;
  }

  end(): void {
    this.#zlib.inflateEnd(this.#stream.memory);
  }

  #standBehind(history: History | null): void {
    // The stream's window is a full one. Behind a shorter history it would accept references to what is forgotten.
    const isThere =
      history !== null &&
      history === this.#last &&
      history.version === this.#version &&
      history.size >= MAX_WINDOW;
    // Until the message is done: a stream that stopped half-way must not go on.
    this.#last = null;
    if (isThere) return;
    const { memory } = this.#stream;
    this.#zlib.inflateReset(memory);
    if (history !== null && history.length > 0)
      this.#zlib.inflateSetDictionary(memory, history.last(MAX_WINDOW));
  }

  #run(data: Buffer, start: number, end: number, maxLength: number): Inflated {
    const stream = this.#stream;
    let area = this.#output.open();
    let length = 0;
    let finals = 0;
    let next = this.#feed(data, start, end);
    /** The length before the tail was fed, which may only end a block and not bring any text. */
    let whole = -1;
    for (;;) {
      // One byte more than there may be tells that there is more.
      const limit = Math.min(area.size, maxLength + 1);
      stream.setOutput(area, length, limit - length);
      const code = this.#zlib.inflate(stream.memory, Z_SYNC_FLUSH);
      length = limit - stream.outputLeft;
      if (length > maxLength) return TOO_LONG;
      if (code === Z_STREAM_END) {
        this.#zlib.inflateResetKeep(stream.memory);
        // A final block at the very end: its sender has finished, and took its tail off or had none.
        const isLast = stream.inputLeft === 0 && next === end;
        if (isLast && (whole < 0 || whole === length)) return this.#output.lend(area, length);
        if (whole >= 0 || ++finals > MAX_FINAL_BLOCKS) return CORRUPT;
      } else if (code !== Z_OK && code !== Z_BUF_ERROR) return CORRUPT;
      else if (stream.outputLeft === 0) area = this.#output.grow(area, maxLength + 1);
      else if (next < end) next = this.#feed(data, next, end);
      else if (whole < 0) {
        whole = length;
        stream.setInput(this.#tail, TAIL.length);
      } else return whole === length && stream.betweenBlocks ? this.#output.lend(area, length) : CORRUPT;
    }
  }

  /** Hands the next chunk to the stream; returns where the one after begins. */
  #feed(data: Buffer, next: number, end: number): number {
    const count = Math.min(CHUNK, end - next);
    data.copy(this.#input.buffer, 0, next, next + count);
    this.#stream.setInput(this.#input, count);
    return next + count;
  }
}
