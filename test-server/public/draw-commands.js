/** The size of the shared drawing. Everybody draws in the same units, however large the canvas is on the screen. */
export const WIDTH = 640;
export const HEIGHT = 400;

const COLOUR = /^#[0-9a-f]{6}$/i;
const NUMBER = /^-?\d{1,5}(\.\d{1,6})?$/;
const MAX_WIDTH = 64;
const MAX_RADIUS = 1000;

/**
 * Reads drawing commands, separated by `;`. What is none is left out: anybody may send anything into a mirror.
 *
 * - `d #rrggbb x1 y1 x2 y2` a line, with its width as a further number, 2 without
 * - `c #rrggbb x y r` a circle
 *
 * @param {string} text
 */
export function parseCommands(text) {
  return text
    .split(";")
    .map(parseCommand)
    .filter((command) => command !== undefined);
}

function parseCommand(text) {
  const [letter, colour, ...rest] = text.trim().split(/\s+/);
  if (!COLOUR.test(colour ?? "") || !rest.every((field) => NUMBER.test(field))) return undefined;
  const numbers = rest.map(Number);
  if (letter === "d" && (numbers.length === 4 || numbers.length === 5)) {
    const [x1, y1, x2, y2, width = 2] = numbers;
    return { kind: "line", colour, x1, y1, x2, y2, width: clamp(width, 0.5, MAX_WIDTH) };
  }
  if (letter === "c" && numbers.length === 3) {
    const [x, y, r] = numbers;
    return { kind: "circle", colour, x, y, r: clamp(r, 0, MAX_RADIUS) };
  }
  return undefined;
}

/** The command for a line, in whole tenths of a unit. */
export function lineCommand({ colour, x1, y1, x2, y2, width }) {
  return `d ${colour} ${[x1, y1, x2, y2, width].map(tenths).join(" ")};`;
}

function tenths(value) {
  return String(Math.round(value * 10) / 10);
}

function clamp(value, min, max) {
  return Math.min(max, Math.max(min, value));
}
