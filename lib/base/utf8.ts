import { isUtf8 } from "node:buffer";

/*
 * UTF-8 that arrives in pieces (RFC 3629). The state is one integer: 0 between characters, else what the
 * next bytes of the character have to be:
 *
 *   bits 0-7   how many bytes are still to come
 *   bits 8-15  the least value of the next one     (the byte behind E0, ED, F0 and F4 has a narrower range,
 *   bits 16-23 the greatest value of the next one   which shuts out long forms, surrogates and what is over 10FFFF)
 */

/** Between two characters: text may begin or end here. */
export const UTF8_BOUNDARY = 0;
/** The bytes are not UTF-8, whatever follows. */
export const UTF8_INVALID = -1;

/** From this many bytes on, the native check is worth the view it needs. */
const NATIVE_FROM = 96;

const state = (toCome: number, least: number, greatest: number) => toCome | (least << 8) | (greatest << 16);
const CONTINUED = [0, state(1, 0x80, 0xbf), state(2, 0x80, 0xbf), state(3, 0x80, 0xbf)];

function afterLead(byte: number): number {
  if (byte < 0xc2) return UTF8_INVALID;
  if (byte < 0xe0) return CONTINUED[1];
  if (byte < 0xf0) {
    if (byte === 0xe0) return state(2, 0xa0, 0xbf);
    return byte === 0xed ? state(2, 0x80, 0x9f) : CONTINUED[2];
  }
  if (byte === 0xf0) return state(3, 0x90, 0xbf);
  if (byte < 0xf4) return CONTINUED[3];
  return byte === 0xf4 ? state(3, 0x80, 0x8f) : UTF8_INVALID;
}

function step(at: number, byte: number): number {
  if (at === UTF8_BOUNDARY) return byte < 0x80 ? UTF8_BOUNDARY : afterLead(byte);
  if (byte < ((at >> 8) & 255) || byte > at >> 16) return UTF8_INVALID;
  return CONTINUED[(at & 255) - 1];
}

/**
 * Goes on checking at bytes `start` to `end`.
 *
 * @param at - The state behind the bytes before; `UTF8_BOUNDARY` at the beginning of a text.
 * @returns The state behind these bytes; `UTF8_INVALID` as soon as one of them is wrong. A text is whole when it
 *   ends at `UTF8_BOUNDARY`.
 */
export function checkUtf8(at: number, bytes: Uint8Array, start: number, end: number): number {
  if (end - start >= NATIVE_FROM) return checkLong(at, bytes, start, end);
  let i = start;
  if (at === UTF8_BOUNDARY) while (i < end && bytes[i] < 0x80) i++;
  for (; i < end; i++) {
    at = step(at, bytes[i]);
    if (at === UTF8_INVALID) return UTF8_INVALID;
  }
  return at;
}

/** The characters that are cut by either end go byte by byte, all between them natively. */
function checkLong(at: number, bytes: Uint8Array, start: number, end: number): number {
  let from = start;
  while (at !== UTF8_BOUNDARY) {
    at = step(at, bytes[from++]);
    if (at === UTF8_INVALID) return UTF8_INVALID;
  }
  let to = end;
  // The last character begins at most three bytes before the end; what is no lead byte there is found below.
  while (to > end - 3 && (bytes[to - 1] & 0xc0) === 0x80) to--;
  if (bytes[to - 1] >= 0xc0) to--;
  else to = end;
  if (!isUtf8(bytes.subarray(from, to))) return UTF8_INVALID;
  return to === end ? UTF8_BOUNDARY : checkUtf8(UTF8_BOUNDARY, bytes, to, end);
}
