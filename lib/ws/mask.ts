import { randomFillSync } from "node:crypto";
import { endianness } from "node:os";

/*
 * A masking key is kept as one 32-bit integer, rotated so that its low byte is the one for the next byte of payload:
 *
 *   key    k3 k2 k1 k0          after 1 byte    k0 k3 k2 k1
 *                   ^ next                               ^ next
 *
 * So the phase travels with the key, and a frame may be cut anywhere (RFC 6455 section 5.3).
 */

/** Below this many bytes a byte loop wins over making a view of words. */
const WORDWISE_FROM = 64;
const LITTLE_ENDIAN = endianness() === "LE";

let words = new Int32Array(0);

/** Words over the memory of `bytes`: made anew only when the memory is another one than last time. */
function wordsOver(bytes: Uint8Array): Int32Array {
  const memory = bytes.buffer;
  if (words.buffer !== memory) words = new Int32Array(memory as ArrayBuffer, 0, memory.byteLength >> 2);
  return words;
}

/** Reads a key from the four bytes at `at`. */
export function readKey(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}

/** Turns the key by `count` bytes of payload. */
export function rotateKey(key: number, count: number): number {
  const bits = (count & 3) << 3;
  return (key >>> bits) | (key << (32 - bits));
}

/**
 * Masks or unmasks bytes `start` to `end` in place, and returns the key for the byte behind them.
 */
export function mask(bytes: Uint8Array, start: number, end: number, key: number): number {
  return end - start < WORDWISE_FROM || !LITTLE_ENDIAN
    ? maskBytes(bytes, start, end, key)
    : maskWords(bytes, start, end, key);
}

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): number {
  const k0 = key & 255;
  const k1 = (key >>> 8) & 255;
  const k2 = (key >>> 16) & 255;
  const k3 = key >>> 24;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    bytes[i] ^= k0;
    bytes[i + 1] ^= k1;
    bytes[i + 2] ^= k2;
    bytes[i + 3] ^= k3;
  }
  if (i < end) bytes[i] ^= k0;
  if (i + 1 < end) bytes[i + 1] ^= k1;
  if (i + 2 < end) bytes[i + 2] ^= k2;
  return rotateKey(key, end - start);
}

function maskWords(bytes: Uint8Array, start: number, end: number, key: number): number {
  const base = bytes.byteOffset;
  // Words are aligned in memory, not in the view.
  const aligned = start + (-(base + start) & 3);
  key = maskBytes(bytes, start, aligned, key);
  const over = wordsOver(bytes);
  const first = (base + aligned) >> 2;
  const stop = first + ((end - aligned) >> 2);
  for (let i = first; i < stop; i++) over[i] ^= key;
  return maskBytes(bytes, aligned + ((stop - first) << 2), end, key);
}

const KEY_POOL = new Int32Array(1024);
let keysUsed = KEY_POOL.length;

/** A fresh key that nobody can foresee (section 10.3), from a pool of random words. */
export function randomKey(): number {
  if (keysUsed === KEY_POOL.length) {
    randomFillSync(KEY_POOL);
    keysUsed = 0;
  }
  return KEY_POOL[keysUsed++];
}
