/**
 * Milliseconds of a clock that never goes back, as a whole number.
 *
 * It counts from the start of the process, so that V8 keeps it as a small integer: sessions store it on every
 * read, and a fraction or a date would allocate each time.
 */
export function monotonicMs(): number {
  return Math.trunc(performance.now());
}
