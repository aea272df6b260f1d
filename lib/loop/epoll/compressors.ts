import { type DeflateSettings, DICTIONARY_SIZE } from "../../base/codec.ts";
import { codedError } from "../../base/errors.ts";
import type { History } from "../../base/history.ts";
import type { Zlib } from "./libc.ts";
import {
  type Area,
  CHUNK,
  type Output,
  Z_BUF_ERROR,
  Z_NO_FLUSH,
  Z_OK,
  Z_SYNC_FLUSH,
  ZStream,
} from "./z-stream.ts";

/** What all compressors of a loop work with. */
export interface Workshop {
  readonly zlib: Zlib;
  /** A chunk of input. */
  readonly input: Area;
  readonly output: Output;
}

/** No version of any history. */
const NONE = -1;

/** One stream of zlib's, with the memory it compresses by: up to 400 KiB. */
export class Compressor {
  readonly settings: DeflateSettings;
  /** The version of its history that its own window holds the same bytes as. */
  version = NONE;
  /** When it was last asked for, in calls of `Compressors.take`. */
  usedAt = 0;
  readonly #shop: Workshop;
  readonly #stream = new ZStream();

  constructor(shop: Workshop, settings: DeflateSettings) {
    this.settings = settings;
    this.#shop = shop;
    const { level, windowBits, memLevel } = settings;
    const code = shop.zlib.deflateInit(this.#stream.memory, level, windowBits, memLevel);
    if (code !== Z_OK) throw failed("deflateInit2_", code);
  }

  /** Begins anew, behind the last bytes of a history. */
  reset(history: History | null): void {
    const { zlib } = this.#shop;
    const { memory } = this.#stream;
    this.version = NONE;
    zlib.deflateReset(memory);
    if (history !== null && history.length > 0)
      zlib.deflateSetDictionary(memory, history.last(DICTIONARY_SIZE));
  }

  /** Compresses what is not empty, up to a byte boundary. */
  compress(data: Uint8Array): Buffer {
    const { zlib, input, output } = this.#shop;
    const stream = this.#stream;
    // Until this is done: a compressor that stopped half-way must not go on.
    this.version = NONE;
    let area = output.open();
    let length = 0;
    for (let next = 0; next < data.length; ) {
      const count = Math.min(CHUNK, data.length - next);
      input.buffer.set(count === data.length ? data : data.subarray(next, next + count));
      next += count;
      stream.setInput(input, count);
      const flush = next < data.length ? Z_NO_FLUSH : Z_SYNC_FLUSH;
      for (let full = true; full; ) {
        if (length === area.size) area = output.grow(area, Number.POSITIVE_INFINITY);
        stream.setOutput(area, length, area.size - length);
        const code = zlib.deflate(stream.memory, flush);
        if (code !== Z_OK && code !== Z_BUF_ERROR) throw failed("deflate", code);
        length = area.size - stream.outputLeft;
        full = length === area.size;
      }
    }
    return output.lend(area, length);
  }

  end(): void {
    this.#shop.zlib.deflateEnd(this.#stream.memory);
  }
}

function failed(call: string, code: number): Error {
  return codedError("ERR_ZLIB", `${call} failed: ${code}`);
}

/**
 * What the compressors that are bound to histories may take, by `memoryOf`: 15 of the largest usual ones. More would
 * gain nothing: to go on in memory that has left the cache takes as long as to start anew in memory that is there.
 */
const BOUND_MEMORY = 4 * 1024 * 1024;
/** A compressor that was not asked for in so many calls may be taken from its history. */
const PATIENCE = 1024;
/** Compressors that are bound to no history. */
const MOST_FREE = 8;

/**
 * The compressors of a loop.
 *
 * To compress behind a history, a compressor has to be reset and to hash the end of it, which for short messages is
 * most of the work. One that compressed all of the history itself just goes on: its window holds these bytes. So
 * the first histories to come get compressors of their own, as far as `BOUND_MEMORY` goes, and keep them as long as
 * they are used now and then; the others share one. With more histories than compressors, all in turn, it would be
 * of no use to hand a compressor to the latest: none would ever be met again.
 */
export class Compressors {
  readonly #shop: Workshop;
  /** The one that was not asked for for the longest time comes first. */
  readonly #bound = new Map<History, Compressor>();
  readonly #free: Compressor[] = [];
  #boundMemory = 0;
  #calls = 0;

  constructor(shop: Workshop) {
    this.#shop = shop;
  }

  /** A compressor that stands behind the bytes of this history, good until the next call. */
  take(history: History | null, settings: DeflateSettings): Compressor {
    this.#calls++;
    const bound = history === null ? undefined : this.#boundTo(history, settings);
    const compressor = bound ?? this.#borrow(settings);
    if (history === null || bound === undefined || bound.version !== history.version)
      compressor.reset(history);
    return compressor;
  }

  forget(history: History): void {
    const compressor = this.#bound.get(history);
    if (compressor === undefined) return;
    this.#bound.delete(history);
    this.#boundMemory -= memoryOf(compressor.settings);
    this.#setFree(compressor);
  }

  end(): void {
    for (const compressor of this.#bound.values()) compressor.end();
    for (const compressor of this.#free) compressor.end();
    this.#bound.clear();
    this.#free.length = 0;
    this.#boundMemory = 0;
  }

  #boundTo(history: History, settings: DeflateSettings): Compressor | undefined {
    let compressor = this.#bound.get(history);
    if (compressor !== undefined && !isSame(compressor.settings, settings)) {
      this.forget(history);
      compressor = undefined;
    }
    if (compressor === undefined) {
      if (!this.#hasRoom(memoryOf(settings))) return undefined;
      compressor = this.#takeFree(settings) ?? new Compressor(this.#shop, settings);
      this.#boundMemory += memoryOf(settings);
    } else this.#bound.delete(history);
    compressor.usedAt = this.#calls;
    this.#bound.set(history, compressor);
    return compressor;
  }

  /** Takes compressors away from histories that rest, if that makes the room. */
  #hasRoom(needed: number): boolean {
    for (const [history, compressor] of this.#bound) {
      if (this.#boundMemory + needed <= BOUND_MEMORY || this.#calls - compressor.usedAt < PATIENCE) break;
      this.forget(history);
    }
    return this.#boundMemory + needed <= BOUND_MEMORY;
  }

  /** The compressor of all those who have none. */
  #borrow(settings: DeflateSettings): Compressor {
    const compressor = this.#takeFree(settings) ?? new Compressor(this.#shop, settings);
    this.#setFree(compressor);
    return compressor;
  }

  #takeFree(settings: DeflateSettings): Compressor | undefined {
    const index = this.#free.findLastIndex((compressor) => isSame(compressor.settings, settings));
    if (index < 0) return undefined;
    const compressor = this.#free[index];
    this.#free.splice(index, 1);
    compressor.version = NONE;
    return compressor;
  }

  #setFree(compressor: Compressor): void {
    if (this.#free.length === MOST_FREE) this.#free.shift()?.end();
    this.#free.push(compressor);
  }
}

/** Bytes that zlib allocates: the window and its links, the heads of the hash table (in Chromium's at least 32768), the output. */
function memoryOf({ windowBits, memLevel }: DeflateSettings): number {
  return 2 ** (windowBits + 2) + 2 ** (Math.max(8, memLevel) + 8) + 2 ** (memLevel + 8) + 8192;
}

function isSame(one: DeflateSettings, other: DeflateSettings): boolean {
  return (
    one === other ||
    (one.level === other.level && one.memLevel === other.memLevel && one.windowBits === other.windowBits)
  );
}
