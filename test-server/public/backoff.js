/** The first wait, and the longest one, in milliseconds. */
export const SHORTEST = 500;
export const LONGEST = 15_000;

/**
 * How long to wait before trying again: twice as long each time, and somewhere in the upper half of that, so that many
 * pages that lost the same server do not come back in one moment.
 *
 * @param {number} attempt - 0 for the first try again.
 * @param {() => number} random - From 0 to 1.
 * @returns {number} Milliseconds.
 */
export function backoff(attempt, random = Math.random) {
  const most = Math.min(LONGEST, SHORTEST * 2 ** Math.min(attempt, 16));
  return most / 2 + (most / 2) * random();
}
