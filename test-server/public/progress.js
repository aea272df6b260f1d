import { formatBytes } from "./format.js";

/** How far back the rate looks, in milliseconds. */
const WINDOW = 2000;

/** How fast something goes whose bytes are told from time to time. */
export class ProgressMeter {
  #samples = [];

  /** @param {number} now - Milliseconds. @param {number} bytes - All of them so far. */
  add(now, bytes) {
    this.#samples.push({ now, bytes });
    while (this.#samples.length > 2 && this.#samples[1].now <= now - WINDOW) this.#samples.shift();
  }

  /** Bytes a second, of late; undefined as long as nothing can be said. */
  get rate() {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last.now === first.now) return undefined;
    return (1000 * (last.bytes - first.bytes)) / (last.now - first.now);
  }
}

/** `5.0 MiB of 20.0 MiB · 25 % · 2.5 MiB/s` */
export function progressText(loaded, total, rate) {
  const parts = [`${formatBytes(loaded)} of ${formatBytes(total)}`, `${percent(loaded, total)} %`];
  if (rate !== undefined) parts.push(`${formatBytes(rate)}/s`);
  return parts.join(" · ");
}

/** A whole number that is 100 only when all is done. */
export function percent(loaded, total) {
  return total > 0 ? Math.floor((100 * loaded) / total) : 100;
}
