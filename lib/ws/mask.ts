import { randomFillSync } from "node:crypto";
import { endianness } from "node:os";
import { type VectorXor, vectorXor } from "../base/vector.ts";

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

/** From this many bytes on, a call of the vector function is worth it. */
const VECTORWISE_FROM = 128;

let words = new Int32Array(0);
let vector: VectorXor | undefined;

/**
 * All bytes that the last `mask` made, or-ed together, when it made them one by one; 0xff when it did not look. Below
 * 0x80 they are ASCII, which nobody needs to check again.
 */
export let seenBits = 0xff;

/** Looks at the memory of `bytes`, when it is another one than last time. */
function lookAt(bytes: Uint8Array): void {
  const memory = bytes.buffer;
  if (words.buffer === memory) return;
  words = new Int32Array(memory as ArrayBuffer, 0, memory.byteLength >> 2);
  vector = vectorXor(memory);
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
  if (end - start < WORDWISE_FROM || !LITTLE_ENDIAN) return maskBytes(bytes, start, end, key);
  lookAt(bytes);
  const wide = vector !== undefined && end - start >= VECTORWISE_FROM;
  key = wide ? maskBlocks(bytes, start, end, key) : maskWords(bytes, start, end, key);
  seenBits = 0xff;
  return key;
}

function maskBytes(bytes: Uint8Array, start: number, end: number, key: number): number {
  const k0 = key & 255;
  const k1 = (key >>> 8) & 255;
  const k2 = (key >>> 16) & 255;
  const k3 = key >>> 24;
  let bits = 0;
  let i = start;
  for (const last = end - 3; i < last; i += 4) {
    const b0 = bytes[i] ^ k0;
    const b1 = bytes[i + 1] ^ k1;
    const b2 = bytes[i + 2] ^ k2;
    const b3 = bytes[i + 3] ^ k3;
    bytes[i] = b0;
    bytes[i + 1] = b1;
    bytes[i + 2] = b2;
    bytes[i + 3] = b3;
    bits |= b0 | b1 | b2 | b3;
  }
  if (i < end) bits |= bytes[i] ^= k0;
  if (i + 1 < end) bits |= bytes[i + 1] ^= k1;
  if (i + 2 < end) bits |= bytes[i + 2] ^= k2;
  seenBits = bits;
  return rotateKey(key, end - start);
}

/** 64 bytes at a time, which leave the key as it is; they need no alignment. */
function maskBlocks(bytes: Uint8Array, start: number, end: number, key: number): number {
  const behind = end - ((end - start) & 63);
  const base = bytes.byteOffset;
  vector!(base + start, base + behind, key);
  return maskBytes(bytes, behind, end, key);
}

function maskWords(bytes: Uint8Array, start: number, end: number, key: number): number {
  const base = bytes.byteOffset;
  // Words are aligned in memory, not in the view.
  const aligned = start + (-(base + start) & 3);
  key = maskBytes(bytes, start, aligned, key);
  const over = words;
  const first = (base + aligned) >> 2;
  const stop = first + ((end - aligned) >> 2);
  let i = first;
  for (const last = stop - 3; i < last; i += 4) {
    over[i] ^= key;
    over[i + 1] ^= key;
    over[i + 2] ^= key;
    over[i + 3] ^= key;
  }
  for (; i < stop; i++) over[i] ^= key;
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
