/** The last values of something that is measured again and again. */
export class History {
  /** @param {number} length */
  constructor(length) {
    this.length = length;
    this.values = [];
  }

  /** @param {number | undefined} value - undefined for a gap. */
  add(value) {
    this.values.push(value);
    if (this.values.length > this.length) this.values.shift();
  }
}

/**
 * The SVG paths of a sparkline: the newest value at the right edge, zero at the bottom, a gap where there is no value.
 *
 * @param {readonly (number | undefined)[]} values
 * @param {{ width: number, height: number, length: number, atLeast?: number }} size - `length`: how many values fill the
 *   width. `atLeast`: the smallest value that the top may stand for.
 */
export function sparkline(values, { width, height, length, atLeast = 0 }) {
  const top = Math.max(atLeast, ...values.filter((value) => value !== undefined)) * 1.15 || 1;
  const step = width / Math.max(1, length - 1);
  const left = width - (values.length - 1) * step;
  const point = (value, index) => [round(left + index * step), round(height - (value / top) * height)];
  const runs = splitAtGaps(
    values.map((value, index) => (value === undefined ? undefined : point(value, index))),
  );
  return {
    line: runs.map((run) => `M${run.map((xy) => xy.join(" ")).join("L")}`).join(""),
    area: runs
      .map(
        (run) =>
          `M${run[0][0]} ${height}L${run.map((xy) => xy.join(" ")).join("L")}L${run.at(-1)[0]} ${height}Z`,
      )
      .join(""),
  };
}

/** How many events came in the last second, from one moment to the next. */
export class RateMeter {
  #times = [];

  /** @param {number} now - Milliseconds. */
  count(now) {
    this.#times.push(now);
  }

  /** @param {number} now - Milliseconds. */
  perSecond(now) {
    const first = this.#times.findIndex((time) => time > now - 1000);
    this.#times = first === -1 ? [] : this.#times.slice(first);
    return this.#times.length;
  }
}

function splitAtGaps(points) {
  const runs = [];
  let run;
  for (const point of points) {
    if (point === undefined) run = undefined;
    else if (run === undefined) runs.push((run = [point]));
    else run.push(point);
  }
  return runs;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
