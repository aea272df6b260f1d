/** The drawing that the test page shows, in its units. */
const WIDTH = 640;
const HEIGHT = 400;
const MAX_RADIUS = 24;

/**
 * A circle somewhere in the drawing, as the test page reads it from the mirror: `c #rrggbb x y r;`.
 *
 * @param random - From 0 to just below 1, as `Math.random` is.
 */
export function circleCommand(random: () => number): string {
  const below = (end: number) => Math.floor(random() * end);
  const colour = below(0x1000000).toString(16).padStart(6, "0");
  return `c #${colour} ${below(WIDTH)} ${below(HEIGHT)} ${1 + below(MAX_RADIUS)};`;
}
