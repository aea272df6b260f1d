/**
 * XORs the 64-byte blocks from byte `from` to byte `to` of a memory with a key of four bytes, over and over; its lowest
 * byte meets the first one.
 */
export type VectorXor = (from: number, to: number, key: number) => void;

/*
 * Vector instructions are to be had through WebAssembly alone, and they work on WebAssembly's own memory alone. So
 * the buffer that a loop receives into is such a memory, and what arrives in it is unmasked 16 bytes at a time:
 *
 *   (module
 *     (import "env" "memory" (memory 1))
 *     (func (export "xor") (param $from i32) (param $to i32) (param $key i32) (local $mask v128)
 *       (local.set $mask (i32x4.splat (local.get $key)))
 *       (loop $blocks
 *         ;; four times, for the offsets 0, 16, 32 and 48:
 *         (v128.store offset=… (local.get $from)
 *           (v128.xor (v128.load offset=… (local.get $from)) (local.get $mask)))
 *         (br_if $blocks
 *           (i32.lt_u (local.tee $from (i32.add (local.get $from) (i32.const 64))) (local.get $to))))))
 */
const stored = (offset: number) => [
  // local.get $from, twice; v128.load; local.get $mask; v128.xor; v128.store
  ...[0x20, 0, 0x20, 0, 0xfd, 0x00, 0, offset, 0x20, 3, 0xfd, 0x51, 0xfd, 0x0b, 0, offset],
];
const sized = (bytes: readonly number[]) => [bytes.length, ...bytes];
const named = (name: string) => sized([...Buffer.from(name)]);
const BODY = [
  ...[1, 1, 0x7b], // one local: a v128
  ...[0x20, 2, 0xfd, 0x11, 0x21, 3], // $mask = splat($key)
  ...[0x03, 0x40, ...stored(0), ...stored(16), ...stored(32), ...stored(48)],
  ...[0x20, 0, 0x41, 0xc0, 0x00, 0x6a, 0x22, 0, 0x20, 1, 0x49, 0x0d, 0, 0x0b], // $from += 64, and again while below $to
  0x0b,
];
const MODULE = Uint8Array.from([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, ...sized([1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0])],
  ...[2, ...sized([1, ...named("env"), ...named("memory"), 2, 0, 1])],
  ...[3, ...sized([1, 0])],
  ...[7, ...sized([1, ...named("xor"), 0, 0])],
  ...[10, 1 + 2 + BODY.length, 1, (BODY.length & 0x7f) | 0x80, BODY.length >> 7, ...BODY],
]);

/** As much of the global `WebAssembly` as is used here; undefined where it is switched off. */
interface WasmGlobal {
  Module: new (bytes: Uint8Array) => object;
  Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
}
const wasm = (globalThis as { WebAssembly?: WasmGlobal }).WebAssembly;

const PAGE = 65_536;
/** Memories that were given back, which is what most of them become again: each reserves much address space. */
const SPARE_LIMIT = 4;
const spare: Buffer[] = [];
const functions = new WeakMap<ArrayBufferLike, VectorXor>();
let compiled: object | undefined;

/** A buffer of at least `size` bytes, of the kind that `vectorXor` knows, if there can be one here. */
export function takeVectorBuffer(size: number): Buffer {
  const index = spare.findIndex(({ length }) => length >= size);
  if (index >= 0) return spare.splice(index, 1)[0];
  return makeVectorBuffer(size) ?? Buffer.allocUnsafeSlow(size);
}

/** Gives a buffer back. Nobody may look at it afterwards. */
export function giveVectorBuffer(buffer: Buffer): void {
  if (spare.length < SPARE_LIMIT && functions.has(buffer.buffer)) spare.push(buffer);
}

/** The function for a memory that `takeVectorBuffer` made; undefined for any other. */
export function vectorXor(memory: ArrayBufferLike): VectorXor | undefined {
  return functions.get(memory);
}

function makeVectorBuffer(size: number): Buffer | null {
  if (wasm === undefined) return null;
  try {
    compiled ??= new wasm.Module(MODULE);
    const pages = Math.ceil(size / PAGE);
    const memory = new wasm.Memory({ initial: pages, maximum: pages });
    const { exports } = new wasm.Instance(compiled, { env: { memory } });
    functions.set(memory.buffer, exports["xor"] as VectorXor);
    return Buffer.from(memory.buffer);
  } catch {
    // No vector instructions, or no address space left: plain memory does as well, only slower.
    return null;
  }
}
