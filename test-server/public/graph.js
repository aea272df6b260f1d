import { History, sparkline } from "./sparkline.js";

const SIZE = { width: 240, height: 48 };

/**
 * A sparkline of the page with its value in words beside it.
 *
 * @param {string} name - What the ids of its elements begin with.
 * @param {{ samples: number, atLeast: number }} options - How many values fill its width, and the smallest value that the
 *   top may stand for.
 */
export function graph(name, byId, { samples, atLeast }) {
  const history = new History(samples);
  return {
    /** Adds a value, or undefined for a gap. */
    add(value, label) {
      history.add(value);
      byId(`${name}-value`).textContent = label;
      const { line, area } = sparkline(history.values, { ...SIZE, length: samples, atLeast });
      byId(`${name}-line`).setAttribute("d", line);
      byId(`${name}-area`).setAttribute("d", area);
    },
  };
}
