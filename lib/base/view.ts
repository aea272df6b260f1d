/** The class of the views that `subarray` gives: a Buffer over memory that is there already. */
const View = (
  Buffer as unknown as {
    [Symbol.species]: new (memory: ArrayBufferLike, at: number, length: number) => Buffer;
  }
)[Symbol.species];

let lastBuffer: Buffer | null = null;
let memory: ArrayBufferLike = new ArrayBuffer(0);
let base = 0;

/**
 * `buffer.subarray(start, end)`, without its look-up of the memory: one buffer is mostly cut into many views, and
 * asking for its memory costs more than the view.
 */
export function viewOf(buffer: Buffer, start: number, end: number): Buffer {
  if (buffer !== lastBuffer) {
    lastBuffer = buffer;
    memory = buffer.buffer;
    base = buffer.byteOffset;
  }
  return new View(memory, base + start, end - start);
}
