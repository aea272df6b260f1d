import { constants as limits } from "node:buffer";
import { constants, deflateRawSync, inflateRawSync, type ZlibOptions } from "node:zlib";
import {
  CORRUPT,
  type Codec,
  type DeflateSettings,
  DICTIONARY_SIZE,
  EMPTY_BLOCK,
  type Inflated,
  MAX_FINAL_BLOCKS,
  TOO_LONG,
} from "./codec.ts";
import { errorCode } from "./errors.ts";
import { History } from "./history.ts";

const MAX_WINDOW = 32_768;

/** What the sender took off the end of its message. */
const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff);
/** A final block with one byte of text, to see that the message ended between two blocks. */
const MARK = 0x61;
const MARKED_END = [0x4b, 0x04, 0x00];
const ENDING = Buffer.from([...TAIL, ...MARKED_END]);
/** In place of the tail: one byte in the stored block that the message ends with the header of; and a final block. */
const PROOF = Buffer.from([0x01, 0x00, 0xfe, 0xff, MARK, 0x03, 0x00]);

/** The codec on `node:zlib`. It runs everywhere, and sets a compressor up for each message. */
export const zlibCodec: Codec = { deflate, inflate };

function deflate(data: Uint8Array, history: History | null, settings: DeflateSettings): Buffer {
  if (data.length === 0) return Buffer.from(EMPTY_BLOCK);
  const { level, memLevel, windowBits } = settings;
  const dictionary = history === null ? undefined : dictionaryOf(history, DICTIONARY_SIZE);
  const finishFlush = constants.Z_SYNC_FLUSH;
  const output = deflateRawSync(data, { level, memLevel, windowBits, finishFlush, dictionary });
  history?.append(data, 0, data.length);
  return output;
}

/** Undefined where there is none: zlib takes no empty dictionary. */
function dictionaryOf(history: History, size: number): Buffer | undefined {
  return history.length === 0 ? undefined : history.last(size);
}

function inflate(
  data: Buffer,
  start: number,
  end: number,
  history: History | null,
  maxLength: number,
): Inflated {
  let next = start;
  let past = history;
  const parts: Buffer[] = [];
  let left = maxLength;
  for (let finals = 0; finals <= MAX_FINAL_BLOCKS; finals++) {
    const message = data.subarray(next, end);
    const stream = inflateStream(Buffer.concat([message, ENDING]), past, left);
    if (typeof stream === "number") return stream;
    const marked = stream.rest === 0 && stream.text.at(-1) === MARK;
    const text = marked ? stream.text.subarray(0, -1) : stream.text;
    if (text.length > left) return TOO_LONG;
    // A final block may be the message's last one, with the tail taken off or with none.
    const hasTail = marked || stream.rest === MARKED_END.length;
    if (hasTail || stream.rest === ENDING.length) {
      if (hasTail && isSwallowed(text, message, past)) return CORRUPT;
      history?.append(text, 0, text.length);
      parts.push(text);
      return parts.length === 1 ? text : Buffer.concat(parts);
    }
    if (stream.rest < ENDING.length) return CORRUPT;
    past ??= new History(MAX_WINDOW);
    past.append(text, 0, text.length);
    parts.push(text);
    left -= text.length;
    next = end + ENDING.length - stream.rest;
  }
  return CORRUPT;
}

/** Whether the text ends with the tail because the message had an unfinished stored block, which took it for text. */
function isSwallowed(text: Buffer, message: Buffer, past: History | null): boolean {
  if (!text.subarray(-TAIL.length).equals(TAIL)) return false;
  const proof = inflateStream(Buffer.concat([message, PROOF]), past, text.length + 1);
  return typeof proof === "number" || proof.text.length !== text.length + 1;
}

interface Unpacked {
  text: Buffer;
  /** Bytes of the input behind the first final block. */
  rest: number;
}

function inflateStream(
  input: Buffer,
  past: History | null,
  maxLength: number,
): Unpacked | typeof CORRUPT | typeof TOO_LONG {
  const options: ZlibOptions = {
    dictionary: past === null ? undefined : dictionaryOf(past, MAX_WINDOW),
    maxOutputLength: Math.min(maxLength + 1, limits.MAX_LENGTH),
    info: true,
  };
  try {
    // With `info` it gives more than its type says.
    const result = inflateRawSync(input, options) as unknown as {
      buffer: Buffer;
      engine: { bytesWritten: number };
    };
    return { text: result.buffer, rest: input.length - result.engine.bytesWritten };
  } catch (error) {
    const code = errorCode(error);
    if (code === "ERR_BUFFER_TOO_LARGE") return TOO_LONG;
    if (code === "Z_DATA_ERROR" || code === "Z_BUF_ERROR") return CORRUPT;
    throw error;
  }
}
